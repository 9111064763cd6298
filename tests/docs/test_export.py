"""The page about exports is true: what it says to do is done, on real databases and servers."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from docs.pages import blocks, page, section
from parts import RunningServer, clean_environment, environment_of, migrated, new_database
from transfer.commands import exported, imported, lines

PAGE = page("export-and-import")
REFERENCE = (Path(__file__).parents[2] / "docs" / "reference" / "export-format.md").read_text()
MODELS = lines('{"URI": "gs://a", "name": "a"}', '{"URI": "gs://b", "tags": {"team": "b"}}')


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory to work in, with ``pinakes`` as a program in it, and a token."""
    program = tmp_path / "bin" / "pinakes"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m pinakes "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "token").write_text("a-token")
    return tmp_path


def follow(place: Path, block: str, environment: dict[str, str]) -> str:
    """Run a block as it stands; fails where a command does. Returns what it prints."""
    path = f"{place / 'bin'}:{os.environ['PATH']}"
    done = subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", block],
        env=clean_environment() | {"PATH": path, "USER": "alice"} | environment,
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_a_catalogue_is_moved(fresh_database: str, empty_database: str, place: Path) -> None:
    imported(fresh_database, MODELS)
    leave, arrive, compare, pipe = blocks(PAGE.partition("\n## Look into one")[0], "sh")
    follow(place, leave, environment_of(fresh_database))
    follow(place, arrive, environment_of(empty_database))
    follow(place, compare, environment_of(empty_database))
    follow(place, pipe, environment_of(empty_database))
    assert exported(empty_database) == exported(fresh_database)
    [check] = blocks(REFERENCE, "sh")
    digest, manifest = follow(place, check, {}).splitlines()
    assert digest.split()[0] in manifest


def test_one_is_looked_into_without_a_server(fresh_database: str, place: Path) -> None:
    imported(fresh_database, MODELS)
    (place / "catalogue.ndjson").write_bytes(exported(fresh_database))
    [block] = blocks(section(PAGE, "Look into one without a server"), "sh")
    shown = follow(place, block.replace("| head -n 1", ""), {"PINAKES_EMBEDDED": "true"})
    assert shown.splitlines()[-1] == exported(fresh_database).decode().splitlines()[-1]


def test_many_models_are_changed_at_once(fresh_server: RunningServer, place: Path) -> None:
    for program in ("curl", "jq"):
        if shutil.which(program) is None:
            pytest.skip(f"needs {program} (Debian: apt-get install {program})")
    imported(fresh_server.conninfo, MODELS)
    [block] = blocks(section(PAGE, "Change many models at once"), "sh")
    block = block.replace("http://127.0.0.1:8000", fresh_server.url)
    follow(place, block, environment_of(fresh_server.conninfo))
    assert exported(fresh_server.conninfo).count(b'"actor":"alice","door":"import"') == 2


def test_a_catalogue_becomes_what_the_file_says(
    fresh_database: str, postgres: str, place: Path
) -> None:
    imported(fresh_database, MODELS)
    (place / "catalogue.ndjson").write_bytes(exported(fresh_database))
    second = migrated(new_database(postgres))
    imported(second, lines('{"URI": "gs://old"}'))
    [block] = blocks(section(PAGE, "Make a catalogue exactly what a file says"), "sh")
    follow(place, block, environment_of(second))
    assert b"gs://old" not in b"".join(
        line for line in exported(second).splitlines() if line.startswith(b'{"URI"')
    )


def test_another_server_is_read(fresh_server: RunningServer, postgres: str, place: Path) -> None:
    imported(fresh_server.conninfo, MODELS)
    second = migrated(new_database(postgres))
    [block] = blocks(section(PAGE, "Come from the vendor's platform"), "sh")
    block = block.replace("https://platform.example", fresh_server.url)
    follow(place, block, environment_of(second))
    assert exported(second).count(b'\n{"URI"') == 2


def test_every_block_of_the_page_is_run() -> None:
    assert len(blocks(PAGE, "sh")) == 8
