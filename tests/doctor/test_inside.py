"""What is seen only from inside the server, or of what stands before it."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from doctor.ward import Doctor, Ward
from pinakes.postgres.embedded.server import free_port
from tls.servers import EITHER, PASSWORD, find_programs

PGBOUNCER = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
with_pgbouncer = pytest.mark.skipif(
    not Path(PGBOUNCER).exists(), reason="needs PgBouncer (apt-get install pgbouncer)"
)
READY_SECONDS = 20.0

INI = """
[databases]
metadata = host=127.0.0.1 port={server} dbname=metadata user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
"""


@contextmanager
def read_only(ward: Ward) -> Generator[None, None, None]:
    with psycopg.connect(ward.main.conninfo(), autocommit=True) as connection:
        connection.execute("alter role either set default_transaction_read_only = on")
        yield
        connection.execute("alter role either reset default_transaction_read_only")


@contextmanager
def bouncer(server: int) -> Generator[int, None, None]:
    """Run PgBouncer before a server, as somebody who is not root, until the block ends."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="pinakes-doctor-") as place:
        Path(place).chmod(0o755)
        ini = Path(place) / "pgbouncer.ini"
        ini.write_text(INI.format(server=server, port=port))
        command = [*find_programs().prefix, PGBOUNCER, "--quiet", str(ini)]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            try:
                await_answer(port)
                yield port
            finally:
                process.terminate()


def await_answer(port: int) -> None:
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end:
        with suppress(psycopg.OperationalError):
            psycopg.connect(
                f"host=127.0.0.1 port={port} dbname=metadata user=x sslmode=disable"
            ).close()
            return
    pytest.fail("PgBouncer does not become ready")


def test_a_host_that_takes_no_writes(ward: Ward, doctor: Doctor) -> None:
    with read_only(ward):
        found = doctor(ward.secret())
    assert found.failed() == ["auth.login"]
    assert "target_session_attrs" in found.message("auth.login")
    assert found.fix("auth.login").startswith("name the primary in host in ")


def test_a_host_that_takes_no_writes_where_any_will_do(ward: Ward, doctor: Doctor) -> None:
    with read_only(ward):
        found = doctor(ward.secret(target_session_attrs="any"))
    assert found.failed() == ["server.replication"]
    assert "default_transaction_read_only" in found.fix("server.replication")


def test_a_standby_that_is_asked_for_where_there_is_none(ward: Ward, doctor: Doctor) -> None:
    found = doctor(ward.secret(target_session_attrs="standby"))
    assert found.failed() == ["auth.login"]
    assert found.message("auth.login").startswith("target_session_attrs asks for a standby")
    assert found.fix("auth.login").startswith("set target_session_attrs in ")
    assert "to read-write" in found.fix("auth.login")


def test_a_server_without_a_free_connection(ward: Ward, doctor: Doctor) -> None:
    with psycopg.connect(ward.main.conninfo(), autocommit=True) as connection:
        connection.execute("alter role either connection limit 1")
        mine = ward.main.conninfo(EITHER).replace("sslmode=disable", "sslmode=require")
        with closing(psycopg.connect(mine, password=PASSWORD)):
            full = doctor(ward.secret())
        scarce = doctor(ward.secret(user="tls_only"))
        connection.execute("alter role either connection limit -1")
    assert full.failed() == ["auth.login"]
    assert "no connection left" in full.message("auth.login")
    assert scarce.status("pool.connections") == "ok"


def test_a_role_that_is_allowed_a_single_connection(ward: Ward, doctor: Doctor) -> None:
    with psycopg.connect(ward.main.conninfo(), autocommit=True) as connection:
        connection.execute("alter role either connection limit 1")
        found = doctor(ward.secret())
        connection.execute("alter role either connection limit -1")
    assert not found.failed()
    assert found.status("pool.connections") == "warning"
    assert found.message("schema.version").startswith("migrated to ")
    assert found.status("schema.drift") == found.status("schema.write") == "ok"


def test_a_single_connection_of_a_role_that_is_asked_for_nothing(
    ward: Ward, doctor: Doctor
) -> None:
    with psycopg.connect(ward.main.conninfo(), autocommit=True) as connection:
        connection.execute("alter role trusted connection limit 1")
        found = doctor(ward.secret(user="trusted", password=None))
        connection.execute("alter role trusted connection limit -1")
    assert found.status("auth.startup") == found.status("auth.login") == "ok"


def test_a_pool_that_is_too_large(ward: Ward, doctor: Doctor) -> None:
    with psycopg.connect(ward.main.conninfo(), autocommit=True) as connection:
        connection.execute("alter role either connection limit 5")
        found = doctor(ward.secret())
        connection.execute("alter role either connection limit -1")
    assert not found.failed()
    assert found.status("pool.connections") == "warning"
    assert found.fix("pool.connections") == "raise the limit of the role"


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_cannot_keep_every_text(ward: Ward, doctor: Doctor, encoding: str) -> None:
    create = "create database narrow encoding {} locale 'C' template template0"
    with psycopg.connect(ward.main.conninfo(), autocommit=True) as connection:
        connection.execute(sql.SQL(create).format(encoding))
        found = doctor(ward.secret(dbname="narrow"))
        connection.execute("drop database narrow")
    assert found.failed() == ["server.encoding"]
    assert found.fix("server.encoding").startswith("create it anew: createdb --encoding=UTF8")
    assert found.message("schema.version") == "not looked at, since server.encoding failed"


@with_pgbouncer
def test_a_database_that_the_pooler_does_not_know(ward: Ward, doctor: Doctor) -> None:
    with bouncer(ward.main.port) as port:
        found = doctor(ward.secret(port=str(port), sslmode="disable", dbname="alerts"))
    assert found.failed() == ["auth.startup"]
    assert found.fix("auth.startup").startswith("add it to [databases] in pgbouncer.ini")


@with_pgbouncer
def test_a_pooler_that_stands_between(ward: Ward, doctor: Doctor) -> None:
    with bouncer(ward.main.port) as port:
        found = doctor(ward.secret(port=str(port), sslmode="disable"))
    assert not found.failed()
    assert "stands between" in found.message("pgbouncer.presence")
    assert found.status("schema.drift") == "skipped"
