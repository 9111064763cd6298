"""Who gets where: every route has decided, and a stranger learns nothing."""

import asyncio
import json
from collections.abc import Iterator
from io import StringIO
from typing import Any

import httpx
import pytest
from starlette.routing import Mount, Route

from memory_store import MemoryStore
from parts import API, open_gate
from pinakes.api.application import admin_application, application
from pinakes.api.gate import Gate
from pinakes.api.routes import admin_route_table, route_table
from pinakes.api.state import ServerState
from pinakes.auth.admission import Admission
from pinakes.auth.caller import Caller
from pinakes.auth.errors import ProviderUnreachable, TokenRefused
from pinakes.auth.policy import read_policy
from pinakes.catalog.access import READ_ACCESS
from pinakes.catalog.model import Model, ModelKey
from pinakes.catalog.revision import Change
from pinakes.catalog.service import ModelCatalog
from pinakes.telemetry.formats import LogFormat
from pinakes.telemetry.log import Log
from pinakes.telemetry.process import Telemetry

MODELS = f"{API}/model/metadata"
OPEN = {
    "/livez",
    "/readyz",
    "/openapi.yaml",
    "/docs",
    "/docs/docs.js",
    "/docs/assets",
    "/seldon-deploy/api/status",
}
"""All that answers a stranger."""

ADA = Caller("Žofie", "Žofie N.", "z@example.org", ("analysts", "ü"))
POLICY = {
    "user_grants": {
        "Žofie": [
            {"action": "read", "resource": "project/seen"},
            {"action": "write", "resource": "project/written"},
        ]
    }
}


async def identify(token: str) -> Caller:
    if token == "of an issuer that is away":
        raise ProviderUnreachable("the keys of https://issuer.example could not be read so far")
    if token != "good":
        raise TokenRefused(f"it is {len(token)} letters long")
    return ADA


class Api:
    """The API over a store in memory, under a policy, with the log that it writes."""

    def __init__(self, gate: Gate | None = None) -> None:
        self.store = MemoryStore()
        self.log = StringIO()
        self.telemetry = Telemetry(Log(LogFormat.JSON, self.log))
        access_of = read_policy(json.dumps(POLICY).encode()).access_of
        gate = gate or Gate(frozenset(), Admission(access_of, identify))
        self.application = application(
            ModelCatalog(self.store), gate, self.telemetry, ServerState()
        )

    def ask(
        self, method: str, path: str, token: str | None = "good", **sent: Any
    ) -> httpx.Response:
        headers = [("Authorization", f"Bearer {token}")] if token is not None else []
        return self.ask_with(method, path, headers, **sent)

    def ask_with(
        self, method: str, path: str, headers: list[tuple[str, str]], **sent: Any
    ) -> httpx.Response:
        async def story() -> httpx.Response:
            transport = httpx.ASGITransport(self.application, raise_app_exceptions=False)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://localhost"
            ) as client:
                return await client.request(method, path, headers=headers, **sent)

        return asyncio.run(story())

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.getvalue().splitlines()]

    def keep(self, *projects: str) -> None:
        """Keep one model in each project."""
        for project in projects:
            model = Model(uri="u", project=project)
            asyncio.run(self.store.create_model(model, Change(actor="setter", door="test")))

    def actors(self, project: str) -> list[str]:
        revisions = asyncio.run(self.store.list_revisions(ModelKey("u", project)))
        return [revision.change.actor for revision in revisions]


@pytest.fixture
def api() -> Api:
    return Api()


def routes() -> Iterator[tuple[str, str]]:
    for route in route_table(open_gate()):
        assert isinstance(route, Route | Mount), "a kind of route that nobody has decided on"
        for method in (route.methods if isinstance(route, Route) else None) or {"GET"}:
            yield method, route.path


@pytest.mark.parametrize(("method", "path"), sorted(routes()))
def test_every_route_is_either_open_by_name_or_closed_to_strangers(
    api: Api, method: str, path: str
) -> None:
    asked = path.replace("{dependency}", "ALL").replace("/docs/assets", "/docs/assets/index.css")
    answer = api.ask(method, asked, token=None)
    assert answer.status_code == (200 if path in OPEN else 401)


def test_a_stranger_does_not_even_learn_which_paths_there_are(api: Api) -> None:
    assert api.ask("GET", "/nowhere", token=None).status_code == 401
    assert api.ask("PATCH", MODELS, token=None).status_code == 401
    assert api.ask("GET", "/nowhere").status_code == 404
    assert api.ask("PATCH", MODELS).status_code == 405


def test_the_admin_port_tells_health_and_metrics_to_everybody() -> None:
    api = Api()
    api.application = admin_application(ModelCatalog(api.store), api.telemetry, ServerState())
    paths = [route.path for route in admin_route_table() if isinstance(route, Route)]
    assert sorted(paths) == ["/livez", "/metrics", "/readyz"]
    for path in paths:
        assert api.ask("GET", path, token=None).status_code == 200
    for path in (MODELS, f"{API}/user", "/docs", "/nowhere"):
        assert api.ask("GET", path, token="good").status_code == 404


def test_without_a_token_a_caller_is_asked_for_one(api: Api) -> None:
    answer = api.ask("GET", MODELS, token=None)
    assert (answer.status_code, answer.json()["code"]) == (401, 16)
    assert answer.headers["www-authenticate"] == 'Bearer realm="pinakes"'
    assert "Authorization: Bearer" in answer.json()["message"]


@pytest.mark.parametrize(
    "headers",
    [
        [("Authorization", "Bearer ")],
        [("Authorization", "Bearer")],
        [("Authorization", "Basic YTpi")],
        [("Authorization", "good")],
        [("Authorization", "Bearer good"), ("Authorization", "Bearer good")],
    ],
)
def test_what_is_no_single_bearer_token_is_none(api: Api, headers: list[tuple[str, str]]) -> None:
    answer = api.ask_with("GET", MODELS, headers)
    assert answer.headers["www-authenticate"] == 'Bearer realm="pinakes"'


def test_the_name_of_the_scheme_may_be_written_in_any_case(api: Api) -> None:
    for scheme in ("bearer", "BEARER"):
        headers = [("Authorization", f"{scheme} good")]
        assert api.ask_with("GET", MODELS, headers).status_code == 200


def test_all_bad_tokens_are_told_the_same_and_the_log_is_told_why(api: Api) -> None:
    answers = [api.ask("GET", MODELS, token) for token in ("bad", "worse", "x" * 9)]
    assert len({answer.text for answer in answers}) == 1
    assert {answer.status_code for answer in answers} == {401}
    challenge = 'Bearer realm="pinakes", error="invalid_token"'
    assert {answer.headers["www-authenticate"] for answer in answers} == {challenge}
    refused = [event for event in api.events() if event["event"] == "TokenRefused"]
    assert [event["reason"] for event in refused] == [
        f"it is {length} letters long" for length in (3, 5, 9)
    ]
    assert [event["request_id"] for event in refused] == [
        answer.headers["x-request-id"] for answer in answers
    ]


def test_nobody_is_called_bad_while_nobody_can_judge(api: Api) -> None:
    answer = api.ask("GET", MODELS, "of an issuer that is away")
    assert (answer.status_code, answer.json()["code"]) == (503, 14)
    assert "issuer.example" not in answer.text
    assert int(answer.headers["retry-after"]) > 0


def test_the_body_of_a_stranger_is_not_looked_at(api: Api) -> None:
    for token in (None, "bad"):
        assert api.ask("POST", MODELS, token, content=b"x" * 2**21).status_code == 401


def test_a_caller_is_told_who_he_is(api: Api) -> None:
    assert api.ask("GET", f"{API}/user").json() == {
        "Id": "Žofie",
        "Name": "Žofie N.",
        "Email": "z@example.org",
        "Groups": ["analysts", "ü"],
    }


def test_a_caller_is_the_actor_of_what_he_does_and_the_log_says_so(api: Api) -> None:
    api.ask("POST", MODELS, json={"URI": "u", "project": "written"})
    assert api.actors("written") == ["Žofie"]
    api.ask("POST", MODELS, token="bad", json={"URI": "u", "project": "written"})
    answered = [event for event in api.events() if event["event"] == "RequestAnswered"]
    assert [event["actor"] for event in answered] == ["Žofie", "anonymous"]


# What the policy lets him see and do


def statuses(api: Api, project: str) -> dict[str, int]:
    key = {"URI": "u", "project": project}
    return {
        "POST": api.ask("POST", MODELS, json=key).status_code,
        "PUT": api.ask("PUT", MODELS, json=key).status_code,
        "DELETE": api.ask("DELETE", MODELS, params=key).status_code,
    }


def test_what_may_not_be_read_is_not_there_whether_or_not_it_is(api: Api) -> None:
    before = statuses(api, "hidden")
    api.keep("hidden")
    assert statuses(api, "hidden") == before == {"POST": 403, "PUT": 404, "DELETE": 404}


def test_what_may_be_read_but_not_written_is_forbidden_whether_or_not_it_is_there(api: Api) -> None:
    before = statuses(api, "seen")
    api.keep("seen")
    assert statuses(api, "seen") == before == {"POST": 403, "PUT": 403, "DELETE": 403}


def test_what_may_be_written_but_not_read_can_be_created_once(api: Api) -> None:
    assert statuses(api, "written") == {"POST": 200, "PUT": 404, "DELETE": 404}
    assert statuses(api, "written") == {"POST": 409, "PUT": 404, "DELETE": 404}


def test_the_words_for_what_is_hidden_are_those_for_what_is_absent(api: Api) -> None:
    api.keep("hidden")
    hidden, absent = (
        api.ask("PUT", MODELS, json={"URI": uri, "project": "hidden"}).text for uri in ("u", "v")
    )
    assert hidden.replace("'u'", "'v'") == absent
    refused = [
        api.ask("POST", MODELS, json={"URI": uri, "project": "hidden"}).text for uri in ("u", "v")
    ]
    assert len(set(refused)) == 1


def test_an_update_of_what_is_hidden_is_judged_like_one_of_what_is_absent(api: Api) -> None:
    wrong = {"URI": "u", "version": "x" * 51}
    for project in ("hidden", "written"):
        assert api.ask("PUT", MODELS, json=wrong | {"project": project}).status_code == 400


def test_a_create_where_one_may_not_write_is_forbidden_whatever_else_is_wrong(api: Api) -> None:
    assert api.ask("POST", MODELS, json={"URI": "", "project": "seen"}).status_code == 403


def test_who_may_write_nowhere_is_told_so_before_his_model_is_read() -> None:
    api = Api(Gate(frozenset(), Admission(lambda _: READ_ACCESS)))
    for body in (b"{", b"[]", b'{"URI": "u", "name": 5}', b'{"URI": "u"}'):
        headers = [("Content-Type", "application/json")]
        answer = api.ask_with("POST", MODELS, headers, content=body)
        assert (answer.status_code, answer.json()["code"]) == (403, 7)


def test_a_stranger_is_asked_who_he_is_before_by_which_name_he_asks(api: Api) -> None:
    foreign = [("Host", "pinakes.example")]
    assert api.ask_with("GET", MODELS, foreign).status_code == 401
    known = [*foreign, ("Authorization", "Bearer good")]
    assert api.ask_with("GET", MODELS, known).status_code == 403


def test_a_listing_that_names_a_hidden_project_is_empty(api: Api) -> None:
    api.keep("hidden", "seen")
    answer = api.ask("GET", MODELS, params={"project": "hidden"})
    assert (answer.status_code, answer.json()) == (200, {"models": [], "nextPageToken": ""})
    assert [model["project"] for model in api.ask("GET", MODELS).json()["models"]] == ["seen"]


# Where nobody is asked who he is


def test_without_authentication_the_empty_token_of_the_sdk_is_welcome() -> None:
    api = Api(open_gate())
    assert api.ask("GET", MODELS, token="").status_code == 200
    assert api.ask("GET", MODELS, token="anything").status_code == 200
    assert api.ask("GET", f"{API}/user").json()["Id"] == "anonymous"


def test_the_anonymous_may_be_allowed_to_read_alone() -> None:
    api = Api(Gate(frozenset(), Admission(lambda _: READ_ACCESS)))
    assert statuses(api, "default") == {"POST": 403, "PUT": 403, "DELETE": 403}
    assert api.ask("GET", MODELS).status_code == 200
