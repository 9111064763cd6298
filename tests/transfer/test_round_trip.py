"""What is exported and imported into an empty catalogue is exported from it byte by byte."""

import json
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings

from parts import migrated, new_database
from pinakes.catalog.model import Model
from pinakes.catalog.revision import Change
from pinakes.catalog.runtime import RuntimeMetadata
from pinakes.postgres.store import PostgresStore
from pinakes.wire.models import write_model
from pinakes.wire.prediction_schema import read_prediction_schema
from transfer.catalogues import (
    Event,
    Write,
    events,
    happen,
    line_of_runtime,
    runtime,
    whole_models,
)
from transfer.commands import exported, history, imported, lines, pinakes, tell

FEATURE = {"name": "x", "type": "REAL"}
SCHEMA = read_prediction_schema({"requests": [FEATURE], "responses": [FEATURE]}, "")
EMPTY = "truncate pinakes.models, pinakes.model_revisions, pinakes.runtime_metadata"


IRIS = Model(uri="gs://models/iris", metrics={"zero": -0.0, "tiny": 5e-324})

HAND_WRITTEN = lines(
    '{"URI": "gs://a", "name": "ünï", "metrics": {"zero": -0.0}}',
    '{"uri": "gs://b", "creationTime": "2022-02-15T15:26:26.630592Z"}',
)


@pytest.fixture(scope="module")
def second(postgres: str) -> str:
    return migrated(new_database(postgres))


@given(several=events())
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
def test_any_catalogue_makes_the_round_trip_byte_by_byte(
    fresh_database: str, second: str, several: list[Event]
) -> None:
    for conninfo in (fresh_database, second):
        with psycopg.connect(conninfo) as connection:
            connection.execute(EMPTY)
    tell(fresh_database, lambda store: happen(store, several))
    text = exported(fresh_database)
    assert imported(second, text).told == 0
    assert exported(second) == text
    again = imported(second, text)
    assert (again.models.created, again.models.updated, again.told) == (0, 0, 0)
    assert exported(second) == text


@given(model=whole_models(), serving=runtime())
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
def test_an_entry_is_exported_as_the_api_writes_it(
    second: str, model: Model, serving: RuntimeMetadata
) -> None:
    with psycopg.connect(second) as connection:
        connection.execute(EMPTY)
    kept: list[Model] = []

    async def story(store: PostgresStore) -> None:
        await happen(store, [Write(model, "a"), serving])
        [created] = await store.list_revisions(model.key)
        assert created.after
        kept.append(created.after)

    tell(second, story)
    text = exported(second).splitlines()
    _, _, line, runtime_line, _ = (json.loads(one, parse_int=float) for one in text)
    assert line == json.loads(write_model(kept[0]), parse_int=float)
    expected = json.loads(line_of_runtime(serving))["runtimeMetadata"]
    del expected["creationTime"], runtime_line["runtimeMetadata"]["creationTime"]
    assert runtime_line["runtimeMetadata"] == expected


def test_what_others_kept_on_several_lines_is_exported_on_one(fresh_database: str) -> None:
    tell(fresh_database, lambda store: store.create_model(IRIS, Change(actor="a", door="test")))
    several = json.dumps(json.loads(SCHEMA), indent=1).replace("\n", "\r\n")
    with psycopg.connect(fresh_database) as connection:
        connection.execute("update pinakes.models set prediction_schema = %s", [several])
    _, _, line, _ = exported(fresh_database).splitlines()
    assert json.loads(line)["predictionSchema"] == json.loads(SCHEMA)
    assert b"\x01" not in exported(fresh_database)


def test_the_commands_make_the_round_trip(fresh_database: str, second: str, tmp_path: Path) -> None:
    with psycopg.connect(second) as connection:
        connection.execute(EMPTY)
    assert pinakes(fresh_database, "import", "-", stdin=HAND_WRITTEN).returncode == 0
    file = tmp_path / "catalogue.ndjson"
    assert pinakes(fresh_database, "export", "-o", file).returncode == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert [*tmp_path.iterdir()] == [file]
    done = pinakes(second, "import", file)
    assert (done.returncode, done.stderr) == (0, b"")
    assert pinakes(second, "export").stdout == file.read_bytes()


def test_each_line_tells_what_it_is(fresh_database: str) -> None:
    imported(fresh_database, HAND_WRITTEN)
    first, *between, last = map(json.loads, exported(fresh_database).splitlines())
    assert first == {"export": {"format": 1}}
    assert [*last] == ["manifest"]
    assert [next(iter(line)) for line in between] == ["revision"] * 2 + ["URI"] * 2


def test_history_is_restored_in_its_order_and_with_its_times(
    fresh_database: str, second: str
) -> None:
    async def story(store: PostgresStore) -> None:
        await store.create_model(IRIS, Change(actor="a", door="test"))
        await store.update_model(replace(IRIS, name="iris"), Change(actor="b", door="test"))
        await store.delete_model(IRIS.key, Change(actor="c", door="test"))

    tell(fresh_database, story)
    imported(second, exported(fresh_database))
    told = history(fresh_database, IRIS.key)
    assert len(told) == 3
    assert history(second, IRIS.key) == told
