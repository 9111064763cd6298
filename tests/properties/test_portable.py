"""The lines of an export: the quick way of reading says what the API's way does."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinakes.catalog.model import Model, ModelKey
from pinakes.catalog.runtime import RuntimeMetadata
from pinakes.catalog.stored import StoredRevision, stored_model
from pinakes.wire.errors import BadRequest
from pinakes.wire.models import model_of, write_model
from pinakes.wire.portable.lines import read_as_written, read_in_any_form, read_line
from pinakes.wire.prediction_schema import read_prediction_schema
from transfer.catalogues import (
    line_of_revision,
    line_of_runtime,
    past,
    revisions,
    runtime,
    whole_models,
)

FEATURE = {"name": "x", "type": "CATEGORICAL", "nCategories": "12", "shape": ["-1", "3"]}
SCHEMA = read_prediction_schema({"requests": [FEATURE], "responses": [FEATURE]}, "")

odd_texts = st.sampled_from(
    ["", "\0", "\x7f", "\x85", "\u2028", "\u00ad", "x" * 51, "é" * 101, "x" * 201, "x" * 501, "07"]
)
odd_values = odd_texts | st.sampled_from(
    [None, True, 0, -1, 1.5, 1e308, [], {}, [None], {"x": "1"}, {"x": 1}, 2**63, "REAL", "FLOAT"]
)


@given(model=whole_models())
def test_a_model_is_read_as_the_api_writes_it(model: Model) -> None:
    assert read_line(write_model(model)) == stored_model(model)


@given(entry=runtime())
def test_runtime_metadata_is_read_as_it_is_exported(entry: RuntimeMetadata) -> None:
    assert read_line(line_of_runtime(entry)) == entry


@given(entry=revisions())
def test_a_revision_is_read_byte_for_byte(entry: StoredRevision) -> None:
    line = line_of_revision(entry)
    assert read_line(line) == entry
    assert read_line(b" " + line) == entry


@given(model=whole_models(), data=st.data())
def test_what_is_read_quickly_is_what_the_api_reads(model: Model, data: st.DataObject) -> None:
    line = json.loads(write_model(model))
    _spoil(line, data)
    text = json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode()
    quickly = read_as_written(text)
    if quickly is None:
        return
    assert read_in_any_form(text) == quickly


@given(entry=revisions(), data=st.data(), escaped=st.booleans())
def test_what_is_read_of_a_revision_keeps_the_rules_of_a_model(
    entry: StoredRevision, data: st.DataObject, *, escaped: bool
) -> None:
    line = json.loads(line_of_revision(entry))
    _spoil(line, data)
    try:
        read = read_line(json.dumps(line, ensure_ascii=escaped).encode())
    except BadRequest:
        return
    assert isinstance(read, StoredRevision)
    for text in (read.before, read.after):
        if text is not None:
            row = json.loads(text)
            del row["default_protocol"]
            model = model_of(row)
            model.check()
            assert model.key == ModelKey(read.uri, read.project)


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
    assert read_as_written(write_model(Model(uri="gs://models/iris", prediction_schema=SCHEMA)))


PAST = json.loads(past(Model(uri="u", creation_time=datetime.now(UTC))))


def revision_with(**fields: Any) -> bytes:
    usual = {
        "id": "00000000-0000-0000-0000-000000000000",
        "verb": "update",
        "actor": "",
        "door": "",
        "requestId": "",
        "changedAt": "2022-02-15T00:00:00Z",
        "before": PAST,
        "after": PAST,
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
        (b'{"manifest":{"revisions":{"sha256":""}}}', "manifest.revisions.count: is missing"),
        (b'{"manifest":{"revisions":{"count":0}}}', "manifest.revisions.sha256: is missing"),
        (revision_with(changedAt=None), r"Expected `datetime`, got `null` .*revision.changedAt"),
        (revision_with(verb="move"), r"Invalid enum value 'move' .*revision.verb"),
        (revision_with(id="x"), r"Invalid UUID .*revision.id"),
        (revision_with(actor="\0"), r"matching regex .*revision.actor"),
        (revision_with(before=None), "revision.before: is null for a create, and for nothing"),
        (revision_with(verb="create"), "revision.before: is null for a create, and for nothing"),
        (revision_with(verb="delete"), "revision.after: is null for a delete, and for nothing"),
        (revision_with(before=PAST | {"uri": "v"}), "revision.after: is another model than the"),
        (revision_with(before=None, after=None), "revision.before: is null for a create"),
        (
            revision_with(after={"URI": "u"}),
            "revision.after: is no model as history keeps it: .* `URI`",
        ),
        (
            revision_with(after=PAST | {"tags": {"a": 1}}),
            r"revision.after: .* Expected `str`, got `int` .*tags",
        ),
        (
            revision_with(after=PAST | {"name": "\0"}),
            "revision.after.name: has a NUL",
        ),
        (
            revision_with(after=PAST | {"prediction_schema": {"requests": 1}}),
            "revision.after.prediction_schema.requests: expected an array",
        ),
    ],
)
def test_a_line_is_refused_by_its_field(text: bytes, refusal: str) -> None:
    with pytest.raises(BadRequest, match=refusal):
        read_line(text)
