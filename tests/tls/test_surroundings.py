"""What libpq would find by itself, in the environment and at home, never applies."""

import itertools
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from pinakes.cli.environment import read_environment
from pinakes.database import connection_reader
from pinakes.settings.database import ConfiguredDatabase
from tls.attempts import Material, Target, as_pinakes, configuration_of
from tls.cases import Client, Outcome
from tls.parts import LOCALHOST, Parts
from tls.servers import CERTIFICATE_ONLY, EITHER, TRUSTED

Started = Callable[[Target, Material], str]

SESSION = """
select current_setting('search_path'), current_setting('application_name'),
       current_setting('client_encoding'), current_setting('TimeZone')
"""


@pytest.fixture
def cluttered_home(parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with everything that libpq looks for."""
    home = tmp_path / "home"
    postgresql = home / ".postgresql"
    postgresql.mkdir(parents=True)
    client = parts.clients[Client.GOOD]
    assert client
    (postgresql / "root.crt").write_bytes(parts.foreign.pem)
    (postgresql / "postgresql.crt").write_bytes(client.certificate)
    (postgresql / "postgresql.key").write_bytes(client.key)
    (postgresql / "postgresql.key").chmod(0o600)
    (home / ".pgpass").write_text("*:*:*:*:wrong\n")
    (home / ".pgpass").chmod(0o600)
    monkeypatch.setenv("HOME", str(home))
    return home


@pytest.mark.usefixtures("cluttered_home")
def test_the_home_directory_is_not_looked_at(parts: Parts, tmp_path: Path) -> None:
    port = parts.main.port
    either = as_pinakes(Target(LOCALHOST, port, EITHER), Material("require"), tmp_path / "1")
    assert either.outcome is Outcome.VERIFIED, "the root.crt at home was trusted"
    lone = Target(LOCALHOST, port, CERTIFICATE_ONLY, password="")
    refused = as_pinakes(lone, Material("require"), tmp_path / "2")
    assert refused.outcome is Outcome.REFUSED_BY_SERVER, "the certificate at home was sent"
    nameless = as_pinakes(Target(LOCALHOST, port, EITHER, ""), Material("require"), tmp_path / "3")
    assert "no password supplied" in nameless.text, "the .pgpass at home was read"


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Started:
    """Read the environment as a command does that starts, and return how it connects."""
    places = (tmp_path / str(number) for number in itertools.count())

    def start(target: Target, material: Material) -> str:
        for name, value in configuration_of(target, material, next(places)).environment.items():
            monkeypatch.setenv(name, value)
        database = read_environment().database
        assert isinstance(database, ConfiguredDatabase)
        return connection_reader(database).conninfo()

    return start


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PGSERVICE", "elsewhere"),
        ("PGSERVICEFILE", "/nowhere"),
        ("PGPASSFILE", "/nowhere"),
        ("PGOPTIONS", "-c search_path=elsewhere"),
        ("PGHOSTADDR", "192.0.2.1"),
        ("PGSSLMODE", "verify-full"),
        ("PGSSLROOTCERT", "/nowhere"),
        ("PGSSLCERT", "/nowhere"),
        ("PGSSLCRLDIR", "/nowhere"),
        ("PGSSLMINPROTOCOLVERSION", "TLSv1.4"),
        ("PGSSLNEGOTIATION", "direct"),
        ("PGSSLCERTMODE", "require"),
        ("PGREQUIREAUTH", "scram-sha-256"),
        ("PGCHANNELBINDING", "require"),
        ("PGREQUIREPEER", "nobody"),
        ("PGTARGETSESSIONATTRS", "standby"),
        ("PGLOADBALANCEHOSTS", "nonsense"),
        ("PGAPPNAME", "elsewhere"),
        ("PGCLIENTENCODING", "latin1"),
        ("PGTZ", "Asia/Tokyo"),
    ],
)
def test_a_variable_of_libpq_does_not_apply(
    started: Started, parts: Parts, monkeypatch: pytest.MonkeyPatch, *, name: str, value: str
) -> None:
    target = Target(LOCALHOST, parts.without_tls.port, TRUSTED)

    def session() -> object:
        with psycopg.connect(started(target, Material("prefer"))) as connection:
            return connection.execute(SESSION).fetchone()

    ordinary = session()
    monkeypatch.setenv(name, value)
    assert session() == ordinary


def test_a_password_of_libpq_does_not_apply(
    started: Started, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", "wrong")
    conninfo = started(Target(LOCALHOST, parts.main.port, EITHER, password=""), Material("require"))
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(conninfo)
