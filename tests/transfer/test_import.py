"""What an import does to a catalogue, and what it leaves alone."""

import json
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from parts import clean_environment, environment_of, migrated, new_database
from pinakes.catalog.model import Model, ModelKey
from pinakes.catalog.revision import Change, Verb
from pinakes.catalog.runtime import DeploymentType, RuntimeMetadata
from pinakes.postgres.store import PostgresStore
from pinakes.postgres.transfer.order import Difference, Mode
from pinakes.transfers.files import FileRefused
from transfer.commands import BY, Done, exported, history, imported, lines, pinakes, tell

IRIS = Model(uri="gs://models/iris", name="iris")
WINE = Model(uri="gs://models/wine", name="wine")
HAND_WRITTEN = lines('{"URI": "gs://models/iris", "name": "Iris"}')
SERVED = RuntimeMetadata(
    model_uri="gs://models/iris",
    deployment_name="iris",
    deployment_namespace="production",
    deployment_uid="uid-1",
    deployment_type=DeploymentType.SELDON_MODEL,
)


def by(actor: str) -> Change:
    return Change(actor=actor, door="test", request_id="1")


@pytest.fixture
def second(postgres: str) -> str:
    return migrated(new_database(postgres))


def create(conninfo: str, *models: Model) -> None:
    async def story(store: PostgresStore) -> None:
        for model in models:
            await store.create_model(model, by("alice"))

    tell(conninfo, story)


def models_of(conninfo: str) -> list[dict[str, object]]:
    found = [json.loads(line) for line in exported(conninfo).splitlines()]
    return [line for line in found if "URI" in line]


def verbs(conninfo: str, key: ModelKey) -> list[tuple[Verb, str, str]]:
    told = history(conninfo, key)
    return [(one.verb, one.change.actor, one.change.door) for one in told]


def test_a_model_without_history_gets_one_through_the_door_of_the_import(
    fresh_database: str,
) -> None:
    outcome = imported(fresh_database, HAND_WRITTEN)
    assert (outcome.models.created, outcome.told) == (1, 1)
    assert verbs(fresh_database, IRIS.key) == [(Verb.CREATE, "bob", "import")]
    [told] = history(fresh_database, IRIS.key)
    assert told.change.request_id == BY.request_id
    assert told.after
    assert told.after.name == "Iris"


def test_merging_updates_what_differs_and_leaves_the_rest(fresh_database: str) -> None:
    create(fresh_database, IRIS, WINE)
    outcome = imported(fresh_database, HAND_WRITTEN)
    assert (outcome.models.updated, outcome.models.unchanged, outcome.told) == (1, 0, 1)
    assert [model["name"] for model in models_of(fresh_database)] == ["Iris", "wine"]
    [_, update] = history(fresh_database, IRIS.key)
    assert update.before
    assert update.after
    assert (update.before.name, update.after.name) == ("iris", "Iris")
    assert update.after.creation_time == update.before.creation_time
    assert verbs(fresh_database, WINE.key) == [(Verb.CREATE, "alice", "test")]


def test_what_is_the_same_causes_no_revision(fresh_database: str) -> None:
    imported(fresh_database, HAND_WRITTEN)
    before = exported(fresh_database)
    outcome = imported(fresh_database, HAND_WRITTEN)
    assert (outcome.models.unchanged, outcome.told) == (1, 0)
    assert exported(fresh_database) == before


def test_a_creation_time_is_kept(fresh_database: str) -> None:
    create(fresh_database, IRIS)
    line = '{"URI": "gs://models/iris", "name": "iris", "creationTime": "2022-02-15T15:26:26.6Z"}'
    assert imported(fresh_database, lines(line)).models.updated == 1
    [model] = models_of(fresh_database)
    assert model["creationTime"] == "2022-02-15T15:26:26.600000Z"


def test_an_older_export_is_told_as_a_change_of_its_own(fresh_database: str) -> None:
    create(fresh_database, IRIS)
    older = exported(fresh_database)
    newer = replace(IRIS, name="newer")
    tell(fresh_database, lambda store: store.update_model(newer, by("alice")))
    outcome = imported(fresh_database, older)
    assert (outcome.models.updated, outcome.revisions.unchanged, outcome.told) == (1, 1, 1)
    assert verbs(fresh_database, IRIS.key)[-1] == (Verb.UPDATE, "bob", "import")
    assert history(fresh_database, IRIS.key)[-1].after == history(fresh_database, IRIS.key)[0].after


def test_a_change_whose_history_comes_with_it_is_told_once(
    fresh_database: str, second: str
) -> None:
    create(fresh_database, IRIS)
    imported(second, exported(fresh_database))
    newer = replace(IRIS, name="newer")
    tell(fresh_database, lambda store: store.update_model(newer, by("carol")))
    outcome = imported(second, exported(fresh_database))
    assert (outcome.models.updated, outcome.revisions.created, outcome.told) == (1, 1, 0)
    assert exported(second) == exported(fresh_database)


def test_replacing_deletes_what_the_file_lacks_and_tells_so(
    fresh_database: str, second: str
) -> None:
    create(fresh_database, IRIS)
    others = [Model(uri=f"{prefix}{n:04}") for prefix in ("a", "z") for n in range(1200)]
    create(second, *others[:3], *others[-3:])
    many = lines(*(json.dumps({"URI": other.uri}) for other in others[3:-3]))
    imported(second, many)
    tell(second, lambda store: store.record_runtime(SERVED))
    outcome = imported(second, exported(fresh_database), mode=Mode.REPLACE)
    assert (outcome.models.created, outcome.models.deleted) == (1, 2400)
    assert (outcome.runtime.deleted, outcome.told) == (1, 2400)
    assert models_of(second) == models_of(fresh_database)
    assert verbs(second, others[0].key)[-1] == (Verb.DELETE, "bob", "import")
    assert history(second, IRIS.key) == history(fresh_database, IRIS.key)


def test_a_deletion_whose_history_comes_is_told_once(fresh_database: str, second: str) -> None:
    create(fresh_database, IRIS, WINE)
    imported(second, exported(fresh_database))
    tell(fresh_database, lambda store: store.delete_model(WINE.key, by("carol")))
    outcome = imported(second, exported(fresh_database), mode=Mode.REPLACE)
    assert (outcome.models.deleted, outcome.revisions.created, outcome.told) == (1, 1, 0)
    assert exported(second) == exported(fresh_database)


def test_a_model_that_a_merge_lets_live_is_told_to_live(fresh_database: str, second: str) -> None:
    create(fresh_database, IRIS, WINE)
    imported(second, exported(fresh_database))
    tell(fresh_database, lambda store: store.delete_model(WINE.key, by("carol")))
    outcome = imported(second, exported(fresh_database))
    assert (outcome.models.unchanged, outcome.told) == (1, 1)
    assert [verb for verb, _, _ in verbs(second, WINE.key)] == [
        Verb.CREATE,
        Verb.DELETE,
        Verb.CREATE,
    ]
    assert len(models_of(second)) == 2


def test_only_a_file_with_a_manifest_may_replace(fresh_database: str) -> None:
    create(fresh_database, WINE)
    for text in (HAND_WRITTEN, b""):
        with pytest.raises(FileRefused) as refused:
            imported(fresh_database, text, mode=Mode.REPLACE)
        assert "--mode replace needs one" in refused.value.problems[0].told
    assert len(models_of(fresh_database)) == 1


@pytest.mark.parametrize("mode", Mode)
def test_runtime_metadata_is_carried_and_made_the_same(
    fresh_database: str, second: str, mode: Mode
) -> None:
    def record(conninfo: str, *several: RuntimeMetadata) -> None:
        async def story(store: PostgresStore) -> None:
            for one in several:
                await store.record_runtime(one)

        tell(conninfo, story)

    record(fresh_database, SERVED, replace(SERVED, node_name="b"))
    record(second, replace(SERVED, replicas=7), replace(SERVED, node_name="a"))
    outcome = imported(second, exported(fresh_database), mode=mode)
    count = outcome.runtime
    deleted = int(mode is Mode.REPLACE)
    assert (count.created, count.updated, count.deleted) == (1, 1, deleted)
    assert (exported(second) == exported(fresh_database)) is (mode is Mode.REPLACE)


@pytest.mark.parametrize("mode", Mode)
def test_a_dry_run_tells_what_an_import_does_and_does_nothing(
    fresh_database: str, second: str, mode: Mode
) -> None:
    create(fresh_database, IRIS, WINE)
    create(second, replace(WINE, name="other", version="2"), Model(uri="old"))
    before, text = exported(second), exported(fresh_database)
    found: list[Difference] = []
    told = imported(second, text, mode=mode, is_dry=True, differences=found)
    assert exported(second) == before
    done = imported(second, text, mode=mode)
    assert told.models == done.models
    changes = {(one.verb, one.place[0]): one.fields for one in found}
    expected: dict[tuple[Verb, str], tuple[str, ...]] = {
        (Verb.CREATE, IRIS.uri): (),
        (Verb.UPDATE, WINE.uri): ("name", "version", "creation_time"),
    }
    if mode is Mode.REPLACE:
        expected[Verb.DELETE, "old"] = ()
    assert changes == expected


def test_the_command_prints_differences_for_people_and_for_machines(
    fresh_database: str, tmp_path: Path
) -> None:
    create(fresh_database, IRIS)
    file = tmp_path / "models.ndjson"
    file.write_bytes(HAND_WRITTEN + lines('{"URI": "gs://models/wine"}'))
    told = pinakes(fresh_database, "import", "--dry-run", file)
    assert told.stdout.decode().splitlines()[:2] == [
        "update  model  'gs://models/iris' 'default'  name",
        "create  model  'gs://models/wine' 'default'",
    ]
    as_json = pinakes(fresh_database, "import", "--dry-run", "--json", file)
    update, _, outcome = map(json.loads, as_json.stdout.splitlines())
    assert update == {
        "change": "update",
        "kind": "model",
        "key": ["gs://models/iris", "default"],
        "fields": ["name"],
    }
    assert outcome["outcome"]["models"] == {
        "created": 1,
        "updated": 1,
        "deleted": 0,
        "unchanged": 0,
    }


def test_the_actor_is_who_runs_the_command_or_who_is_named(fresh_database: str) -> None:
    done = pinakes(fresh_database, "import", "--actor", "carol", "-", stdin=HAND_WRITTEN)
    assert done.returncode == 0, done.stderr
    assert b"1 revisions were added through the door 'import'" in done.stdout
    assert verbs(fresh_database, IRIS.key) == [(Verb.CREATE, "carol", "import")]


def test_an_actor_that_is_no_text_is_refused(database: str) -> None:
    done = pinakes(database, "import", "--actor", "a\udcff", "-", stdin=HAND_WRITTEN)
    assert (done.returncode, done.stderr) == (
        2,
        b"pinakes import: --actor is no text in UTF-8\n",
    )


@pytest.mark.parametrize(
    ("reader", "told"),
    [
        (
            "> /dev/full",
            b"pinakes: the standard output cannot be written: No space left on device\n",
        ),
        ("| head -c 0", b""),
    ],
)
def test_differences_that_nobody_takes_are_no_fault_of_the_file(
    fresh_database: str, large_export: bytes, tmp_path: Path, reader: str, told: bytes
) -> None:
    file = tmp_path / "catalogue.ndjson"
    file.write_bytes(large_export)
    done = subprocess.run(
        [
            "/bin/bash",
            "-c",
            f'set -o pipefail; "$0" -m pinakes import --dry-run "$1" {reader}',
            sys.executable,
            str(file),
        ],
        env=clean_environment() | environment_of(fresh_database),
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, told)


@pytest.fixture(scope="module")
def large_export(postgres: str) -> bytes:
    conninfo = migrated(new_database(postgres))
    several = (json.dumps({"URI": f"gs://{n:06}", "name": "x" * 200}) for n in range(12_000))
    imported(conninfo, lines(*several))
    return exported(conninfo)


def waiting_import(conninfo: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "pinakes", "import", "-"],
        env=clean_environment() | environment_of(conninfo),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def bytes_written(conninfo: str) -> int:
    """Return what was written to disk, whether or not it will be kept."""
    with psycopg.connect(conninfo) as connection:
        found = connection.execute(
            "select pg_relation_size('pinakes.models')"
            " + pg_relation_size('pinakes.model_revisions')"
        ).fetchone()
    assert found
    return int(found[0])


@pytest.fixture(params=[signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def stopping(request: pytest.FixtureRequest) -> signal.Signals:
    return request.param


def read_by(conninfo: str, created: int) -> tuple[int, int]:
    """Return what was read of tables and indexes: rows from end to end, and blocks by any way.

    Waits until PostgreSQL has counted so many models, for it counts after a connection has ended.
    """
    deadline = time.monotonic() + 60
    with psycopg.connect(conninfo, autocommit=True) as connection:
        while True:
            rows, blocks, models = connection.execute(READ).fetchall()[0]
            if models >= created:
                return int(rows), int(blocks)
            assert time.monotonic() < deadline
            time.sleep(0.05)  # until it was counted


READ = """
    select
        sum(seq_tup_read),
        sum(heap_blks_read + heap_blks_hit + coalesce(idx_blks_read + idx_blks_hit, 0)),
        sum(n_tup_ins) filter (where relname = 'models')
    from pg_stat_user_tables join pg_statio_user_tables using (relid, schemaname, relname)
    where schemaname = 'pinakes'
"""

BELIEVE_NOTHING_IS_THERE = """
    update pg_class set reltuples = 0, relpages = 100000
    from pg_namespace
    where relnamespace = pg_namespace.oid and nspname = 'pinakes' and relkind = 'r'
"""


def test_no_table_is_read_from_end_to_end_while_an_import_fills_it(
    fresh_database: str, large_export: bytes
) -> None:
    """As by the trigger behind search, whose plans are of the time when there was nothing yet."""
    imported(fresh_database, large_export)
    rows, _ = read_by(fresh_database, 12_000)
    assert rows < 12_000


def test_what_postgresql_believes_of_the_tables_does_not_matter(
    fresh_database: str, second: str, large_export: bytes
) -> None:
    """As after an ANALYZE while the first import runs: any index seems as short as any other."""
    without_history = [line for line in large_export.splitlines() if line.startswith(b'{"URI"')]
    with psycopg.connect(second) as connection:
        connection.execute(BELIEVE_NOTHING_IS_THERE)
    for conninfo in (fresh_database, second):
        imported(conninfo, b"\n".join(without_history))
        imported(conninfo, large_export)
    _, expected = read_by(fresh_database, 12_000)
    _, blocks = read_by(second, 12_000)
    assert blocks < 1.2 * expected


STOPPED = (
    b"pinakes import: stopped before the end\n"
    b"a file is imported wholly or not at all; the same command may be run again\n"
)


def test_an_import_that_is_stopped_has_changed_nothing_and_is_run_again(
    fresh_database: str, large_export: bytes, stopping: signal.Signals
) -> None:
    before = exported(fresh_database)
    with waiting_import(fresh_database) as process:
        assert process.stdin
        process.stdin.write(large_export[: len(large_export) * 9 // 10])
        process.stdin.flush()
        deadline = time.monotonic() + 60
        while not bytes_written(fresh_database):
            assert time.monotonic() < deadline
            time.sleep(0.05)  # until something was written
        process.send_signal(stopping)
        assert process.wait(timeout=30) == (-signal.SIGKILL if stopping is signal.SIGKILL else 1)
        assert process.stderr
        assert process.stderr.read() == (b"" if stopping is signal.SIGKILL else STOPPED)
    assert exported(fresh_database) == before
    done: Done = pinakes(fresh_database, "import", "-", stdin=large_export)
    assert done.returncode == 0, done.stderr
    assert exported(fresh_database) == large_export


def test_an_import_whose_connection_is_lost_is_run_again(
    fresh_database: str, large_export: bytes
) -> None:
    with waiting_import(fresh_database) as process:
        assert process.stdin
        process.stdin.write(large_export[: len(large_export) * 9 // 10])
        process.stdin.flush()
        deadline = time.monotonic() + 60
        while not bytes_written(fresh_database):
            assert time.monotonic() < deadline
            time.sleep(0.05)  # until something was written
        with psycopg.connect(fresh_database) as connection:
            connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )
        with suppress(BrokenPipeError):
            process.stdin.write(large_export[len(large_export) * 9 // 10 :])
            process.stdin.close()
        assert process.wait(timeout=30) == 1
        assert process.stderr
        assert process.stderr.read().splitlines() == [
            b"pinakes import: the connection to the database was lost",
            b"a file is imported wholly or not at all; the same command may be run again",
        ]
    assert b'"URI"' not in exported(fresh_database)


def test_writers_meanwhile_are_not_lost_and_not_overwritten_unseen(
    fresh_database: str, large_export: bytes
) -> None:
    create(fresh_database, Model(uri="gs://elsewhere"))
    with waiting_import(fresh_database) as process:
        assert process.stdin
        process.stdin.write(large_export[: len(large_export) * 9 // 10])
        process.stdin.flush()
        deadline = time.monotonic() + 60
        while bytes_written(fresh_database) < 1_000_000:
            assert time.monotonic() < deadline
            time.sleep(0.05)  # until something was written
        create(fresh_database, Model(uri="gs://meanwhile"))
        process.stdin.write(large_export[len(large_export) * 9 // 10 :])
        process.stdin.close()
        assert process.wait(timeout=60) == 0
    assert len(models_of(fresh_database)) == 12_002
