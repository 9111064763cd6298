"""Two roles, each of which comes in by a certificate of its own."""

import subprocess
import sys
from pathlib import Path

import httpx
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from mounted import mount
from parts import SCHEMA, clean_environment, new_database, running_server
from pinakes.postgres.roles import write_roles
from tls.authority import Pair
from tls.cases import Client
from tls.parts import LOCALHOST, Parts
from tls.servers import CERTIFICATE_ONLY, MIGRATOR

RUNTIME = CERTIFICATE_ONLY


@pytest.fixture
def mounts(parts: Parts, tmp_path: Path) -> dict[str, str]:
    """The mounted secrets of both roles, and their certificates; the database has both roles."""
    database = new_database(parts.main.conninfo())
    with psycopg.connect(database) as connection:
        connection.execute(write_roles(SCHEMA, MIGRATOR, RUNTIME).encode())
    common = {
        "host": LOCALHOST,
        "port": str(parts.main.port),
        "dbname": str(conninfo_to_dict(database)["dbname"]),
        "ca.crt": parts.root.pem.decode(),
    }
    files = {
        "METADATA_PG_SECRET_DIR": secret(common, RUNTIME),
        "METADATA_PG_CLIENT_TLS_DIR": client(parts.clients[Client.GOOD]),
        "PINAKES_MIGRATE_SECRET_DIR": secret(common, MIGRATOR),
        "PINAKES_MIGRATE_CLIENT_TLS_DIR": client(parts.root.issue(MIGRATOR)),
    }
    return {name: str(mount(tmp_path / name, content)) for name, content in files.items()}


def secret(common: dict[str, str], user: str) -> dict[str, bytes]:
    return {key: value.encode() for key, value in (common | {"user": user}).items()}


def client(pair: Pair | None) -> dict[str, bytes]:
    assert pair is not None
    return {"tls.crt": pair.certificate, "tls.key": pair.key}


def migrate(environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "pinakes", "migrate"],
        env=clean_environment() | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_each_role_shows_its_own_certificate(mounts: dict[str, str], tmp_path: Path) -> None:
    assert migrate(mounts).stderr == ""
    with running_server(tmp_path, mounts) as server:
        assert httpx.get(f"{server.url}/readyz").status_code == 200


def test_without_a_certificate_of_its_own_the_migrating_role_shows_the_other(
    mounts: dict[str, str],
) -> None:
    del mounts["PINAKES_MIGRATE_CLIENT_TLS_DIR"]
    refused = migrate(mounts)
    assert refused.returncode == 1
    assert refused.stderr == "pinakes migrate: the database is away: the login was refused\n"


def test_a_server_that_migrates_does_it_with_the_other_certificate(
    mounts: dict[str, str], tmp_path: Path
) -> None:
    environment = mounts | {"PINAKES_MIGRATE_ON_START": "true"}
    with running_server(tmp_path, environment) as server:
        answers = iter(lambda: httpx.get(f"{server.url}/readyz").status_code, 200)
        assert set(answers) <= {503}
