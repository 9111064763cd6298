"""Programs that run until the drill ends, as somebody who is not root."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tls.servers import find_programs

STOP_SECONDS = 30.0


@dataclass
class Running:
    """A process of ours, and what it says."""

    process: subprocess.Popen[bytes]
    log: Path

    def stop(self) -> None:
        """Ask it to end, and see that it does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def run(command: list[str], log: Path, undo: ExitStack) -> Running:
    """Start a program; it is stopped when ``undo`` is closed."""
    environment = {"PATH": f"{os.environ['PATH']}:/usr/sbin", "LC_ALL": "C.UTF-8"}
    with log.open("ab") as said:
        process = subprocess.Popen(
            [*find_programs().prefix, *command],
            env=environment,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )
    running = Running(process, log)
    undo.callback(running.stop)
    return running


class NeverHappenedError(Exception):
    """What was waited for did not happen in time; the message says what that was."""


def wait_until(happens: Callable[[], object], what: str, seconds: float = 90.0) -> None:
    """Return when it happens. Raises NeverHappenedError."""
    deadline = time.monotonic() + seconds
    while not happens():
        if time.monotonic() > deadline:
            raise NeverHappenedError(what)
        time.sleep(0.1)
