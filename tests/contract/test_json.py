"""The very JSON of the answers: field by field, in their order, with nothing more."""

import asyncio
import json
import re
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import httpx
import pytest

from parts import SCHEMA, RunningServer
from pinakes.catalog.runtime import DeploymentType, RuntimeMetadata
from pinakes.postgres.pool import Pool
from pinakes.postgres.store import PostgresStore

Json = dict[str, Any]

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
NOW = "2026-11-03T15:26:26.630592Z"

FULL: Json = {
    "URI": "gs://json/full",
    "name": "Prüfung 😀",
    "version": "1.0.0",
    "artifactType": "SKLEARN",
    "taskType": "classification",
    "tags": {"author": "Bob", "trained by": ""},
    "metrics": {"auc": 0.91, "rows": 32561.0},
    "creationTime": NOW,
    "predictionSchema": {
        "requests": [
            {
                "name": "Age",
                "type": "REAL",
                "dataType": "FLOAT",
                "nCategories": "0",
                "categoryMap": {},
                "schema": [],
                "shape": [],
            },
            {
                "name": "Workclass",
                "type": "CATEGORICAL",
                "dataType": "INT",
                "nCategories": "2",
                "categoryMap": {"0": "Private", "1": "State"},
                "schema": [],
                "shape": [],
            },
            {
                "name": "Image",
                "type": "TENSOR",
                "dataType": "BYTES",
                "nCategories": "0",
                "categoryMap": {},
                "schema": [],
                "shape": ["-1", "28"],
            },
        ],
        "responses": [
            {
                "name": "Income",
                "type": "PROBA",
                "dataType": "FLOAT",
                "nCategories": "0",
                "categoryMap": {},
                "schema": [
                    {"name": "<=$50K", "dataType": "FLOAT"},
                    {"name": ">$50K", "dataType": "FLOAT"},
                ],
                "shape": [],
            }
        ],
    },
    "project": "json",
    "runtimeDefaults": {"defaultProtocol": "PROTOCOL_V2"},
}

EMPTY: Json = {
    "URI": "gs://json/empty",
    "name": "",
    "version": "",
    "artifactType": "UNKNOWN",
    "taskType": "",
    "tags": {},
    "metrics": {},
    "creationTime": NOW,
    "predictionSchema": None,
    "project": "default",
    "runtimeDefaults": None,
}

SERVED: Json = {
    "modelUri": "gs://json/full",
    "deploymentName": "income",
    "deploymentNamespace": "production",
    "deploymentKubernetesUid": "json-1",
    "predictorName": "default",
    "nodeName": "income-container",
    "deploymentStatus": "Running",
    "deploymentType": "SeldonDeployment",
    "traffic": "90",
    "shadow": False,
    "creationTime": NOW,
    "model": FULL,
    "explainer": True,
    "replicas": "2",
}

LENIENT: Json = {
    "uri": "gs://json/full",
    "name": "Prüfung 😀",
    "version": "1.0.0",
    "artifact_type": 3,
    "task_type": "classification",
    "tags": {"author": "Bob", "trained by": ""},
    "metrics": {"auc": "0.91", "rows": 32561},
    "creation_time": "whenever",
    "prediction_schema": {
        "requests": [
            {"name": "Age", "type": 0, "n_categories": None},
            {
                "name": "Workclass",
                "type": "CATEGORICAL",
                "data_type": "INT",
                "n_categories": 2,
                "category_map": {"0": "Private", "1": "State"},
            },
            {"name": "Image", "type": "TENSOR", "dataType": 4, "shape": [-1, "28"]},
        ],
        "responses": [
            {"name": "Income", "type": "PROBA", "schema": [{"name": "<=$50K"}, {"name": ">$50K"}]}
        ],
    },
    "project": "json",
    "runtime_defaults": {"default_protocol": "PROTOCOL_V2"},
    "unknown": [],
}
"""FULL as an older or sloppier client writes it."""


def compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def golden(answer: httpx.Response) -> str:
    """Return the text of an answer, every time in it replaced by NOW."""
    assert answer.headers["Content-Type"] == "application/json"
    return TIME.sub(NOW, answer.text)


@pytest.fixture(scope="module")
def models(server: RunningServer) -> Iterator[str]:
    """Register FULL and EMPTY, and return where models are."""
    models = f"{server.api}/model/metadata"
    for model in (LENIENT, {"URI": EMPTY["URI"]}):
        assert golden(httpx.post(models, json=model)) == "{}"
    yield models
    for model in (FULL, EMPTY):
        key = {"URI": model["URI"], "project": model["project"]}
        assert golden(httpx.delete(models, params=key)) == "{}"


def test_a_listing_writes_every_field_of_a_full_and_of_an_empty_model(models: str) -> None:
    listed = httpx.get(models, params={"query": 'URI % "gs://json/"'})
    assert golden(listed) == compact({"models": [EMPTY, FULL], "nextPageToken": ""})


def test_a_masked_listing_writes_every_field_but_most_of_them_empty(models: str) -> None:
    listed = httpx.get(models, params={"URI": FULL["URI"], "listMask": "name,task_type"})
    shown = {name: FULL[name] for name in ("URI", "project", "name", "taskType")}
    masked = EMPTY | {"creationTime": None} | shown
    assert golden(listed) == compact({"models": [masked], "nextPageToken": ""})


def test_a_page_that_others_follow_has_a_token(models: str) -> None:
    page = httpx.get(models, params={"query": 'URI % "gs://json/"', "pageSize": 1}).json()
    assert [model["URI"] for model in page["models"]] == [EMPTY["URI"]]
    assert re.fullmatch("[A-Za-z0-9_-]+=*", page["nextPageToken"])


def test_an_empty_listing_is_an_empty_list(models: str) -> None:
    assert golden(httpx.get(models, params={"URI": "gs://json/none"})) == (
        '{"models":[],"nextPageToken":""}'
    )
    assert golden(httpx.get(f"{models}/runtime", params={"ModelURI": "gs://json/none"})) == (
        '{"runtimeMetadata":[],"nextPageToken":""}'
    )


def test_a_model_that_is_sent_back_as_it_was_listed_stays_as_it_is(models: str) -> None:
    def listed() -> Json:
        return httpx.get(models, params={"URI": FULL["URI"]}).json()["models"][0]

    before = listed()
    assert golden(httpx.put(models, json=before)) == "{}"
    assert listed() == before


def test_runtime_metadata_has_every_field_and_its_model(models: str, server: RunningServer) -> None:
    asyncio.run(record_runtime(server.conninfo))
    listed = httpx.get(f"{models}/runtime", params={"ModelURI": FULL["URI"]})
    assert golden(listed) == compact({"runtimeMetadata": [SERVED], "nextPageToken": ""})


async def record_runtime(conninfo: str) -> None:
    async with Pool(lambda: conninfo) as pool:
        await PostgresStore(pool, SCHEMA).record_runtime(
            RuntimeMetadata(
                model_uri=FULL["URI"],
                project=FULL["project"],
                deployment_name="income",
                deployment_namespace="production",
                deployment_uid="json-1",
                deployment_type=DeploymentType.SELDON_DEPLOYMENT,
                predictor_name="default",
                node_name="income-container",
                traffic=90,
                replicas=2,
                explainer=True,
            )
        )


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/livez", {"status": "ok"}),
        ("/readyz", {"status": "ok"}),
        ("/seldon-deploy/api/status", {"status": "ok"}),
        (
            "/seldon-deploy/api/v1alpha1/user",
            {"Id": "anonymous", "Name": "anonymous", "Email": "", "Groups": []},
        ),
        (
            "/seldon-deploy/api/v1alpha1/healthcheck/ALL",
            {
                "dependenciesHealth": [
                    {
                        "dependency": "POSTGRES",
                        "status": "ENABLED_AND_REACHABLE",
                        "description": "the database answers",
                        "fetchedAt": NOW,
                        "lastActiveFetchedAt": NOW,
                    }
                ]
            },
        ),
    ],
)
def test_a_healthy_server_says_so(server: RunningServer, path: str, expected: Json) -> None:
    assert golden(httpx.get(server.url + path)) == compact(expected)


def error(code: int, message: str) -> str:
    return compact({"code": code, "message": message, "details": []})


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("{}", "URI: is missing, it says where the artefact is"),
        ("[]", "expected an object, got an array"),
        ('{"URI":1}', "URI: expected a string, got a number"),
        ('{"URI":"a","uri":"a"}', "URI: is given twice, as URI and as uri"),
        ('{"URI":"a","tags":{"a":null}}', 'tags["a"]: expected a string, got null'),
        ('{"URI":"a","tags":{"\\u0000":""}}', 'tags["\\u0000"]: has a NUL character'),
        ('{"URI":"a","name":"\\ud800"}', "name: has a lone surrogate, which is no character"),
        ('{"URI":"a","metrics":{"a b":NaN}}', 'metrics["a b"]: expected a finite number'),
        ('{"URI":"a","metrics":{"a":"1e999"}}', 'metrics["a"]: expected a finite number'),
        ('{"URI":"a","artifactType":"sklearn"}', "artifactType: unknown value, expected one of"),
        ('{"URI":"a","prediction_schema":{}}', "predictionSchema.requests: needs at least one"),
        (
            '{"URI":"a","predictionSchema":{"requests":[{"name":"x"}]}}',
            "predictionSchema.requests[0].type: is missing",
        ),
        ('{"URI":"' + "a" * 201 + '"}', "URI: has 201 characters, at most 200 are allowed"),
        ('{"URI":', "the body is not JSON: "),
    ],
)
def test_a_wrong_body_is_told_by_the_path_of_its_field(
    server: RunningServer, body: str, message: str
) -> None:
    headers = {"Content-Type": "application/json"}
    for method in ("POST", "PUT"):
        answer = httpx.request(
            method, f"{server.api}/model/metadata", content=body, headers=headers
        )
        assert answer.status_code == 400
        found = json.loads(golden(answer))
        assert list(found) == ["code", "message", "details"]
        assert (found["code"], found["details"]) == (3, [])
        assert found["message"].startswith(message)


def test_a_model_that_is_there_is_not_created_again(models: str) -> None:
    answer = httpx.post(models, json={"URI": EMPTY["URI"]})
    message = "model 'gs://json/empty' exists already in project 'default'; update it instead"
    assert (answer.status_code, golden(answer)) == (409, error(6, message))


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_model_that_is_not_there_is_not_found(models: str, method: str) -> None:
    key = {"URI": "gs://json/none", "project": "json"}
    answer = httpx.put(models, json=key) if method == "PUT" else httpx.delete(models, params=key)
    message = "record not found: no model 'gs://json/none' in project 'json'"
    assert (answer.status_code, golden(answer)) == (404, error(5, message))


def test_a_wrong_query_is_shown_with_a_caret_below(models: str) -> None:
    answer = httpx.get(models, params={"query": "name=iris\nAND size=1"})
    lines = json.loads(golden(answer))["message"].split("\n")
    assert answer.status_code == 400
    assert lines[1:] == ["name=iris AND size=1", "              ^"]


LONG = "a" * 70_000


MODELS = "/seldon-deploy/api/v1alpha1/model/metadata"
CALLER = "/seldon-deploy/api/v1alpha1/user"
REDIS = "/seldon-deploy/api/v1alpha1/healthcheck/REDIS"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}

NOWHERE = "There is nothing at this path; /docs shows what there is."
WRONG_METHOD = "The path does not answer to this method; /docs shows the ones it does."
NO_DEPENDENCY = "there is no dependency but ALL and POSTGRES"
FOREIGN = "The Host header is no name of this server; list it in PINAKES_ALLOWED_HOSTS."
NOT_JSON = "A body is only read as Content-Type: application/json, in UTF-8."
TOO_LARGE = "The body is larger than 1 MiB."
TOO_LONG_HEADERS = "The headers are larger than 64 KiB."


@pytest.mark.parametrize(
    ("request_line", "sent", "status", "expected"),
    [
        ("GET /nowhere", {}, 404, (5, NOWHERE)),
        (f"PATCH {MODELS}", {}, 405, (12, WRONG_METHOD)),
        (f"GET {REDIS}", {}, 404, (5, NO_DEPENDENCY)),
        (f"GET {CALLER}", {"headers": {"Host": "elsewhere.example"}}, 403, (7, FOREIGN)),
        (f"POST {MODELS}", {"content": "{}", "headers": FORM}, 415, (3, NOT_JSON)),
        (f"POST {MODELS}", {"json": "a" * (1024 * 1024)}, 413, (3, TOO_LARGE)),
        ("GET /livez", {"headers": {"X": LONG}}, 431, (3, TOO_LONG_HEADERS)),
    ],
)
def test_every_error_has_the_same_shape(
    server: RunningServer, request_line: str, sent: Json, status: int, expected: tuple[int, str]
) -> None:
    method, path = request_line.split()
    answer = httpx.request(method, server.url + path, **sent)
    assert (answer.status_code, golden(answer)) == (status, error(*expected))


def test_a_path_that_is_too_long_has_the_same_shape(server: RunningServer) -> None:
    connection = HTTPConnection(server.url.removeprefix("http://"))  # httpx would not send it
    connection.request("GET", f"/livez?{LONG}")
    answer = connection.getresponse()
    expected = error(3, "The path with its parameters is longer than 64 KiB.")
    assert (answer.status, answer.read().decode()) == (414, expected)
    connection.close()


def test_a_wrong_method_is_told_the_right_ones(server: RunningServer) -> None:
    answer = httpx.patch(f"{server.api}/model/metadata")
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "POST", "PUT", "DELETE"}


def test_a_sane_request_id_comes_back_and_any_other_is_replaced(server: RunningServer) -> None:
    def echoed(request_id: str) -> str:
        headers = {"X-Request-Id": request_id}
        return httpx.get(f"{server.url}/livez", headers=headers).headers["X-Request-Id"]

    assert echoed("step-4") == "step-4"
    assert re.fullmatch("[0-9a-f]{32}", echoed("no spaces"))
