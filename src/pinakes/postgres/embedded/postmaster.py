"""What ``postmaster.pid`` says about a server, and whether it can be believed.

PostgreSQL believes that any living process of that pid is the server: so a zombie, which nobody
reaps in many containers, or a stranger who got the pid after a restart, would keep it from
starting for ever. We look closer, and may, since whoever asks here holds the directory's lock.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from pinakes.postgres.embedded.errors import EmbeddedError

STATUS_LINE = 7
"""Where in the file the server says how it is, counted from zero."""

PROC = Path("/proc")
POLL_SECONDS = 0.02
SHUTDOWNS = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 15.0))
"""PostgreSQL's fast and immediate shutdown, and the seconds that each is given."""


def is_ready(data: Path, pid: int) -> bool:
    """Whether the server that runs as ``pid`` accepts connections."""
    lines = _lines(data)
    return len(lines) > STATUS_LINE and lines[0] == str(pid) and lines[STATUS_LINE] == "ready"


async def clear(data: Path) -> None:
    """Stop the server that an earlier Pinakes left on ``data``, and remove its file.

    Raises EmbeddedError when it does not stop.
    """
    pid = _pid(data)
    if pid and _is_server_of(data, pid) and not await _stop(data, pid):
        raise EmbeddedError(
            f"a server that an earlier Pinakes left on {data} does not stop: see to pid {pid}"
        )
    (data / "postmaster.pid").unlink(missing_ok=True)


def known_by(data: Path) -> tuple[str, ...]:
    """Return the first arguments of every server on ``data``, by which it is known again."""
    return ("-D", str(data))


def _lines(data: Path) -> list[str]:
    try:
        text = (data / "postmaster.pid").read_text(errors="surrogateescape")
    except FileNotFoundError:
        return []
    return [line.strip() for line in text.splitlines()]


def _pid(data: Path) -> int | None:
    lines = _lines(data)
    return int(lines[0]) if lines and lines[0].isdecimal() else None


def _is_server_of(data: Path, pid: int) -> bool:
    """Whether ``pid`` is a living server on ``data``, as no zombie and no stranger is."""
    return " ".join(("/postgres", *known_by(data), "")) in _command_line(pid)


def _command_line(pid: int) -> str:
    """Return the words of a process, joined by spaces; none for a zombie or where it is gone."""
    if not (PROC / "self" / "cmdline").exists():
        return _command_line_from_ps(pid)
    try:
        words = (PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return ""
    return os.fsdecode(words.replace(b"\0", b" "))


def _command_line_from_ps(pid: int) -> str:
    """Ask where there is no ``/proc``, as on macOS."""
    ps = shutil.which("ps") or "/bin/ps"
    command = [ps, "-ww", "-o", "args=", "-p", str(pid)]
    answer = subprocess.run(command, capture_output=True, check=False)  # noqa: S603, a number
    return os.fsdecode(answer.stdout)


async def _stop(data: Path, pid: int) -> bool:
    for shutdown, seconds in SHUTDOWNS:
        with suppress(ProcessLookupError):
            os.kill(pid, shutdown)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not _is_server_of(data, pid):
                return True
            await asyncio.sleep(POLL_SECONDS)
    return False
