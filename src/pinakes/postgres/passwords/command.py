"""Run a program that prints the password: without a shell, with little around it, not for long."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from typing import IO

from pinakes.postgres.passwords.answer import read_answer
from pinakes.postgres.passwords.source import Login, Password, PasswordUnavailable
from pinakes.settings.passwords import PasswordCommand

LIMIT_SECONDS = 10.0
MAX_BYTES = 64 * 1024
LOOK_SECONDS = 0.01
LOOKS = 100
"""How often it is looked whether one that was killed is gone; it hardly ever takes two looks."""

Process = subprocess.Popen[bytes]


async def run_command(command: PasswordCommand, login: Login) -> Password:
    """Return the password that a command prints.

    It is told the login in PGHOST, PGPORT and PGUSER, nothing on its standard input, and what it
    writes to its standard error is seen by nobody: that may hold what must not be logged. Nothing
    that it started outlives it. Raises PasswordUnavailable.
    """
    process = _start(command, _environment(command, login))
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            printed = await _read(process.stdout) if process.stdout else b""
            await _wait_for_end(process)
    except TimeoutError:
        raise PasswordUnavailable(
            f"the password command did not end within {LIMIT_SECONDS:.0f} s"
        ) from None
    finally:
        await _end(process)
    if process.returncode != 0:
        raise PasswordUnavailable(f"the password command {_told(process.returncode)}")
    return read_answer(printed)


def _environment(command: PasswordCommand, login: Login) -> Mapping[str, str]:
    told = {"PGHOST": login.host, "PGPORT": str(login.port), "PGUSER": login.user}
    return {**command.environment, **told}


def _start(command: PasswordCommand, environment: Mapping[str, str]) -> Process:
    """Start a program in a session of its own.

    Not by the loop: uvloop's children inherit the other ends of their own pipes.
    """
    try:
        return subprocess.Popen(  # noqa: S603 - the operator names it, and no shell reads it
            command.argv,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            bufsize=0,
        )
    except OSError as error:
        raise PasswordUnavailable(
            f"the password command could not be started: {error.strerror}"
        ) from None


async def _read(output: IO[bytes]) -> bytes:
    """Read to the end, which is when nobody can print any more. Raises PasswordUnavailable."""
    printed = bytearray()
    while True:
        await _until_readable(output)
        more = output.read(MAX_BYTES)
        if not more:
            return bytes(printed)
        printed += more
        if len(printed) > MAX_BYTES:
            raise PasswordUnavailable(f"the password command printed more than {MAX_BYTES} bytes")


async def _until_readable(output: IO[bytes]) -> None:
    """Wait by the loop; the file stays ours, whenever the wait is given up."""
    loop = asyncio.get_running_loop()
    is_readable = asyncio.Event()
    loop.add_reader(output, is_readable.set)
    try:
        await is_readable.wait()
    finally:
        loop.remove_reader(output)


async def _wait_for_end(process: Process) -> None:
    while process.poll() is None:  # noqa: ASYNC110 - no loop tells it of a child that is not its own
        await asyncio.sleep(LOOK_SECONDS)


async def _end(process: Process) -> None:
    """Kill what is left of a program and of all that it started, and bury it."""
    with suppress(ProcessLookupError, PermissionError):  # of a group that is gone
        os.killpg(process.pid, signal.SIGKILL)
    if process.stdout:
        process.stdout.close()
    for _ in range(LOOKS):
        if process.poll() is not None:
            break
        await asyncio.sleep(LOOK_SECONDS)


def _told(code: int) -> str:
    return f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
