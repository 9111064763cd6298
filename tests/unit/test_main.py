"""The command as a process: how it ends where nobody reads what it prints."""

import os
import subprocess
import sys

import pytest

from parts import clean_environment
from pinakes.__main__ import read_arguments

WRONG_USAGE = 2


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "command",
    [["doctor"], ["doctor", "--json"], ["migrate", "--plan"], ["roles", "--sql"]],
    ids=" ".join,
)
def test_where_nobody_reads_it_ends_quietly(command: list[str], unbuffered: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    settings = {"PINAKES_EMBEDDED": "false", "PYTHONUNBUFFERED": unbuffered}
    done = subprocess.run(
        [sys.executable, "-m", "pinakes", *command],
        env=clean_environment() | settings,
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


def test_without_any_output_it_does_its_work() -> None:
    script = 'exec "$0" -m pinakes roles --sql >&-'
    command = ["/bin/sh", "-c", script, sys.executable]
    done = subprocess.run(command, env=clean_environment(), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


SERVING = {"uvicorn", "starlette", "swagger_ui_bundle", "prometheus_client", "pinakes.processes"}
READING = {"pinakes.wire.portable.reading", "pinakes.postgres.transfer.incoming"}
TELLING = {"pinakes.telemetry.events", "pinakes.postgres.passwords.choice"}


@pytest.mark.parametrize(
    ("command", "needless"),
    [
        ("export", SERVING | READING | TELLING),
        ("import -", SERVING | TELLING | {"pinakes.wire.portable.writing", "httpx"}),
        ("doctor", SERVING),
        ("migrate", SERVING),
        ("roles --sql", SERVING),
    ],
)
def test_a_command_does_not_wait_for_what_the_others_need(command: str, needless: set[str]) -> None:
    script = (
        "import sys; from pinakes.__main__ import read_arguments; read_arguments(sys.argv[1:]);"
        "print(*sys.modules)"
    )
    arguments = [sys.executable, "-c", script, *command.split()]
    done = subprocess.run(arguments, env=clean_environment(), capture_output=True, check=True)
    assert {*done.stdout.decode().split()} & needless == set()


@pytest.mark.parametrize(
    ("words", "told"),
    [([], "required: COMMAND"), (["imports"], "invalid choice: 'imports'")],
    ids=["none", "unknown"],
)
def test_a_command_that_there_is_not_is_refused(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        read_arguments(words)
    assert ended.value.code == WRONG_USAGE
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("command", ["export", "import -", "doctor", "migrate", "serve"])
def test_no_command_lets_the_driver_log(command: str) -> None:
    script = (
        "import logging, sys; from pinakes.__main__ import read_arguments;"
        "read_arguments(sys.argv[1:]); logging.getLogger('psycopg').warning('a host')"
    )
    arguments = [sys.executable, "-c", script, *command.split()]
    done = subprocess.run(arguments, env=clean_environment(), capture_output=True, check=True)
    assert done.stderr == b""
