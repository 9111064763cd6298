"""Several processes of one server, for more cores than one: all take from the same sockets."""

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

STOPPING = (signal.SIGINT, signal.SIGTERM)

RESTART_SECONDS = 1.0
"""What kills a worker at once would else be met as often as a process can be made."""


def run_workers(
    count: int, work: Callable[[int], None], on_death: Callable[[int, int], None]
) -> None:
    """Run ``work`` with the numbers from 0 to ``count - 1``, each in a process of its own.

    SIGINT and SIGTERM are passed on to all. A worker that ends unasked, as one that was killed
    does, is told to ``on_death`` by its number and exit code, and replaced; one that gives up with
    a code has said why, and ends the others.

    Returns in the workers alone, which tell of an error as a process without them would; raises
    SystemExit when the last has ended. Neither a thread nor a loop may have been started before.
    """
    workers = _Workers()
    for number in range(count):
        if workers.fork(number):
            return work(number)
    while workers.are_running():
        number, code = workers.wait()
        if code > 0 or workers.is_stopping:
            workers.give_up(code)
            continue
        on_death(number, code)
        time.sleep(RESTART_SECONDS)
        if not workers.is_stopping and workers.fork(number):
            return work(number)
    raise SystemExit(workers.code)


class _Workers:
    """The workers that run, as the process sees them that made them."""

    def __init__(self) -> None:
        self.code = 0
        self.is_stopping = False
        self._numbers: dict[int, int] = {}
        self._lifeline = os.pipe()
        for number in STOPPING:
            signal.signal(number, self._pass_on)

    def are_running(self) -> bool:
        return bool(self._numbers)

    def fork(self, number: int) -> bool:
        """Make a worker, and return whether this is it."""
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)  # one that comes now is for both
        try:
            pid = os.fork()
            if pid == 0:
                self._become_worker()
            else:
                self._numbers[pid] = number
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
        return pid == 0

    def wait(self) -> tuple[int, int]:
        """Wait until a worker has ended; return its number, and its code as subprocess has it."""
        pid, status = os.wait()
        return self._numbers.pop(pid), os.waitstatus_to_exitcode(status)

    def give_up(self, code: int) -> None:
        """End the others as well; the first code that is not 0 is that of all."""
        self.code = self.code or max(code, int(code != 0))
        if not self.is_stopping:
            self._pass_on(signal.SIGTERM, None)

    def _pass_on(self, number: int, _: FrameType | None) -> None:
        self.is_stopping = True
        for pid in self._numbers:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _become_worker(self) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.setpgid(0, 0)  # a Ctrl-C would else come from the terminal, and be passed on besides
        read, write = self._lifeline
        os.close(write)
        threading.Thread(target=_end_with_parent, args=[read], daemon=True).start()


def _end_with_parent(lifeline: int) -> None:
    """Wait for the end of a pipe that only the parent holds open, then stop as if told to."""
    os.read(lifeline, 1)
    os.kill(os.getpid(), signal.SIGTERM)
