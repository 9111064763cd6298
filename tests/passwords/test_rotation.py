"""A password that changes in a real PostgreSQL, and a command that prints it from a file."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from parts import SCHEMA, RunningServer, clean_environment, environment_of, running_server
from pinakes.database import connection_reader
from pinakes.postgres.connection import ConnectionReader
from pinakes.postgres.passwords.cached import CachedPasswords
from pinakes.postgres.passwords.choice import password_source
from pinakes.settings.database import ConfiguredDatabase, read_database


@dataclass(frozen=True)
class Account:
    """A role whose password is in a file, of which the environment knows no other one."""

    administrator: str
    name: str
    file: Path
    environment: dict[str, str]

    def change(self, password: str) -> None:
        """Change the password, in the database and in the file."""
        self.change_in_database(password)
        self.file.write_text(f"{password}\n")

    def change_in_database(self, password: str) -> None:
        statement = sql.SQL("alter role {} password {}")
        with psycopg.connect(self.administrator, autocommit=True) as connection:
            connection.execute(statement.format(sql.Identifier(self.name), sql.Literal(password)))

    def database(self) -> ConfiguredDatabase:
        database = read_database(self.environment, None, embedded_installed=False)
        assert isinstance(database, ConfiguredDatabase)
        return database


@pytest.fixture
def account(empty_database: str, tmp_path: Path) -> Iterator[Account]:
    name = f"rotated_{uuid4().hex}"
    file = tmp_path / "password"
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute(sql.SQL("create role {} login").format(sql.Identifier(name)))
        grant = sql.SQL("grant create on database {} to {}")
        database = str(conninfo_to_dict(empty_database)["dbname"])
        connection.execute(grant.format(sql.Identifier(database), sql.Identifier(name)))
    described = environment_of(empty_database) | {
        "METADATA_PG_USER": name,
        "METADATA_PG_PASSWORD": "another one, which does not count",
        "PINAKES_PG_PASSWORD_COMMAND": f"/bin/cat '{file}'",
    }
    made = Account(empty_database, name, file, described)
    made.change("first")
    yield made
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute(sql.SQL("drop owned by {}").format(sql.Identifier(name)))
        connection.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))


async def log_in(reader: ConnectionReader, source: CachedPasswords) -> str:
    conninfo = await reader.conninfo_from(source)
    async with await psycopg.AsyncConnection.connect(conninfo) as connection:
        cursor = await connection.execute("select session_user")
        [row] = await cursor.fetchall()
        return str(row[0])


def source_of(account: Account) -> CachedPasswords:
    settings = account.database().password_source
    assert settings is not None
    source = password_source(settings, lambda _: None)
    assert isinstance(source, CachedPasswords)
    return source


def test_a_changed_password_is_used_after_the_refusal_of_the_last(account: Account) -> None:
    async def story() -> None:
        reader, source = connection_reader(account.database()), source_of(account)
        assert await log_in(reader, source) == account.name
        account.change("second")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            await log_in(reader, source)
        source.refuse()
        assert await log_in(reader, source) == account.name

    asyncio.run(story())


def test_a_database_that_changed_first_is_left_to_a_command_that_follows(account: Account) -> None:
    async def story() -> None:
        reader, source = connection_reader(account.database()), source_of(account)
        account.change_in_database("second")
        for _ in range(2):
            with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
                await log_in(reader, source)
            source.refuse()
        account.file.write_text("second")
        assert await log_in(reader, source) == account.name

    asyncio.run(story())


def run(account: Account, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "pinakes", *words],
        env=clean_environment() | account.environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_migrating_and_the_doctor_use_the_command(account: Account) -> None:
    done = run(account, "migrate")
    assert done.returncode == 0, done.stderr
    with psycopg.connect(account.administrator) as connection:
        owner = "select nspowner::regrole::text from pg_namespace where nspname = %s"
        assert connection.execute(owner, [SCHEMA]).fetchall() == [(account.name,)]
    findings = {one["check"]: one for one in json.loads(run(account, "doctor", "--json").stdout)}
    assert findings["auth.password"]["status"] == "ok"
    assert findings["auth.login"]["status"] == "ok"
    assert findings["schema.write"]["status"] == "ok"


def test_a_command_that_fails_is_told_by_both(account: Account) -> None:
    account.file.unlink()
    done = run(account, "migrate")
    assert done.returncode == 1
    told = "there is no password for the database: the password command ended with exit code 1"
    assert told in done.stderr
    assert str(account.file) not in done.stderr
    findings = {one["check"]: one for one in json.loads(run(account, "doctor", "--json").stdout)}
    failed = [check for check, found in findings.items() if found["status"] == "failed"]
    assert failed == ["auth.password"]
    assert findings["auth.password"]["message"] == told


def test_a_password_that_is_wrong_is_said_to_be_the_commands(account: Account) -> None:
    account.file.write_text("hunter2")
    done = run(account, "doctor", "--json")
    found = {one["check"]: one for one in json.loads(done.stdout)}["auth.login"]
    assert found["status"] == "failed"
    assert "what PINAKES_PG_PASSWORD_COMMAND prints" in found["fix"]
    assert "hunter2" not in done.stdout + done.stderr


def end_sessions(account: Account) -> None:
    with psycopg.connect(account.administrator, autocommit=True) as connection:
        ended = "select pg_terminate_backend(pid) from pg_stat_activity where usename = %s"
        assert connection.execute(ended, [account.name]).fetchall()


def answers(server: RunningServer) -> bool:
    return httpx.get(f"{server.api}/model/metadata", timeout=30).is_success


def test_a_server_takes_the_next_password_when_the_last_is_refused(
    account: Account, tmp_path: Path
) -> None:
    assert run(account, "migrate").returncode == 0
    with running_server(tmp_path, account.environment) as server:
        assert answers(server)
        account.change("second")
        assert answers(server)
        end_sessions(account)
        deadline = time.monotonic() + 3 * 5
        while not answers(server):
            assert time.monotonic() < deadline
            time.sleep(0.1)  # between looks, not instead of one
