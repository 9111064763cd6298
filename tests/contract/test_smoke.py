import httpx
from parts import RunningServer


def test_a_model_that_was_created_is_listed(server: RunningServer) -> None:
    model = {"URI": "gs://smoke/iris", "name": "iris"}
    assert httpx.post(f"{server.api}/model/metadata", json=model).json() == {}
    listed = httpx.get(f"{server.api}/model/metadata", params={"URI": "gs://smoke/iris"}).json()
    assert [found["name"] for found in listed["models"]] == ["iris"]
