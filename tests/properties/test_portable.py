"""The lines of an export: the quick way of writing and reading says what the API's way does."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinakes.catalog.model import Model
from pinakes.catalog.stored import StoredRevision, stored_model
from pinakes.wire.errors import BadRequest
from pinakes.wire.models import write_model
from pinakes.wire.portable.lines import read_as_written, read_in_any_form, read_line, write_line
from pinakes.wire.prediction_schema import read_prediction_schema
from transfer.catalogues import revisions, runtime, whole_models

FEATURE = {"name": "x", "type": "CATEGORICAL", "nCategories": "12", "shape": ["-1", "3"]}
SCHEMA = read_prediction_schema({"requests": [FEATURE], "responses": [FEATURE]}, "")

odd_texts = st.sampled_from(
    ["", "\0", "\x7f", "\x85", "\u2028", "\u00ad", "x" * 51, "é" * 101, "x" * 201, "x" * 501, "07"]
)
odd_values = odd_texts | st.sampled_from(
    [None, True, 0, -1, 1.5, 1e308, [], {}, [None], {"x": "1"}, {"x": 1}, 2**63, "REAL", "FLOAT"]
)


@given(model=whole_models())
def test_a_model_is_written_as_the_api_writes_it(model: Model) -> None:
    assert write_line(stored_model(model)) == write_model(model) + b"\n"


@given(entry=whole_models().map(stored_model) | revisions() | runtime())
def test_what_is_written_is_read_again(entry: Any) -> None:
    assert read_line(write_line(entry)) == entry


@given(model=whole_models(), data=st.data())
def test_what_is_read_quickly_is_what_the_api_reads(model: Model, data: st.DataObject) -> None:
    line = json.loads(write_line(stored_model(model)))
    _spoil(line, data)
    text = json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode()
    quickly = read_as_written(text)
    if quickly is None:
        return
    assert read_in_any_form(text) == quickly


@given(entry=revisions(), data=st.data())
def test_a_revision_read_quickly_is_what_is_read_slowly(entry: Any, data: st.DataObject) -> None:
    line = json.loads(write_line(entry))
    _spoil(line, data)
    text = json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode()
    quickly = read_as_written(text)
    if quickly is None:
        return
    assert read_in_any_form(text) == quickly


def _spoil(value: Any, data: st.DataObject) -> None:
    """Put something odd somewhere into JSON, or leave it as it is."""
    while isinstance(value, dict | list) and value:
        places = list(value) if isinstance(value, dict) else list(range(len(value)))
        place = data.draw(st.sampled_from(places))
        match data.draw(st.sampled_from(["deeper", "deeper", "change", "remove", "leave"])):
            case "deeper" if isinstance(value[place], dict | list) and value[place]:
                value = value[place]
            case "remove":
                del value[place]
                return
            case "leave":
                return
            case _:
                value[place] = data.draw(odd_values)
                return


def test_a_line_without_anything_odd_is_read_quickly() -> None:
    model = stored_model(Model(uri="gs://models/iris", prediction_schema=SCHEMA))
    time = datetime.now(UTC)
    change = StoredRevision("update", model, model, str(uuid4()), "alice", "api", "", time)
    assert read_as_written(write_line(model))
    assert read_as_written(write_line(change))


def revision_with(**fields: Any) -> bytes:
    usual = {
        "verb": "update",
        "changedAt": "2022-02-15T00:00:00Z",
        "id": "00000000-0000-0000-0000-000000000000",
        "before": {"URI": "u"},
        "after": {"URI": "u"},
    }
    return json.dumps({"revision": usual | fields}).encode()


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        (b"{", "is not JSON"),
        (b"[]", "expected an object, got an array"),
        (b"{}", "URI: is missing"),
        (b'{"URI":"u","artifactType":"NEW"}', "artifactType: unknown value"),
        (b'{"URI":"u","creationTime":"2022-02-15"}', "creationTime: expected a time"),
        (b'{"URI":"u","creationTime":"2022-02-15T00:00:00"}', "creationTime: expected a time"),
        (b'{"URI":"u","metrics":{"a":1e400}}', r'metrics\["a"\]: expected a finite number'),
        (b'{"runtimeMetadata":{"modelUri":""}}', "runtimeMetadata.modelUri: is missing"),
        (b'{"runtimeMetadata":{"modelUri":"u","shadow":1}}', "shadow: expected true or false"),
        (revision_with(changedAt=None), "revision.changedAt: is missing"),
        (revision_with(verb=None), "revision.verb: is missing"),
        (revision_with(verb="move"), "revision.verb: unknown value, expected one of create"),
        (revision_with(id="x"), "revision.id: expected a UUID"),
        (revision_with(before=None), "before: is null for a create, and for nothing else"),
        (revision_with(verb="create"), "before: is null for a create, and for nothing else"),
        (revision_with(verb="delete"), "after: is null for a delete, and for nothing else"),
        (revision_with(before={"URI": "v"}), "after: is another model than the one before"),
        (
            revision_with(after={"URI": "u", "tags": {"a": 1}}),
            r'revision.after.tags\["a"\]: expected a string, got a number',
        ),
    ],
)
def test_a_line_is_refused_by_its_field(text: bytes, refusal: str) -> None:
    with pytest.raises(BadRequest, match=refusal):
        read_line(text)
