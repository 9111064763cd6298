"""A catalogue that was lost comes back: the pages on backups and recovery, followed word for word.

On Debian's PostgreSQL: the WAL is archived, a base backup is taken between writes of a running
server, everything is deleted, and the moment before that is restored beside it.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row

from docs.pages import blocks, page, section
from parts import API, RunningServer, clean_environment, migrated, running_server
from pinakes.postgres.embedded.server import free_port
from tls.servers import (
    DATABASE,
    HOST,
    SETTINGS,
    Cluster,
    Programs,
    find_programs,
    give_away,
    make_template,
    missing_programs,
    running,
)

ROOT = Path(__file__).parents[2]
MODELS = f"{API}/model/metadata"
KEPT_AT = "/var/backups/pinakes"

BACKUPS, RECOVERY = page("operate-backups"), page("operate-recovery")
[*_, TO_ANOTHER_VERSION] = blocks(page("operate-upgrades"), "sh")
[ARCHIVING] = blocks(BACKUPS, "ini")
[BASE_BACKUP, DUMP, RESTORE_DUMP] = blocks(BACKUPS, "sh")
[HOW_THE_ARCHIVE_IS] = blocks(BACKUPS, "sql")
DELETED = section(RECOVERY, "To the moment before a deletion")
[STOP_SERVERS, SWITCH_WAL, RESTORE, COMPARE] = blocks(DELETED, "sh")
[FIND_MOMENT] = blocks(DELETED, "sql")
[HISTORY] = blocks(section(RECOVERY, "One model"), "sql")
TARGETS = {
    line.split(" = ")[0]: line
    for line in re.findall(r"^ *\| .* \| `(recovery_target_\w+ = '.*')` \|$", DELETED, re.MULTILINE)
}
NOT_REACHED = "recovery ended before configured recovery target was reached"

BY_TRANSACTION, BY_TIME = "recovery_target_xid", "recovery_target_time"
BY_NAME, NOWHERE = "recovery_target_name", "recovery_target_timeline"
NEW_ADMINISTRATOR = "pinakes"
"""Who administrates the embedded server, which is of a later version."""
RESTORE_POINT = "before-cleanup"

Digests = dict[str, tuple[str, str]]
"""Of each table: how many rows, and the digest over them."""


@dataclass(frozen=True)
class Site:
    """A PostgreSQL that archives its WAL, and the shell of its operator."""

    programs: Programs
    place: Path
    cluster: Cluster

    def run(self, block: str, **variables: str) -> str:
        """Run a block of a page; fails where a command does."""
        done = self.attempt(block, **variables)
        assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
        return done.stdout

    def attempt(self, block: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        """Run a block of a page as the user of the server, whatever becomes of it."""
        environment = clean_environment() | {
            "PATH": f"{self.programs.folder}:{os.environ['PATH']}",
            "PGHOST": HOST,
            "PGPORT": str(self.cluster.port),
            "PGUSER": "postgres",
            "PGDATABASE": DATABASE,
            "BACKUPS": str(self.place / "backups"),
        }
        command = [*self.programs.prefix, "/bin/bash", "-euo", "pipefail", "-c", block]
        return subprocess.run(
            command,
            env=environment | variables,
            cwd=self.place,
            capture_output=True,
            text=True,
            check=False,
        )

    def digests(self, until: str, port: int | None = None) -> Digests:
        """Return the digests of this server, or of the one at another port."""
        [here, there] = COMPARE.splitlines()
        block = there if port else here
        lines = self.run(block, UNTIL=until, RESTORED_PORT=str(port)).splitlines()
        return {name: (rows, digest) for name, rows, digest in (line.split("|") for line in lines)}


@dataclass(frozen=True)
class Accident:
    """What was there before everything was deleted, what is there after it, and when it was."""

    site: Site
    before: Digests
    after: Digests
    listed: str
    transaction: str
    moment: str

    def target(self, by: str) -> str:
        """Fill the page's line for where to stop with what was found."""
        found = {BY_TRANSACTION: self.transaction, BY_TIME: self.moment}
        return target(by, found.get(by, RESTORE_POINT))


def target(by: str, value: str) -> str:
    return re.sub(r"'.*'", f"'{value}'", TARGETS[by])


@pytest.fixture(scope="module")
def accident() -> Iterator[Accident]:
    """Sixty models, half of them written after the base backup, all of them deleted."""
    if missing := missing_programs():
        pytest.skip(missing)
    with tempfile.TemporaryDirectory(prefix="pinakes-recovery-") as name, ExitStack() as undo:
        place = Path(name)
        site = undo.enter_context(_site(place))
        with running_server(place, _environment(site.cluster.port)) as server:
            yield _happen(site, server)


@contextmanager
def _site(place: Path) -> Generator[Site]:
    """Set a server up as the page on backups says."""
    programs = find_programs()
    data = make_template(programs, place)
    for directory in (place / "backups", place / "backups" / "wal"):
        directory.mkdir()
        give_away(directory)
    shutil.copytree(ROOT / "examples" / "operate", place / "examples" / "operate")
    with (data / "pg_hba.conf").open("a") as rules:
        rules.write(f"\nhost replication postgres {HOST}/32 trust\n")
        rules.write(f"host all {NEW_ADMINISTRATOR} {HOST}/32 trust\n")
    with (data / "postgresql.conf").open("a") as settings:
        settings.write(ARCHIVING.replace(KEPT_AT, str(place / "backups")))
        settings.writelines(f"{name} = '{value}'\n" for name, value in _pairs(SETTINGS))
    with running(programs, data) as cluster:
        migrated(cluster.conninfo())
        yield Site(programs, place, cluster)


def _pairs(settings: tuple[str, ...]) -> Iterator[list[str]]:
    return (setting.split("=", 1) for setting in settings)


def _environment(port: int) -> dict[str, str]:
    return {
        "METADATA_PG_HOST": HOST,
        "METADATA_PG_PORT": str(port),
        "METADATA_PG_USER": "postgres",
        "METADATA_PG_DBNAME": DATABASE,
        "METADATA_PG_SSLMODE": "disable",
    }


def _happen(site: Site, server: RunningServer) -> Accident:
    """Write, back up, write more, and delete everything; then somebody goes on working."""
    _register(server, range(30))
    site.run(BASE_BACKUP)
    _register(server, range(30, 60))
    _update(server, range(10, 40))
    before, listed = site.digests("infinity"), _listed(server)
    with psycopg.connect(site.cluster.conninfo()) as connection:
        connection.execute("select pg_create_restore_point(%s)", [RESTORE_POINT])
    _delete_all(server)
    _register(server, range(100, 103))
    deletions = _rows(site, FIND_MOMENT)
    assert len(deletions) == 60
    site.run(SWITCH_WAL)
    site.run('mkdir "$BACKUPS/base-9999-12-31T235959Z"')  # a backup that came later
    first = deletions[-1]
    moment = first["changed_at"].isoformat()
    after = site.digests("infinity")
    return Accident(site, before, after, listed, str(first["transaction"]), moment)


def _rows(site: Site, statement: str) -> list[dict[str, Any]]:
    with (
        psycopg.connect(site.cluster.conninfo()) as connection,
        connection.cursor(row_factory=dict_row) as cursor,
    ):
        return cursor.execute(statement.encode()).fetchall()


def _register(server: RunningServer, numbers: range) -> None:
    schemas = sorted((ROOT / "tests" / "fixtures" / "prediction-schemas").glob("*.json"))
    with httpx.Client() as client:
        for number in numbers:
            schema = json.loads(schemas[number % len(schemas)].read_text())
            body = {"URI": f"gs://{number}", "metrics": {"loss": 0.1}, "predictionSchema": schema}
            answer = client.post(server.url + MODELS, json=body)
            assert answer.status_code == 200, answer.text


def _update(server: RunningServer, numbers: range) -> None:
    with httpx.Client() as client:
        for number in numbers:
            body = {"URI": f"gs://{number}", "name": "grün", "tags": {"o": "y"}}
            assert client.put(server.url + MODELS, json=body).status_code == 200


def _delete_all(server: RunningServer) -> None:
    with httpx.Client() as client:
        for number in range(60):
            answer = client.delete(server.url + MODELS, params={"URI": f"gs://{number}"})
            assert answer.status_code == 200


def _listed(server: RunningServer) -> str:
    return httpx.get(server.url + MODELS).text


@contextmanager
def _restored(site: Site, stop_at: str, until: str = "now") -> Generator[int]:
    """Do as the page says; yield the port of the restored server."""
    variables = _room(site) | {"TARGET": stop_at, "UNTIL": until}
    try:
        site.run(RESTORE, **variables)
        yield int(variables["RESTORED_PORT"])
    finally:
        site.run('pg_ctl -D "$RESTORED" -m immediate stop', **variables)


def _room(site: Site) -> dict[str, str]:
    room = Path(tempfile.mkdtemp(dir=site.place))
    give_away(room)
    return {"RESTORED": str(room / "data"), "RESTORED_PORT": str(free_port())}


def test_the_page_names_all_ways_to_say_where_to_stop() -> None:
    assert set(TARGETS) == {BY_TRANSACTION, BY_TIME, BY_NAME, NOWHERE}
    assert RESTORE_POINT in TARGETS[BY_NAME]


def test_the_archive_follows(accident: Accident) -> None:
    [found] = _rows(accident.site, HOW_THE_ARCHIVE_IS)
    assert found["archived_count"] > 0
    assert found["failed_count"] == 0
    assert not list((accident.site.place / "backups" / "wal").glob("*.part"))


def test_what_was_deleted_is_in_its_history(accident: Accident) -> None:
    found = _rows(accident.site, HISTORY.replace("gs://models/iris", "gs://20"))
    assert [row["verb"] for row in found] == ["create", "update", "delete"]
    assert found[-1]["before"]["name"] == "grün"


@pytest.mark.parametrize("by", [BY_TRANSACTION, BY_TIME, BY_NAME])
def test_the_moment_before_the_deletion_comes_back_to_the_byte(
    accident: Accident, by: str, tmp_path: Path
) -> None:
    assert accident.after["models"] != accident.before["models"]
    with _restored(accident.site, accident.target(by), accident.moment) as port:
        assert accident.site.digests("infinity", port) == accident.before
        with running_server(tmp_path, _environment(port)) as server:
            assert _listed(server) == accident.listed
            _register(server, range(200, 201))


def test_the_history_up_to_a_moment_is_equal_in_the_old_server_and_the_restored_one(
    accident: Accident,
) -> None:
    with _restored(accident.site, accident.target(BY_TIME)) as port:
        old = accident.site.digests(accident.moment)
        restored = accident.site.digests(accident.moment, port)
    assert old["model_revisions"] == restored["model_revisions"]
    assert old["model_revisions"][0] == "90"
    assert old["models"] != restored["models"]


def test_a_row_that_differs_is_another_digest(accident: Accident) -> None:
    with _restored(accident.site, accident.target(BY_TRANSACTION)) as port:
        conninfo = accident.site.cluster.conninfo().replace(
            f"port={accident.site.cluster.port}", f"port={port}"
        )
        with psycopg.connect(conninfo) as connection:
            connection.execute("update pinakes.models set version = '2' where uri = 'gs://20'")
        found = accident.site.digests("infinity", port)
    assert found["models"][0] == accident.before["models"][0]
    assert found["models"][1] != accident.before["models"][1]
    assert found["model_revisions"] == accident.before["model_revisions"]


def test_all_of_the_archive_is_the_last_state_of_a_server_that_is_gone(
    accident: Accident,
) -> None:
    """What was archived is all that is read: the old server and its data are not asked."""
    with _restored(accident.site, TARGETS[NOWHERE]) as port:
        assert accident.site.digests("infinity", port) == accident.after


def test_a_moment_that_the_archive_does_not_reach_is_not_taken_for_reached(
    accident: Accident,
) -> None:
    variables = _room(accident.site) | {"TARGET": target(BY_NAME, "never-made"), "UNTIL": "now"}
    accident.site.attempt(RESTORE, **variables)
    log = Path(variables["RESTORED"] + ".log").read_text()
    assert NOT_REACHED in log
    assert f"`{NOT_REACHED}`" in DELETED
    assert not (Path(variables["RESTORED"]) / "postmaster.pid").exists()


def test_a_logical_copy_is_equal(accident: Accident) -> None:
    accident.site.run(DUMP)
    accident.site.run(RESTORE_DUMP)
    now = accident.site.digests("infinity")
    lines = accident.site.run(
        COMPARE.splitlines()[0], UNTIL="infinity", PGDATABASE="metadata_copy"
    ).splitlines()
    assert lines == ["|".join([table, *found]) for table, found in now.items()]


def test_a_dump_into_the_next_version_is_equal(accident: Accident, postgres: str) -> None:
    new = conninfo_to_dict(postgres)
    if new["user"] != NEW_ADMINISTRATOR:
        pytest.skip("the tests run on another PostgreSQL than the embedded one")
    with psycopg.connect(accident.site.cluster.conninfo(), autocommit=True) as connection:
        connection.execute(f"create role {NEW_ADMINISTRATOR} superuser login")
    login = {"PGUSER": NEW_ADMINISTRATOR, "PGPASSWORD": str(new["password"])}
    accident.site.run(TO_ANOTHER_VERSION, NEW_PORT=str(new["port"]), **login)
    [here, there] = COMPARE.splitlines()
    old = accident.site.run(here, UNTIL="infinity", **login)
    upgraded = accident.site.run(there, UNTIL="infinity", RESTORED_PORT=str(new["port"]), **login)
    assert old == upgraded
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"drop database {DATABASE}")
