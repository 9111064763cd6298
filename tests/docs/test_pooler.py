"""The page about PgBouncer is true: what it says to set is tried, word for word, on a real one."""

import json
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from docs.pages import blocks, page
from doctor.ward import run_doctor
from mounted import mount
from parts import SCHEMA, migrated
from pinakes.postgres.embedded.server import free_port
from pinakes.postgres.pool import SESSION
from pinakes.postgres.roles import write_roles
from pooler import PROGRAM, wait_until_connected, with_pgbouncer
from tls.authority import Authority
from tls.servers import (
    DATABASE,
    HOST,
    PASSWORD,
    Cluster,
    cluster_of,
    find_programs,
    make_template,
    missing_programs,
)

PAGE = page("connect-through-pgbouncer")
[SETTINGS] = blocks(PAGE, "ini")
[LIMITS, LINE_OF_USERS] = blocks(PAGE, "sql")
[SHOWN] = blocks(PAGE, "text")
LOCALHOST = "localhost"
OWNER, RUNTIME = "pinakes_owner", "pinakes_runtime"
LIMIT = re.compile(r"set (\w+) = ('.+?')")
WRITTEN = {"datestyle", "timezone"}
"""What of a session is no limit, but how it writes times."""


@dataclass(frozen=True)
class Pooler:
    """PgBouncer as the page sets it up, and who vouches for it."""

    port: int
    authority: Authority

    def secret(self) -> dict[str, bytes]:
        keys = {"host": LOCALHOST, "port": str(self.port), "dbname": DATABASE, "user": RUNTIME}
        told = {key: value.encode() for key, value in keys.items()}
        return {**told, "password": PASSWORD.encode(), "ca.crt": self.authority.pem}


@pytest.fixture
def pooler() -> Iterator[Pooler]:
    """A server with a catalogue of two roles, and before it what the page says."""
    if missing := missing_programs():
        pytest.skip(missing)
    authority = Authority.root("root")
    with tempfile.TemporaryDirectory(prefix="pinakes-pooler-") as place, ExitStack() as undo:
        programs = find_programs()
        template = make_template(programs, Path(place))
        pair = authority.issue("server", LOCALHOST)
        server = undo.enter_context(cluster_of(programs, template, "server", pair, authority.pem))
        yield Pooler(_start(_set_up(Path(place), server, authority), undo), authority)


def _set_up(place: Path, server: Cluster, authority: Authority) -> Path:
    """Do what the page says, and return the file that PgBouncer is to read."""
    users = _make_roles(server)
    pair = authority.issue("pooler", LOCALHOST)
    directory = place / "pgbouncer"
    directory.mkdir()
    settings = (
        SETTINGS.replace("host=db.example port=5432", f"host={LOCALHOST} port={server.port}")
        .replace("listen_port = 6432", f"listen_port = {free_port()}\nunix_socket_dir =")
        .replace("/etc/pgbouncer", str(directory))
    )
    for name, content in {
        "users.txt": users.encode(),
        "tls.crt": pair.certificate,
        "tls.key": pair.key,
        "ca.crt": authority.pem,
        "pgbouncer.ini": settings.encode(),
    }.items():
        (directory / name).write_bytes(content)
    return directory / "pgbouncer.ini"


def _make_roles(server: Cluster) -> str:
    """Make the catalogue, its roles and their limits, and return who may come in."""
    with (server.data / "pg_hba.conf").open("a") as rules:
        rules.write(f"hostssl all {RUNTIME} {HOST}/32 scram-sha-256\n")
    with psycopg.connect(migrated(server.conninfo()), autocommit=True) as administrator:
        administrator.execute("select pg_reload_conf()")
        administrator.execute(write_roles(SCHEMA, OWNER, RUNTIME).encode())
        password = sql.SQL("alter role {} password {}")
        administrator.execute(password.format(sql.Identifier(RUNTIME), sql.Literal(PASSWORD)))
        administrator.execute(LIMITS.encode())
        [line] = administrator.execute(LINE_OF_USERS.encode()).fetchall()
    return f"{line[0]}\n"


def _start(settings: Path, undo: ExitStack) -> int:
    """Start PgBouncer as somebody who is not root, and return where it listens."""
    for file in (settings.parent, *settings.parent.iterdir()):
        file.chmod(0o755)  # a throw-away key, for a user of whom nothing is known
    command = [*find_programs().prefix, str(PROGRAM), "--quiet", str(settings)]
    process = undo.enter_context(subprocess.Popen(command, stderr=subprocess.DEVNULL))
    undo.callback(process.terminate)
    [port] = re.findall(r"listen_port = (\d+)", settings.read_text())
    return int(port)


def test_the_limits_of_the_page_are_those_of_a_session() -> None:
    limits = dict(LIMIT.findall(LIMITS))
    said = dict(LIMIT.findall(SESSION))
    assert limits == {name: value for name, value in said.items() if name not in WRITTEN}
    assert len(limits) == LIMITS.count(f"alter role {RUNTIME} set ") == 4


@with_pgbouncer
def test_the_pooler_of_the_page_serves_as_it_says(pooler: Pooler, tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_bytes(pooler.authority.pem)
    through = make_conninfo(
        host=LOCALHOST,
        port=pooler.port,
        dbname=DATABASE,
        user=RUNTIME,
        password=PASSWORD,
        sslmode="verify-full",
        sslrootcert=str(tmp_path / "ca.crt"),
    )
    wait_until_connected(through)
    with psycopg.connect(through, autocommit=True, prepare_threshold=None) as connection:
        for name, value in LIMIT.findall(LIMITS):
            shown = connection.execute("select current_setting(%s)", [name]).fetchone()
            assert shown == (value.strip("'"),)
    secret = mount(tmp_path / "secret", pooler.secret())
    done = run_doctor({"METADATA_PG_SECRET_DIR": str(secret)}, "--json")
    findings = {finding["check"]: finding for finding in json.loads(done.stdout)}
    assert [one for one in findings.values() if one["status"] == "failed"] == []
    assert findings["tls.session"]["message"] in SHOWN
    assert findings["schema.drift"]["message"] in SHOWN
    assert re.match(r"PgBouncer [\d.]+ stands", findings["pgbouncer.presence"]["message"])
