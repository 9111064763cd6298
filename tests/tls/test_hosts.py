"""Several hosts: which of them is connected to, and what the first may do to be passed over."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import psycopg
import pytest

from mounted import mount
from pinakes.postgres.connection import Configuration, ConnectionReader
from pinakes.postgres.files import PrivateFiles
from tls.attempts import run_psql
from tls.cases import Outcome
from tls.liars import STANDBY, closed, refusal, saying, silent
from tls.parts import Parts
from tls.servers import DATABASE, EITHER, HOST, PASSWORD

Liar = Callable[[], AbstractContextManager[int]]
TIMEOUT_SECONDS = 2


def connected_port(place: Path, ports: list[int], **values: str) -> int:
    """Return the port that is connected to, of several on the same address."""
    secret = {
        "host": ",".join([HOST] * len(ports)),
        "port": ",".join(map(str, ports)),
        "user": EITHER,
        "password": PASSWORD,
        "dbname": DATABASE,
        "sslmode": "prefer",
        "connect_timeout": str(TIMEOUT_SECONDS),
    } | values
    directory = mount(place, {key: value.encode() for key, value in secret.items()})
    configuration = Configuration({"METADATA_PG_SECRET_DIR": str(directory)}, {})
    conninfo = ConnectionReader(configuration, PrivateFiles()).conninfo()
    with psycopg.connect(conninfo) as connection:
        return connection.info.port


@pytest.mark.parametrize(
    "liar",
    [
        closed,
        silent,
        lambda: saying(refusal("57P03")),
        lambda: saying(refusal("53300")),
        lambda: saying(refusal("28P01")),
        lambda: saying(refusal("3D000")),
        lambda: saying(b""),
        lambda: saying(STANDBY),
    ],
    ids=["closed", "silent", "57P03", "53300", "28P01", "3D000", "mute", "standby"],
)
def test_a_host_that_does_not_serve_is_passed_over(
    parts: Parts, tmp_path: Path, liar: Liar
) -> None:
    start = time.monotonic()
    with liar() as port:
        assert connected_port(tmp_path, [port, parts.main.port]) == parts.main.port
    assert time.monotonic() - start < TIMEOUT_SECONDS + 3


@pytest.mark.parametrize(
    ("sqlstate", "goes_on"), [("57P03", True), ("53300", False), ("28P01", False), ("3D000", False)]
)
def test_psql_stops_at_a_host_that_answers(
    parts: Parts, tmp_path: Path, *, sqlstate: str, goes_on: bool
) -> None:
    """Where psycopg goes on: several hosts are not compared with psql in the matrix."""
    with saying(refusal(sqlstate)) as port:
        environment = {
            "PGHOST": f"{HOST},{HOST}",
            "PGPORT": f"{port},{parts.main.port}",
            "PGUSER": EITHER,
            "PGPASSWORD": PASSWORD,
            "PGDATABASE": DATABASE,
            "PGSSLMODE": "disable",
            "HOME": str(tmp_path),
        }
        verdict = run_psql([str(parts.psql)], environment)
    assert verdict.outcome is (Outcome.PLAIN if goes_on else Outcome.REFUSED_BY_SERVER)


@pytest.mark.parametrize(
    ("wanted", "is_primary"),
    [
        (None, True),
        ("read-write", True),
        ("primary", True),
        ("any", False),
        ("standby", False),
        ("read-only", False),
        ("prefer-standby", False),
    ],
)
def test_the_session_that_is_wanted(
    parts: Parts, tmp_path: Path, *, wanted: str | None, is_primary: bool
) -> None:
    values = {"target_session_attrs": wanted} if wanted else {}
    with saying(STANDBY) as standby:
        port = connected_port(tmp_path, [standby, parts.main.port], **values)
    assert port == (parts.main.port if is_primary else standby)


def test_a_standby_is_preferred_wherever_it_stands(parts: Parts, tmp_path: Path) -> None:
    with saying(STANDBY) as standby:
        port = connected_port(
            tmp_path, [parts.main.port, standby], target_session_attrs="prefer-standby"
        )
    assert port == standby


def test_where_there_is_no_standby_the_primary_will_do(parts: Parts, tmp_path: Path) -> None:
    wanted = {"target_session_attrs": "prefer-standby"}
    with closed() as port:
        assert connected_port(tmp_path, [port, parts.main.port], **wanted) == parts.main.port


def test_one_port_serves_for_all_hosts(parts: Parts, tmp_path: Path) -> None:
    values = {"host": f"{HOST},{HOST}", "port": str(parts.main.port)}
    assert connected_port(tmp_path, [parts.main.port], **values) == parts.main.port


def test_no_refusal_repeats_the_password(parts: Parts, tmp_path: Path) -> None:
    with closed() as port, pytest.raises(psycopg.OperationalError) as failure:
        connected_port(tmp_path, [port, port])
    assert PASSWORD not in str(failure.value)
    with pytest.raises(psycopg.OperationalError) as failure:
        connected_port(tmp_path / "wrong", [parts.main.port], password="not the password")
    assert "not the password" not in str(failure.value)
