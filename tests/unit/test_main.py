"""The command as a process: how it ends where nobody reads what it prints."""

import os
import subprocess
import sys

import pytest

from parts import clean_environment


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
