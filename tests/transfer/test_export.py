"""What an export is: one moment, one file, and never half of either."""

import asyncio
import os
import pty
import subprocess
import sys
import threading
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from parts import SCHEMA, clean_environment, environment_of, migrated, new_database
from pinakes.postgres.roles import write_roles
from pinakes.postgres.transfer.order import Mode
from pinakes.transfers.exports import export_catalogue
from pooler import pgbouncer, with_pgbouncer
from transfer.commands import exported, imported, lines, pinakes, settings_of

SOME = lines('{"URI": "gs://a", "name": "a"}', '{"URI": "gs://b"}')


def test_an_export_changes_nothing_and_two_are_the_same(fresh_database: str) -> None:
    imported(fresh_database, SOME)
    first = exported(fresh_database)
    assert exported(fresh_database) == first
    with psycopg.connect(fresh_database, autocommit=True) as connection:
        name = connection.info.dbname
        for setting in ("timezone = 'Asia/Tokyo'", "datestyle = 'German'", "search_path = ''"):
            connection.execute(f'alter database "{name}" set {setting}'.encode())
        connection.execute("vacuum full pinakes.models")
    assert exported(fresh_database) == first


def test_an_export_takes_longer_than_a_statement_may(fresh_database: str) -> None:
    imported(fresh_database, SOME)
    with psycopg.connect(fresh_database) as other:
        name = other.info.dbname
        other.execute(f'alter database "{name}" set statement_timeout = 300'.encode())
        other.commit()
        other.execute("set local statement_timeout = 0; lock table pinakes.models")
        release = threading.Timer(1.0, other.rollback)
        release.start()
        assert b"gs://b" in exported(fresh_database)
        release.join()


def test_a_file_is_replaced_when_the_new_one_is_whole(
    fresh_database: str, empty_database: str, tmp_path: Path
) -> None:
    imported(fresh_database, SOME)
    file = tmp_path / "catalogue.ndjson"
    file.write_bytes(b"of yesterday")
    failed = pinakes(empty_database, "export", "-o", file)
    assert failed.returncode == 1
    assert [*tmp_path.iterdir()] == [file]
    assert file.read_bytes() == b"of yesterday"
    done = pinakes(fresh_database, "export", "-o", file)
    assert done.stdout == b""
    assert done.stderr.decode().split() == [
        *("exported", "lines"),
        *("revisions", "2"),
        *("models", "2"),
        *("runtimeMetadata", "0"),
    ]
    assert file.read_bytes() == exported(fresh_database)
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_link_and_a_device_stay_what_they_are(fresh_database: str, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert pinakes(fresh_database, "export", "-o", tmp_path / "link").returncode == 0
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_bytes() == exported(fresh_database)
    done = pinakes(fresh_database, "export", "-o", "/dev/stdout")
    assert done.stdout == exported(fresh_database)
    assert pinakes(fresh_database, "export", "-o", "/dev/null").returncode == 0
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize(
    ("words", "name"), [(("-o", "/dev/full"), "/dev/full"), ((), "the standard output")]
)
def test_a_disk_that_is_full_is_told(
    fresh_database: str, words: tuple[str, ...], name: str
) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "pinakes", "export", *words],
            env=clean_environment() | environment_of(fresh_database),
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 1
    told = f"pinakes export: {name} cannot be written: No space left on device"
    assert done.stderr.decode().splitlines()[0] == told
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("export >&-", b"pinakes export: the standard output is closed: give -o FILE\n"),
        ("import - <&-", b"pinakes import: the standard input is closed: name a FILE\n"),
    ],
)
def test_what_is_closed_is_told(fresh_database: str, command: str, told: bytes) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$0" -m pinakes {command}', sys.executable],
        env=clean_environment() | environment_of(fresh_database),
        stderr=subprocess.PIPE,
        check=False,
    )
    assert (done.returncode, done.stderr) == (2, told)


def test_a_terminal_is_no_place_for_a_catalogue(fresh_database: str) -> None:
    ours, terminal = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "pinakes", "export"],
        env=clean_environment() | environment_of(fresh_database),
        stdout=terminal,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(terminal)
    os.close(ours)
    assert done.returncode == 2
    assert b"give -o FILE, or a pipe" in done.stderr


def test_a_reader_that_has_gone_ends_it_quietly(fresh_database: str) -> None:
    script = 'set -o pipefail; "$0" -m pinakes export | head -c 0'
    done = subprocess.run(
        ["/bin/bash", "-c", script, sys.executable],
        env=clean_environment() | environment_of(fresh_database),
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, b"")


def test_progress_is_shown_at_a_terminal_alone(fresh_database: str, tmp_path: Path) -> None:
    imported(fresh_database, SOME)
    ours, terminal = pty.openpty()
    subprocess.run(
        [sys.executable, "-m", "pinakes", "export", "-o", str(tmp_path / "file")],
        env=clean_environment() | environment_of(fresh_database),
        stderr=terminal,
        check=True,
    )
    os.close(terminal)
    shown = os.read(ours, 10_000).decode()
    os.close(ours)
    assert shown.startswith("\r2 lines\r\x1b[K")


def test_an_empty_directory_becomes_a_catalogue_and_is_exported(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    command = [sys.executable, "-m", "pinakes"]
    environment = clean_environment() | {"PINAKES_EMBEDDED": "true"}
    absent = subprocess.run(
        [*command, "export", "--data-dir", directory],
        env=environment,
        capture_output=True,
        check=False,
    )
    assert absent.returncode == 1
    assert b"holds no catalogue" in absent.stderr
    assert not directory.exists()
    subprocess.run(
        [*command, "import", "--data-dir", directory, "-"],
        env=environment,
        input=SOME,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    told = subprocess.run(
        [*command, "export", "--data-dir", directory],
        env=environment,
        capture_output=True,
        check=True,
    )
    assert told.stdout.count(b'\n{"URI":') == 2


@with_pgbouncer
def test_both_ways_lead_through_pgbouncer(fresh_database: str, postgres: str) -> None:
    imported(fresh_database, SOME)
    second = migrated(new_database(postgres))
    with pgbouncer(second) as through:
        imported(through, exported(fresh_database))
        assert exported(through) == exported(fresh_database)


def test_the_runtime_role_is_enough_for_both_ways(fresh_database: str, empty_database: str) -> None:
    names = [f"{kind}_{uuid4().hex}" for kind in ("owner", "runtime")]
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute(write_roles(SCHEMA, *names).encode())
        for name in names:
            connection.execute(f"alter role {name} password 'test'".encode())
    owner, runtime = (make_conninfo(empty_database, user=name, password="test") for name in names)
    migrated(owner)
    imported(fresh_database, SOME)
    imported(runtime, lines('{"URI": "gs://a"}', '{"URI": "gs://old"}'))
    imported(runtime, exported(fresh_database), mode=Mode.REPLACE)
    assert exported(runtime).count(b'\n{"URI":') == 2


def test_the_password_may_come_from_a_command(fresh_database: str, tmp_path: Path) -> None:
    environment = clean_environment() | environment_of(fresh_database)
    password = tmp_path / "password"
    password.write_text(environment["METADATA_PG_PASSWORD"])
    environment["METADATA_PG_PASSWORD"] = "another one, which does not count"
    environment["PINAKES_PG_PASSWORD_COMMAND"] = f"/bin/cat '{password}'"
    command = [sys.executable, "-m", "pinakes"]
    for words in (["import", "-"], ["export"]):
        done = subprocess.run(
            [*command, *words], env=environment, input=SOME, capture_output=True, check=True
        )
    assert done.stdout == exported(fresh_database)


def test_all_of_an_export_is_of_one_moment(fresh_database: str) -> None:
    imported(fresh_database, SOME)
    before = exported(fresh_database)
    text = bytearray()

    def write(part: bytes) -> None:
        text.extend(part)
        with psycopg.connect(fresh_database) as connection:
            connection.execute("update pinakes.models set name = name || 'x'")
            connection.execute("delete from pinakes.model_revisions")

    asyncio.run(export_catalogue(settings_of(fresh_database), write, lambda *_: None))
    assert bytes(text) == before
    assert exported(fresh_database) != before
