"""Prediction schemas as people write them are registered, and come back in their one full form.

``PINAKES_TEST_PREDICTION_SCHEMAS`` names a folder with more of them than the repository has.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from parts import RunningServer

Json = dict[str, Any]

OURS = Path(__file__).parents[1] / "fixtures" / "prediction-schemas"
MORE = os.environ.get("PINAKES_TEST_PREDICTION_SCHEMAS")

FEATURE_TYPES = ("REAL", "CATEGORICAL", "PROBA", "ONE_HOT", "TEXT", "TENSOR")
DATA_TYPES = ("FLOAT", "INT", "BOOL", "STRING", "BYTES")


def schema_files() -> Iterator[Path]:
    for folder in (OURS, *([Path(MORE)] if MORE else [])):
        files = sorted(folder.glob("*.json"))
        assert files, f"there is no prediction schema in {folder}"
        yield from files


pytestmark = pytest.mark.parametrize(
    "schema_text", [pytest.param(file.read_text("utf-8"), id=file.stem) for file in schema_files()]
)


def test_a_prediction_schema_is_created_and_comes_back_in_full(
    server: RunningServer, schema_text: str
) -> None:
    uri = f"s3://schemas/{uuid4().hex}"
    send(server, "POST", f'{{"URI": "{uri}", "predictionSchema": {schema_text}}}')
    assert listed_schema(server, uri) == in_full(json.loads(schema_text))


def test_a_prediction_schema_is_updated_under_its_proto_name(
    server: RunningServer, schema_text: str
) -> None:
    uri = f"s3://schemas/{uuid4().hex}"
    send(server, "POST", f'{{"URI": "{uri}"}}')
    send(server, "PUT", f'{{"URI": "{uri}", "prediction_schema": {schema_text}}}')
    assert listed_schema(server, uri) == in_full(json.loads(schema_text))


def test_a_prediction_schema_that_came_back_stays_as_it_is_when_sent_again(
    server: RunningServer, schema_text: str
) -> None:
    uri = f"s3://schemas/{uuid4().hex}"
    send(server, "POST", f'{{"URI": "{uri}", "predictionSchema": {schema_text}}}')
    came_back = listed_schema(server, uri)
    send(server, "PUT", json.dumps({"URI": uri, "predictionSchema": came_back}))
    assert listed_schema(server, uri) == came_back


def send(server: RunningServer, verb: str, body: str) -> None:
    headers = {"Content-Type": "application/json"}
    url = f"{server.api}/model/metadata"
    answer = httpx.request(verb, url, content=body.encode(), headers=headers)
    assert (answer.status_code, answer.json()) == (200, {})


def listed_schema(server: RunningServer, uri: str) -> Json:
    listed = httpx.get(f"{server.api}/model/metadata", params={"URI": uri}).json()
    (model,) = listed["models"]
    return model["predictionSchema"]


# The full form, said once more and in other words than the server's


def in_full(schema: Json) -> Json:
    return {
        name: [feature_in_full(camel_case(feature)) for feature in schema[name]]
        for name in ("requests", "responses")
    }


def feature_in_full(given: Json) -> Json:
    return {
        "name": given["name"],
        "type": enum_name(given["type"], FEATURE_TYPES),
        "dataType": enum_name(given.get("dataType", 0), DATA_TYPES),
        "nCategories": str(given.get("nCategories", 0)),
        "categoryMap": given.get("categoryMap", {}),
        "schema": [column_in_full(camel_case(column)) for column in given.get("schema", [])],
        "shape": [str(size) for size in given.get("shape", [])],
    }


def column_in_full(given: Json) -> Json:
    return {
        "name": given["name"],
        "dataType": enum_name(given.get("dataType", 0), DATA_TYPES),
    }


def enum_name(value: str | int, names: tuple[str, ...]) -> str:
    return names[value] if isinstance(value, int) else value


def camel_case(given: Json) -> Json:
    """Name every field in camel case; leave out those that are null."""
    words = {name: name.split("_") for name, value in given.items() if value is not None}
    return {
        first + "".join(map(str.capitalize, rest)): given[name]
        for name, (first, *rest) in words.items()
    }
