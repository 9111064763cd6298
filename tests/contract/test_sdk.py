"""The published SDK, version by version, does with Pinakes what it did with the platform."""

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from uuid import uuid4

import pytest

from contract.sdk.client import Json, Refused, Sdk, running_sdk
from parts import SCHEMA, RunningServer
from pinakes.catalog.model import ArtifactType, Model
from pinakes.catalog.revision import Change
from pinakes.catalog.runtime import DeploymentStatus, DeploymentType, RuntimeMetadata
from pinakes.postgres.pool import Pool
from pinakes.postgres.store import PostgresStore

VERSIONS = ("1.2.0", "1.6.0.1", "2.1.0", "2.4.0")


def since(first: str) -> pytest.MarkDecorator:
    """Run a test with the versions that know what it is about."""
    return pytest.mark.parametrize("version", VERSIONS[VERSIONS.index(first) :])


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def start_sdk(server: RunningServer) -> Iterator[Callable[[str], Sdk]]:
    """Starts each version once, when it is first needed."""
    with ExitStack() as stack:

        @cache
        def start(version: str) -> Sdk:
            return stack.enter_context(running_sdk(version, server.url))

        yield start


@pytest.fixture
def sdk(version: str, start_sdk: Callable[[str], Sdk]) -> Sdk:
    return start_sdk(version)


@pytest.fixture
def fresh_sdk(version: str, fresh_server: RunningServer) -> Iterator[Sdk]:
    with running_sdk(version, fresh_server.url) as sdk:
        yield sdk


@pytest.fixture
def uri() -> str:
    return f"s3://contract/{uuid4().hex}"


# What the demos do


ALPHA: Json = {
    "uri": "s3://demo/alpha/1.0.0",
    "name": "alpha",
    "version": "v1.0.0",
    "artifact_type": "XGBOOST",
    "task_type": "regression",
    "tags": {"author": "Jon", "a tag with spaces": "and a value with some"},
}
BETAS: list[Json] = [
    {
        "uri": f"s3://demo/beta/{number}.0.0",
        "name": "beta",
        "version": f"v{number}.0.0",
        "artifact_type": "SKLEARN",
        "task_type": "classification",
        "tags": {"author": author},
    }
    for number, author in enumerate(("Jon", "Bob", "Bob"), start=1)
]
IRIS = Model(
    uri="gs://demo/iris", artifact_type=ArtifactType.SKLEARN, tags={"auto_created": "true"}
)
RESNET = Model(
    uri="gs://demo/resnet", artifact_type=ArtifactType.TENSORFLOW, tags={"auto_created": "true"}
)


def iris_on(predictor: str, *, traffic: int, status: DeploymentStatus) -> RuntimeMetadata:
    return RuntimeMetadata(
        model_uri=IRIS.uri,
        deployment_name="iris",
        deployment_namespace="seldon",
        deployment_uid="8f1f8a2e-0001",
        deployment_type=DeploymentType.SELDON_DEPLOYMENT,
        deployment_status=status,
        predictor_name=predictor,
        node_name="iris-container",
        traffic=traffic,
    )


def test_the_metadata_demo_runs_to_its_end(fresh_sdk: Sdk, fresh_server: RunningServer) -> None:
    sdk = fresh_sdk
    write(
        fresh_server,
        IRIS,
        RESNET,
        iris_on("default", traffic=90, status=DeploymentStatus.RUNNING),
        iris_on("canary", traffic=10, status=DeploymentStatus.RUNNING),
        iris_on("retired", traffic=0, status=DeploymentStatus.STOPPED),
    )

    for model in (ALPHA, *BETAS):
        sdk.create(**model)

    everything = {IRIS.uri, RESNET.uri, ALPHA["uri"], *(beta["uri"] for beta in BETAS)}
    assert uris(sdk.models()) == everything
    assert uris(sdk.models(name="beta", tags={"author": "Jon"})) == {BETAS[0]["uri"]}
    assert uris(sdk.models(tags={"author": "Bob"})) == {BETAS[1]["uri"], BETAS[2]["uri"]}

    before = only(sdk.models(uri=ALPHA["uri"]))
    assert before["tags"] == ALPHA["tags"]
    changed = {"author": "Jane", "a tag with spaces": "changed", "and one": "more"}
    sdk.update(**ALPHA | {"tags": changed})
    assert only(sdk.models(uri=ALPHA["uri"])) == before | {"tags": changed}

    running = sdk.runtime(model_uri=IRIS.uri, deployment_status="Running")
    assert [(row["predictor_name"], row["traffic"]) for row in running] == [
        ("canary", "10"),
        ("default", "90"),
    ]
    deployed = sdk.runtime(deployment_name="iris", deployment_namespace="seldon")
    assert deployed == running
    if "model" in sdk.fields("V1RuntimeMetadata"):
        assert [row["model"] for row in deployed] == 2 * sdk.models(uri=IRIS.uri)


def feature(name: str, kind: str, **given: object) -> Json:
    """Return a feature as the SDK decodes it: with every default filled in."""
    defaults: Json = {"data_type": "FLOAT", "n_categories": "0"}
    empty: Json = {"category_map": {}, "schema": [], "shape": []}
    return {"name": name, "type": kind} | defaults | empty | given


FRAUD: Json = {
    "URI": "gs://workshop/fraud/xgboost",
    "name": "fraud-detector",
    "version": "v2.0",
    "artifactType": "XGBOOST",
    "taskType": "classification",
    "tags": {"auto_created": "true", "author": "Ada"},
    "metrics": {"accuracy": 0.9982, "recall": 1},
    "project": "default",
    "prediction_schema": {
        "requests": [
            {"name": "Amount", "type": "REAL", "data_type": "FLOAT"},
            {"name": "Hour", "type": "REAL", "data_type": "INT"},
        ],
        "responses": [{"name": "Fraud", "type": "PROBA", "schema": [{"name": "yes"}]}],
    },
}
FRAUD_SHOWN: Json = {
    "metrics": {"accuracy": 0.9982, "recall": 1.0},
    "prediction_schema": {
        "requests": [feature("Amount", "REAL"), feature("Hour", "REAL", data_type="INT")],
        "responses": [
            feature("Fraud", "PROBA", schema=[{"name": "yes", "data_type": "FLOAT"}]),
        ],
    },
}
STARS = {"0": "one star", "1": "five stars"}
REVIEWS: Json = {
    "URI": "registry.example/nlp/reviews:0.3",
    "name": "reviews",
    "version": "v1.0",
    "artifactType": "CUSTOM",
    "taskType": "text classification",
    "tags": {"auto_created": "true", "language": "en"},
    "metrics": {"accuracy": "0.87", "epochs": "12"},
    "project": "default",
    "prediction_schema": {
        "requests": [{"name": "review", "type": "TEXT"}],
        "responses": [
            {
                "name": "rating",
                "type": "CATEGORICAL",
                "dataType": "INT",
                "nCategories": "2",
                "categoryMap": STARS,
                "schema": [],
                "shape": [],
            }
        ],
    },
}
REVIEWS_SHOWN: Json = {
    "metrics": {"accuracy": 0.87, "epochs": 12.0},
    "prediction_schema": {
        "requests": [feature("review", "TEXT")],
        "responses": [
            feature("rating", "CATEGORICAL", data_type="INT", n_categories="2", category_map=STARS),
        ],
    },
}
STEEL: Json = {
    "URI": "gs://workshop/steel/defects",
    "name": "steel-defects",
    "version": "v1.0",
    "artifactType": "TENSORFLOW",
    "taskType": "image segmentation",
    "tags": {"auto_created": "true"},
    "metrics": {},
    "project": "default",
    "creationTime": "2022-02-15T15:26:26.630592Z",
    "prediction_schema": {
        "requests": [
            {"name": "photo", "type": "TENSOR", "data_type": "FLOAT", "shape": [256, 1600, 3]}
        ],
        "responses": [{"name": "area", "type": "REAL", "data_type": "FLOAT"}],
    },
}
STEEL_SHOWN: Json = {
    "metrics": {},
    "prediction_schema": {
        "requests": [feature("photo", "TENSOR", shape=["256", "1600", "3"])],
        "responses": [feature("area", "REAL")],
    },
}


@pytest.mark.parametrize(
    ("dictionary", "shown"),
    [
        pytest.param(FRAUD, FRAUD_SHOWN, id="fraud"),
        pytest.param(REVIEWS, REVIEWS_SHOWN, id="nlp"),
        pytest.param(STEEL, STEEL_SHOWN, id="steel"),
    ],
)
def test_the_dictionary_of_a_workshop_describes_the_entry_that_appeared_by_itself(
    sdk: Sdk, server: RunningServer, uri: str, dictionary: Json, shown: Json
) -> None:
    write(server, Model(uri=uri, tags={"auto_created": "true"}))
    appeared = only(sdk.models(uri=uri))

    sdk.update_dictionary(dictionary | {"URI": uri})

    wanted = shown | {
        "uri": uri,
        "name": dictionary["name"],
        "version": dictionary["version"],
        "artifact_type": dictionary["artifactType"],
        "task_type": dictionary["taskType"],
        "tags": dictionary["tags"],
        "project": "default",
        "runtime_defaults": None,
        "creation_time": appeared["creation_time"],
    }
    assert only(sdk.models(uri=uri)) == known_part(sdk, "V1Model", wanted)


# What a model and its runtime metadata hold


FEATURE: Json = {
    "name": "Outlook",
    "type": "CATEGORICAL",
    "data_type": "STRING",
    "n_categories": "9007199254740993",
    "category_map": {"0": "sunny", "1": "🌧"},
    "schema": [{"name": "sunny", "data_type": "BOOL"}, {"name": "rainy", "data_type": "BYTES"}],
    "shape": ["2", "-1"],
}
MODEL: Json = {
    "uri": "set by each test",
    "name": "Wetter",
    "version": "1.0 \N{BULLET} beta",
    "artifact_type": "ONNX",
    "task_type": "forecast",
    "tags": {"author": "Ada", "a key with [brackets] & more": "ä=ö", "empty": ""},
    "metrics": {"accuracy": 0.1, "loss": -1e-300, "rows": 12345678.0},
    "creation_time": "2001-02-03T04:05:06+00:00",
    "prediction_schema": {
        "requests": [FEATURE, FEATURE | {"name": "Wind"}],
        "responses": [FEATURE | {"name": "Play"}],
    },
    "project": "weather",
    "runtime_defaults": {"default_protocol": "PROTOCOL_V2"},
}
"""Every field that any version knows, none of them at its default."""


def test_every_field_of_a_model_comes_back(sdk: Sdk, uri: str) -> None:
    sent = known_part(sdk, "V1Model", MODEL | {"uri": uri})
    sdk.create(**sent)
    found = only(sdk.models(uri=uri))
    assert found == sent | {"creation_time": found["creation_time"]}


def test_every_field_of_a_model_can_be_updated(sdk: Sdk, uri: str) -> None:
    sent = known_part(sdk, "V1Model", MODEL | {"uri": uri})
    key = {name: sent[name] for name in ("uri", "project") if name in sent}
    sdk.create(**key, name="to be replaced", tags={"to be": "removed"})
    created = only(sdk.models(uri=uri))
    sdk.update(**sent)
    assert only(sdk.models(uri=uri)) == sent | {"creation_time": created["creation_time"]}


def test_a_model_is_as_old_as_its_entry_whatever_the_client_says(sdk: Sdk, uri: str) -> None:
    sdk.create(uri=uri, creation_time=MODEL["creation_time"])
    created = datetime.fromisoformat(only(sdk.models(uri=uri))["creation_time"])
    assert abs(datetime.now(UTC) - created) < timedelta(minutes=1)


def test_a_model_as_it_was_listed_can_be_sent_back(sdk: Sdk, uri: str) -> None:
    sdk.create(**known_part(sdk, "V1Model", MODEL | {"uri": uri}))
    found = only(sdk.models(uri=uri))
    sdk.update(**found)
    assert only(sdk.models(uri=uri)) == found


def test_a_model_of_nothing_but_a_uri_is_shown_with_every_default(sdk: Sdk, uri: str) -> None:
    sdk.create_dictionary({"URI": uri})
    found = only(sdk.models(uri=uri))
    empty: Json = {
        "uri": uri,
        "name": "",
        "version": "",
        "artifact_type": "UNKNOWN",
        "task_type": "",
        "tags": {},
        "metrics": {},
        "creation_time": found["creation_time"],
        "prediction_schema": None,
        "project": "default",
        "runtime_defaults": None,
    }
    assert found == known_part(sdk, "V1Model", empty)


def test_the_quotes_around_the_default_version_are_left_out(sdk: Sdk, uri: str) -> None:
    sdk.create(uri=uri)
    assert only(sdk.models(uri=uri))["version"] == "v0.0.1"


def test_every_artifact_type_comes_back(sdk: Sdk, uri: str) -> None:
    artifact_types = sdk.values("V1ArtifactType")
    for artifact_type in artifact_types:
        sdk.create(uri=f"{uri}/{artifact_type}", artifact_type=artifact_type)
    found = [only(sdk.models(uri=f"{uri}/{sent}"))["artifact_type"] for sent in artifact_types]
    assert found == artifact_types


@since("1.6.0.1")
def test_every_default_protocol_comes_back_in_its_right_spelling(sdk: Sdk, uri: str) -> None:
    protocols = sdk.values("V1DefaultProtocol")
    for protocol in protocols:
        defaults = {"default_protocol": protocol}
        sdk.create(uri=f"{uri}/{protocol}", runtime_defaults=defaults)
    found = [only(sdk.models(uri=f"{uri}/{sent}"))["runtime_defaults"] for sent in protocols]
    assert [defaults["default_protocol"] for defaults in found] == [
        protocol.replace("TENSERFLOW", "TENSORFLOW") for protocol in protocols
    ]


@since("1.6.0.1")
@pytest.mark.parametrize(
    ("kind", "field"), [("V1FeatureType", "type"), ("V1DataType", "data_type")]
)
def test_every_type_of_a_feature_comes_back(sdk: Sdk, uri: str, kind: str, field: str) -> None:
    features = [FEATURE | {field: value} for value in sdk.values(kind)]
    schema = {"requests": features, "responses": features}
    sdk.create(uri=uri, prediction_schema=schema)
    assert only(sdk.models(uri=uri))["prediction_schema"] == schema


@since("1.6.0.1")
def test_every_data_type_of_a_column_comes_back(sdk: Sdk, uri: str) -> None:
    columns = [{"name": value, "data_type": value} for value in sdk.values("V1DataType")]
    schema = {"requests": [FEATURE], "responses": [FEATURE | {"schema": columns}]}
    sdk.create(uri=uri, prediction_schema=schema)
    assert only(sdk.models(uri=uri))["prediction_schema"] == schema


def test_every_field_of_runtime_metadata_is_shown(
    sdk: Sdk, server: RunningServer, uri: str
) -> None:
    sdk.create(**known_part(sdk, "V1Model", MODEL | {"uri": uri}))
    model = only(sdk.models(uri=uri))
    write(
        server,
        RuntimeMetadata(
            model_uri=uri,
            project=model.get("project", "default"),
            deployment_name="forecasts",
            deployment_namespace="weather",
            deployment_uid=uri,
            deployment_type=DeploymentType.SELDON_MODEL,
            deployment_status=DeploymentStatus.STOPPED,
            predictor_name="default",
            node_name="forecast-container",
            traffic=90,
            replicas=3,
            shadow=True,
            explainer=True,
        ),
    )

    found = only(sdk.runtime(deployment_uid=uri, deployment_status="Stopped"))

    wanted: Json = {
        "model_uri": uri,
        "deployment_name": "forecasts",
        "deployment_namespace": "weather",
        "deployment_kubernetes_uid": uri,
        "predictor_name": "default",
        "node_name": "forecast-container",
        "deployment_status": "Stopped",
        "deployment_type": "SeldonModel",
        "traffic": "90",
        "shadow": True,
        "creation_time": found["creation_time"],
        "model": {"runtime_defaults": None, "prediction_schema": None, "project": None} | model,
        "explainer": True,
        "replicas": "3",
    }
    assert found == known_part(sdk, "V1RuntimeMetadata", wanted)
    created = datetime.fromisoformat(found["creation_time"])
    assert abs(datetime.now(UTC) - created) < timedelta(minutes=1)


def test_runtime_metadata_of_a_model_that_is_not_registered_is_shown(
    sdk: Sdk, server: RunningServer, uri: str
) -> None:
    write(server, deployment_of(uri, DeploymentType.SELDON_DEPLOYMENT))
    assert only(sdk.runtime(model_uri=uri)).get("model") is None


def test_a_deployment_type_is_shown_even_where_the_sdk_does_not_know_it(
    sdk: Sdk, server: RunningServer, uri: str
) -> None:
    write(server, *(deployment_of(uri, kind) for kind in DeploymentType))
    shown = {row["deployment_type"] for row in sdk.runtime(model_uri=uri)}
    assert shown == {kind.value for kind in DeploymentType}
    assert shown >= set(sdk.values("V1DeploymentType"))


# What can be asked


def test_a_filter_finds_what_is_equal_to_it(sdk: Sdk, uri: str) -> None:
    sdk.create(**known_part(sdk, "V1Model", MODEL | {"uri": uri, "tags": {"of": uri}}))
    for name, value in {
        "uri": uri,
        "name": "Wetter",
        "version": MODEL["version"],
        "artifact_type": "ONNX",
        "task_type": "forecast",
        "metrics": {"accuracy": 0.1},
    }.items():
        assert uris(sdk.models(tags={"of": uri}, **{name: value})) == {uri}, name


def test_a_filter_leaves_out_what_differs_from_it(sdk: Sdk, uri: str) -> None:
    sdk.create(**known_part(sdk, "V1Model", MODEL | {"uri": uri, "tags": {"of": uri}}))
    for name, value in {
        "uri": f"{uri}/another",
        "name": "wetter",
        "version": "1.0",
        "artifact_type": "SKLEARN",
        "task_type": "fore",
        "metrics": {"accuracy": 0.2},
    }.items():
        assert sdk.models(tags={"of": uri}, **{name: value}) == [], name


@since("1.6.0.1")
def test_models_are_found_by_their_project(sdk: Sdk, uri: str) -> None:
    for project in ("weather", "climate"):
        sdk.create(uri=uri, project=project)
    found = sdk.models(uri=uri, project="climate")
    assert [model["project"] for model in found] == ["climate"]


@since("1.6.0.1")
def test_models_are_found_by_their_default_protocol(sdk: Sdk, uri: str) -> None:
    protocols = sdk.values("V1DefaultProtocol")
    for protocol in protocols:
        defaults = {"default_protocol": protocol}
        sdk.create(uri=f"{uri}/{protocol}", tags={"of": uri}, runtime_defaults=defaults)
    named = [protocol for protocol in protocols if protocol != "PROTOCOL_UNKNOWN"]
    for protocol in named:
        found = sdk.models(tags={"of": uri}, default_protocol=protocol)
        assert uris(found) == {f"{uri}/{protocol}"}


def test_the_neutral_values_of_the_filters_leave_nothing_out(sdk: Sdk, uri: str) -> None:
    sdk.create(**known_part(sdk, "V1Model", MODEL | {"uri": uri}))
    neutral: Json = {"name": "", "version": "", "artifact_type": "UNKNOWN", "task_type": ""}
    assert uris(sdk.models(uri=uri, model_type="anything", **neutral)) == {uri}


def test_tags_and_metrics_are_found_by_all_that_is_asked_of_them(sdk: Sdk, uri: str) -> None:
    one, other = f"{uri}/one", f"{uri}/other"
    sdk.create(uri=one, tags={"of": uri, "a [b] & c": "ä=ö"}, metrics={"loss": 0.5, "auc": 1})
    sdk.create(uri=other, tags={"of": uri, "a [b] & c": "ä"}, metrics={"loss": 0.5})
    assert uris(sdk.models(tags={"of": uri}, metrics={"loss": 0.5})) == {one, other}
    assert uris(sdk.models(tags={"of": uri}, metrics={"loss": 0.5, "auc": 1.0})) == {one}
    assert uris(sdk.models(tags={"of": uri, "a [b] & c": "ä=ö"})) == {one}


@since("1.6.0.1")
def test_a_query_counts_instead_of_the_filters(sdk: Sdk, uri: str) -> None:
    for name, loss in (("iris", 0.5), ("iris-large", 0.25), ("income", 0.5)):
        metrics = {"loss": loss}
        sdk.create(uri=f"{uri}/{name}", name=name, tags={"of": uri}, metrics=metrics)
    query = f"(name % iris AND metrics[loss] < 0.5 OR name = income) AND tags[of] = {uri}"
    found = sdk.models(query=query, name="no model has this name")
    assert uris(found) == {f"{uri}/iris-large", f"{uri}/income"}


@since("1.6.0.1")
def test_models_are_listed_in_the_order_that_is_asked_for(sdk: Sdk, uri: str) -> None:
    for name, version in (("a", "1"), ("b", "2"), ("c", "2")):
        sdk.create(uri=f"{uri}/{name}", name=name, version=version, tags={"of": uri})
    found = sdk.models(tags={"of": uri}, order_by="version desc,name")
    assert [model["name"] for model in found] == ["b", "c", "a"]


def test_a_mask_leaves_the_other_fields_empty(sdk: Sdk, uri: str) -> None:
    sent = known_part(sdk, "V1Model", MODEL | {"uri": uri})
    sdk.create(**sent)
    found = only(sdk.models(uri=uri, list_mask="name,artifactType"))
    assert (found["uri"], found["name"], found["artifact_type"]) == (uri, "Wetter", "ONNX")
    assert (found["version"], found["tags"], found["metrics"]) == ("", {}, {})
    assert found.get("prediction_schema") is None


def test_a_walk_over_the_pages_meets_every_model_once(sdk: Sdk, uri: str) -> None:
    created = {f"{uri}/{number}" for number in range(5)}
    for each in created:
        sdk.create(uri=each, tags={"of": uri})
    pages = list(walk(sdk, tags={"of": uri}, page_size=2))
    assert [len(page) for page in pages] == [2, 2, 1]
    assert {model["uri"] for page in pages for model in page} == created


def test_a_walk_over_the_pages_meets_all_runtime_metadata_once(
    sdk: Sdk, server: RunningServer, uri: str
) -> None:
    write(server, *(deployment_of(uri, kind) for kind in DeploymentType))
    first = sdk.runtime_page(model_uri=uri, page_size=3)
    second = sdk.runtime_page(model_uri=uri, page_size=3, page_token=first["next_page_token"])
    rows = first["runtime_metadata"] + second["runtime_metadata"]
    assert {row["deployment_type"] for row in rows} == {kind.value for kind in DeploymentType}
    assert (len(rows), second["next_page_token"]) == (len(DeploymentType), "")


def test_runtime_metadata_is_found_by_each_of_its_fields(
    sdk: Sdk, server: RunningServer, uri: str
) -> None:
    wanted, other = (deployment_of(uri, kind) for kind in list(DeploymentType)[:2])
    write(server, wanted, other)
    for name, value in {
        "deployment_uid": wanted.deployment_uid,
        "deployment_name": wanted.deployment_name,
        "deployment_namespace": wanted.deployment_namespace,
        "predictor_name": wanted.predictor_name,
        "node_name": wanted.node_name,
    }.items():
        found = only(sdk.runtime(model_uri=uri, **{name: value}))
        assert found["deployment_kubernetes_uid"] == wanted.deployment_uid, name


def test_runtime_metadata_is_found_by_its_status_and_without_one_by_running(
    sdk: Sdk, server: RunningServer, uri: str
) -> None:
    for status in DeploymentStatus:
        kind = DeploymentType.SELDON_DEPLOYMENT
        write(server, deployment_of(f"{uri}/{status.value}", kind, status, predictor_name=uri))
    for status in sdk.values("V1DeploymentStatus"):
        found = only(sdk.runtime(predictor_name=uri, deployment_status=status))
        assert found["deployment_status"] == status
    assert only(sdk.runtime(predictor_name=uri))["deployment_status"] == "Running"


@since("1.6.0.1")
def test_runtime_metadata_is_found_by_its_deployment_type(
    sdk: Sdk, server: RunningServer, uri: str
) -> None:
    write(server, *(deployment_of(uri, kind) for kind in DeploymentType))
    known = {*sdk.values("V1DeploymentType"), "InferenceService"}
    for kind in known - {"UndefinedDeploymentType"}:
        found = only(sdk.runtime(model_uri=uri, deployment_type=kind))
        assert found["deployment_type"] == kind
    neutral = sdk.runtime(model_uri=uri, deployment_type="UndefinedDeploymentType")
    assert len(neutral) == len(DeploymentType)


# What is refused, and what is deleted


def test_an_update_of_what_is_absent_says_that_no_record_was_found(sdk: Sdk, uri: str) -> None:
    with pytest.raises(Refused, match="record not found") as refused:
        sdk.update(uri=uri, name="absent")
    assert refused.value.status == 404
    assert sdk.models(uri=uri) == []


def test_a_create_of_what_exists_is_refused_and_changes_nothing(sdk: Sdk, uri: str) -> None:
    sdk.create(uri=uri, name="first")
    with pytest.raises(Refused, match=f"{uri}.*exists") as refused:
        sdk.create(uri=uri, name="second")
    assert refused.value.status == 409
    assert only(sdk.models(uri=uri))["name"] == "first"


def test_a_model_that_breaks_a_rule_is_refused_by_the_name_of_its_field(sdk: Sdk, uri: str) -> None:
    with pytest.raises(Refused, match="taskType") as refused:
        sdk.create(uri=uri, task_type="x" * 51)
    assert refused.value.status == 400


def test_a_token_that_belongs_to_no_listing_is_refused(sdk: Sdk) -> None:
    with pytest.raises(Refused, match="pageToken") as refused:
        sdk.page(page_token="of my own making")
    assert refused.value.status == 400


@since("1.6.0.1")
def test_a_query_that_is_none_is_refused(sdk: Sdk) -> None:
    with pytest.raises(Refused) as refused:
        sdk.models(query="name is iris")
    assert refused.value.status == 400


def test_a_deleted_model_is_gone_and_cannot_be_deleted_again(sdk: Sdk, uri: str) -> None:
    sdk.create(uri=uri)
    sdk.delete(uri)
    assert sdk.models(uri=uri) == []
    with pytest.raises(Refused, match="record not found") as refused:
        sdk.delete(uri)
    assert refused.value.status == 404


@since("1.6.0.1")
def test_a_model_is_created_updated_and_deleted_in_its_own_project_only(sdk: Sdk, uri: str) -> None:
    sdk.create(uri=uri, name="in default")
    sdk.create(uri=uri, name="in weather", project="weather")
    sdk.update(uri=uri, name="moved", project="weather")
    assert {model["name"] for model in sdk.models(uri=uri)} == {"in default", "moved"}
    sdk.delete(uri, project="weather")
    assert [model["name"] for model in sdk.models(uri=uri)] == ["in default"]


# Who asks, and whether there is an answer


def test_a_user_without_a_token_is_let_in(sdk: Sdk) -> None:
    assert sdk.authorization() == "Bearer "
    assert sdk.user() == {"id": "anonymous", "name": "anonymous", "email": "", "groups": []}


@since("2.1.0")
def test_the_database_is_told_to_be_reachable(sdk: Sdk) -> None:
    health = only(sdk.health("POSTGRES"))
    assert (health["dependency"], health["status"]) == ("POSTGRES", "ENABLED_AND_REACHABLE")
    assert sdk.health("ALL")[0]["status"] == health["status"]


# What the tests say these things with


def write(server: RunningServer, *entries: Model | RuntimeMetadata) -> None:
    """Write what no client writes: entries that appear by themselves, and runtime metadata."""
    asyncio.run(_write(server.conninfo, entries))


async def _write(conninfo: str, entries: tuple[Model | RuntimeMetadata, ...]) -> None:
    async with Pool(lambda: conninfo) as pool:
        store = PostgresStore(pool, SCHEMA)
        for entry in entries:
            match entry:
                case Model():
                    await store.create_model(entry, Change(actor="watcher", door="watcher"))
                case RuntimeMetadata():
                    await store.record_runtime(entry)


def deployment_of(
    uri: str,
    kind: DeploymentType,
    status: DeploymentStatus = DeploymentStatus.RUNNING,
    predictor_name: str = "",
) -> RuntimeMetadata:
    """Return a deployment that differs from one of another kind in everything but its model."""
    return RuntimeMetadata(
        model_uri=uri,
        deployment_name=f"{kind.value} of {uri}",
        deployment_namespace=f"namespace of {kind.value}",
        deployment_uid=f"{kind.value}:{uri}",
        deployment_type=kind,
        deployment_status=status,
        predictor_name=predictor_name or f"predictor of {kind.value}",
        node_name=f"node of {kind.value}",
    )


def known_part(sdk: Sdk, kind: str, value: Any) -> Any:
    """Cut ``value`` down to what a version knows of; KeyError where the version knows more."""
    listed = re.fullmatch(r"list\[(.*)\]", kind)
    if listed:
        return [known_part(sdk, listed[1], item) for item in value]
    fields = sdk.fields(kind)
    if not fields or value is None:
        return value
    return {name: known_part(sdk, of, value[name]) for name, of in fields.items()}


def walk(sdk: Sdk, **filters: object) -> Iterator[list[Json]]:
    page = sdk.page(**filters)
    yield page["models"]
    while page["next_page_token"]:
        page = sdk.page(**filters, page_token=page["next_page_token"])
        yield page["models"]


def uris(models: list[Json]) -> set[str]:
    assert len({model["uri"] for model in models}) == len(models)
    return {model["uri"] for model in models}


def only(found: list[Json]) -> Json:
    assert len(found) == 1
    return found[0]
