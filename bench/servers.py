"""Servers that are asked: ours, and those with constant answers."""

import signal
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.failure import BenchError
from parts import API, clean_environment

STOP_SECONDS = 30.0
READY_SECONDS = 30.0
POLL_SECONDS = 0.005


@dataclass(frozen=True)
class RunningServer:
    """A server of its own process: where it answers, and how long it took to begin."""

    url: str
    pid: int
    listens_ms: float
    """From the command to a socket that listens."""
    ready_ms: float
    """From the command to readiness, which means an answer of the database."""

    @property
    def models(self) -> str:
        """The URL of the catalogue."""
        return f"{self.url}{API}/model/metadata"


@contextmanager
def serving(
    log: Path, environment: Mapping[str, str], arguments: Sequence[str] = ()
) -> Generator[RunningServer]:
    """Run ``pinakes serve`` until the block ends."""
    command = [sys.executable, "-m", "pinakes", "serve", "--port", "0", *arguments]
    with _running(command, log, environment, ready_path="/readyz") as server:
        yield server


@contextmanager
def serving_constants(kind: str, log: Path, get: bytes, page: bytes) -> Generator[RunningServer]:
    """Run ``bench.constant`` until the block ends."""
    files = [log.with_suffix(".get"), log.with_suffix(".page")]
    for file, body in zip(files, (get, page), strict=True):
        file.write_bytes(body)
    command = [sys.executable, "-m", "bench.constant", kind, *map(str, files)]
    with _running(command, log, {}, ready_path="/livez") as server:
        yield server


@contextmanager
def _running(
    command: Sequence[str], log: Path, environment: Mapping[str, str], ready_path: str
) -> Generator[RunningServer]:
    started = time.perf_counter()
    with (
        log.open("w") as errors,
        subprocess.Popen(
            command,
            env=clean_environment() | dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        try:
            url = _url_told(process, log)
            listens = time.perf_counter() - started
            _await_ready(url + ready_path)
            ready = time.perf_counter() - started
            yield RunningServer(url, process.pid, listens * 1000, ready * 1000)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _url_told(process: subprocess.Popen[str], log: Path) -> str:
    line = process.stdout.readline() if process.stdout else ""
    urls = [word for word in line.split() if word.startswith("http")]
    if not urls:
        raise BenchError(f"a server does not start:\n{log.read_text()[-2000:]}")
    return urls[0]


def _await_ready(url: str) -> None:
    end = time.monotonic() + READY_SECONDS
    while httpx.get(url).is_error:
        if time.monotonic() > end:
            raise BenchError("a server does not become ready")
        time.sleep(POLL_SECONDS)
