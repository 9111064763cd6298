"""What a body becomes, what is refused and by which path, and what is written."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from pinakes.catalog.errors import InvalidModel
from pinakes.catalog.listing import PAGE_BYTES, ModelListing, ModelPage
from pinakes.catalog.model import ArtifactType, DefaultProtocol, Model, PredictionSchema
from pinakes.catalog.stored import stored_model
from pinakes.wire.errors import BadRequest
from pinakes.wire.models import read_model, write_model, write_model_page
from pinakes.wire.names import MODEL_NAMES
from pinakes.wire.status import write_error

FEATURE = {"name": "x", "type": "REAL"}
SCHEMA = {"requests": [FEATURE], "responses": [FEATURE]}


def read(**fields: Any) -> Model:
    return read_model(json.dumps({"URI": "u"} | fields).encode())


def schema_of(feature: dict[str, Any]) -> dict[str, Any]:
    model = read(predictionSchema={"requests": [feature], "responses": [FEATURE]})
    assert model.prediction_schema is not None
    return json.loads(model.prediction_schema)["requests"][0]


def refusal_of(body: bytes) -> str:
    """Read and check a body, and return the message that the client is told."""
    try:
        read_model(body).check()
    except (BadRequest, InvalidModel) as error:
        message: str = json.loads(write_error(error))["message"]
        return message
    return ""


def test_a_body_of_a_uri_alone_is_a_model_of_the_default_project() -> None:
    assert read() == Model(uri="u", project="default")


@pytest.mark.parametrize("nothing", [None, ""])
def test_an_empty_project_is_the_default_project(nothing: str | None) -> None:
    assert read(project=nothing).project == "default"


def test_json_names_and_proto_names_are_the_same_fields() -> None:
    json_names = {
        "artifactType": "SKLEARN",
        "taskType": "t",
        "predictionSchema": SCHEMA,
        "runtimeDefaults": {"defaultProtocol": "PROTOCOL_V2"},
    }
    proto_names = {
        "artifact_type": "SKLEARN",
        "task_type": "t",
        "prediction_schema": SCHEMA,
        "runtime_defaults": {"default_protocol": "PROTOCOL_V2"},
    }
    assert read(**json_names) == read(**proto_names)
    assert read_model(b'{"uri":"u"}') == read()


def test_the_version_that_every_sdk_sends_unasked_loses_its_quotes() -> None:
    assert read(version='"v0.0.1"').version == "v0.0.1"
    assert read(version='"v0.0.2"').version == '"v0.0.2"'


@pytest.mark.parametrize(
    ("given", "metric"), [(1, 1.0), (0.5, 0.5), ("0.5", 0.5), ("1e-05", 1e-5), ("-0", 0.0)]
)
def test_a_metric_is_a_number_or_the_text_of_one(given: object, metric: float) -> None:
    assert read(metrics={"m": given}).metrics == {"m": metric}


@pytest.mark.parametrize(
    ("given", "value"),
    [("SKLEARN", ArtifactType.SKLEARN), (3, ArtifactType.SKLEARN), (0, ArtifactType.UNKNOWN)],
)
def test_an_enum_is_given_by_name_or_by_number(given: object, value: ArtifactType) -> None:
    assert read(artifactType=given).artifact_type is value


def test_an_old_spelling_of_an_enum_is_understood() -> None:
    model = read(runtimeDefaults={"defaultProtocol": "PROTOCOL_TENSERFLOW"})
    assert model.default_protocol is DefaultProtocol.TENSORFLOW


def test_null_is_absent() -> None:
    names = [name for name in MODEL_NAMES if name != "URI"]
    assert read(**dict.fromkeys(names)) == read()


def test_unknown_fields_and_any_creation_time_are_ignored() -> None:
    assert read(unknown={"a": [1]}, creationTime={"not": "a time"}, creation_time=7) == read()


def test_a_feature_is_kept_with_every_default_filled() -> None:
    assert schema_of({"name": "x", "type": 1, "n_categories": "3", "category_map": {"0": "a"}}) == {
        "name": "x",
        "type": "CATEGORICAL",
        "dataType": "FLOAT",
        "nCategories": "3",
        "categoryMap": {"0": "a"},
        "schema": [],
        "shape": [],
    }


def test_columns_and_shapes_of_features_are_kept() -> None:
    feature = schema_of(
        {"name": "x", "type": "PROBA", "schema": [{"name": "c"}], "shape": [4, "5", 6.0, -1]}
    )
    assert feature["schema"] == [{"name": "c", "dataType": "FLOAT"}]
    assert feature["shape"] == ["4", "5", "6", "-1"]


@pytest.mark.parametrize(
    "empty", [{"nCategories": "0"}, {"nCategories": 0}, {"categoryMap": {}}, {"shape": []}]
)
def test_an_empty_value_of_a_feature_is_absent(empty: dict[str, object]) -> None:
    assert schema_of(FEATURE | empty) == schema_of(FEATURE)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"URI": ""}, "URI"),
        ({"URI": None}, "URI"),
        ({"URI": 1}, "URI"),
        ({"URI": "x" * 201}, "URI"),
        ({"URI": "a\nb"}, "URI"),
        ({"URI": "a\x7f"}, "URI"),
        ({"URI": "a\x85"}, "URI"),
        ({"project": "x" * 201}, "project"),
        ({"project": "a\tb"}, "project"),
        ({"name": "x" * 201}, "name"),
        ({"name": "a\0"}, "name"),
        ({"name": "\ud800"}, "name"),
        ({"name": ["x"]}, "name"),
        ({"version": "x" * 51}, "version"),
        ({"taskType": "x" * 51}, "taskType"),
        ({"artifactType": "sklearn"}, "artifactType"),
        ({"artifactType": 14}, "artifactType"),
        ({"artifactType": -1}, "artifactType"),
        ({"artifactType": True}, "artifactType"),
        ({"artifactType": 1.5}, "artifactType"),
        ({"tags": []}, "tags"),
        ({"tags": {"k": None}}, 'tags["k"]'),
        ({"tags": {"k": 1}}, 'tags["k"]'),
        ({"tags": {"k": "x" * 501}}, 'tags["k"]'),
        ({"tags": {"k" * 101: "x"}}, "tags["),
        ({"tags": {"a\0": "x"}}, "tags["),
        ({"tags": {"k": "\0"}}, 'tags["k"]'),
        ({"metrics": {"k": None}}, 'metrics["k"]'),
        ({"metrics": {"k": "x"}}, 'metrics["k"]'),
        ({"metrics": {"k": ""}}, 'metrics["k"]'),
        ({"metrics": {"k": True}}, 'metrics["k"]'),
        ({"metrics": {"k": "NaN"}}, 'metrics["k"]'),
        ({"metrics": {"k": "1e999"}}, 'metrics["k"]'),
        ({"metrics": {"k": float("nan")}}, 'metrics["k"]'),
        ({"metrics": {"k": float("-inf")}}, 'metrics["k"]'),
        ({"metrics": {"k": 10**400}}, 'metrics["k"]'),
        ({"metrics": {"k": 10**4000}}, 'metrics["k"]'),
        ({"metrics": {"k" * 101: 1}}, "metrics["),
        ({"runtimeDefaults": "x"}, "runtimeDefaults"),
        ({"runtimeDefaults": {"defaultProtocol": "x"}}, "runtimeDefaults.defaultProtocol"),
        ({"artifactType": "SKLEARN", "artifact_type": "SKLEARN"}, "artifactType"),
        ({"uri": "u"}, "URI"),
        ({"predictionSchema": []}, "predictionSchema"),
        ({"predictionSchema": {}}, "predictionSchema.requests"),
        ({"predictionSchema": {"requests": []}}, "predictionSchema.requests"),
        ({"prediction_schema": SCHEMA | {"responses": []}}, "predictionSchema.responses"),
        ({"predictionSchema": SCHEMA | {"requests": [None]}}, "predictionSchema.requests[0]"),
    ],
)
def test_what_is_wrong_is_refused_by_its_path(fields: dict[str, object], path: str) -> None:
    body = json.dumps({"URI": "u"} | fields).encode()
    assert refusal_of(body).startswith(path)


@pytest.mark.parametrize(
    ("feature", "path"),
    [
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"type": ""}, "type"),
        ({"type": None}, "type"),
        ({"type": "MATRIX"}, "type"),
        ({"type": 6}, "type"),
        ({"dataType": "INT32"}, "dataType"),
        ({"nCategories": -1}, "nCategories"),
        ({"nCategories": "x"}, "nCategories"),
        ({"nCategories": 1.5}, "nCategories"),
        ({"nCategories": True}, "nCategories"),
        ({"nCategories": 2**63}, "nCategories"),
        ({"categoryMap": {"0": None}}, 'categoryMap["0"]'),
        ({"categoryMap": {"0": "\0"}}, 'categoryMap["0"]'),
        ({"schema": [{}]}, "schema[0].name"),
        ({"schema": [{"name": "c", "dataType": "x"}]}, "schema[0].dataType"),
        ({"shape": [None]}, "shape[0]"),
        ({"shape": ["x"]}, "shape[0]"),
        ({"shape": 4}, "shape"),
    ],
)
def test_what_is_wrong_with_a_feature_is_refused_by_its_path(
    feature: dict[str, object], path: str
) -> None:
    schema = SCHEMA | {"requests": [FEATURE, FEATURE | feature]}
    body = json.dumps({"URI": "u", "predictionSchema": schema}).encode()
    assert refusal_of(body).startswith(f"predictionSchema.requests[1].{path}:")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"x",
        b"[]",
        b"null",
        b'"u"',
        b'{"URI":"u"',
        b'{"URI":"u"}}',
        b'{"URI":"u","unknown":NaN}',
        b'{"URI":"\xff"}',
        b'\xef\xbb\xbf{"URI":"u"}',
        '{"URI":"u"}'.encode("utf-16"),
        b'{"URI":"u","x":' + b"[" * 100_000,
    ],
)
def test_what_is_not_a_json_object_is_refused(body: bytes) -> None:
    assert refusal_of(body)


@pytest.mark.parametrize("ignored", [b"1e999", b"9" * 5000, rb'"\ud800"', rb'{"\ud800":[]}'])
def test_what_is_ignored_may_be_any_json(ignored: bytes) -> None:
    assert read_model(b'{"URI":"u","creationTime":1,"unknown":%b}' % ignored) == read()


def test_the_message_of_a_lone_surrogate_in_a_key_can_be_sent() -> None:
    assert refusal_of(b'{"URI":"u","tags":{"\\ud800":"x"}}').startswith("tags[")


def test_limits_count_code_points() -> None:
    read(URI="😀" * 200, name="é" * 200, version="😀" * 50, tags={"é" * 100: "😀" * 500}).check()


FULL = Model(
    uri="gs://a",
    name="n",
    version="v",
    artifact_type=ArtifactType.ONNX,
    task_type="t",
    tags={"k": "é"},
    metrics={"m": 0.5},
    prediction_schema=PredictionSchema(b'{"requests": [],  "kept":"byte for byte"}'),
    default_protocol=DefaultProtocol.V2,
    creation_time=datetime(2026, 1, 2, 3, 4, 5, 600, tzinfo=timezone(timedelta(hours=1))),
)


def test_every_field_is_written_and_the_schema_byte_for_byte() -> None:
    assert write_model(FULL).decode() == (
        '{"URI":"gs://a","name":"n","version":"v","artifactType":"ONNX","taskType":"t",'
        '"tags":{"k":"é"},"metrics":{"m":0.5},"creationTime":"2026-01-02T02:04:05.000600Z",'
        '"predictionSchema":{"requests": [],  "kept":"byte for byte"},"project":"default",'
        '"runtimeDefaults":{"defaultProtocol":"PROTOCOL_V2"}}'
    )


def test_what_the_mask_leaves_out_is_written_as_empty_but_never_the_key() -> None:
    assert json.loads(write_model(FULL, {"name"})) == {
        "URI": "gs://a",
        "name": "n",
        "version": "",
        "artifactType": "UNKNOWN",
        "taskType": "",
        "tags": {},
        "metrics": {},
        "creationTime": None,
        "predictionSchema": None,
        "project": "default",
        "runtimeDefaults": None,
    }


def test_a_page_ends_before_it_outgrows_its_bytes() -> None:
    schema = PredictionSchema(b'"' + b"x" * (PAGE_BYTES // 3) + b'"')
    models = [replace(FULL, uri=uri, prediction_schema=schema) for uri in "abcd"]
    page = write_model_page(
        ModelPage([*map(stored_model, models)], more=False), ModelListing(), MODEL_NAMES
    )
    written = json.loads(page)
    assert [model["URI"] for model in written["models"]] == ["a", "b"]
    assert written["nextPageToken"]
    assert len(page) <= PAGE_BYTES


def test_a_page_is_never_empty_because_its_first_entry_is_large() -> None:
    schema = PredictionSchema(b'"' + b"x" * PAGE_BYTES + b'"')
    page = ModelPage([stored_model(replace(FULL, prediction_schema=schema))], more=False)
    written = json.loads(write_model_page(page, ModelListing(), MODEL_NAMES))
    assert len(written["models"]) == 1
    assert written["nextPageToken"] == ""


def test_times_are_written_in_utc_with_microseconds() -> None:
    model = replace(FULL, creation_time=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    assert json.loads(write_model(model))["creationTime"] == "2026-01-02T03:04:05.000000Z"
