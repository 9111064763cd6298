"""wrk, the load generator: HTTP requests over sixteen connections, as fast as they are answered."""

import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from bench.cpu import cpu_microseconds
from bench.failure import BenchError
from bench.sample import Load

CONNECTIONS = 16
SCRIPT = Path(__file__).with_name("requests.lua")
SEPARATOR = "\n%%\n"
FRESH = "@@@@FRESH@@@@"
"""Stands in a request for a word that is new each time, and as long as this one."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request of HTTP: its path with parameters, its body, headers besides the usual."""

    target: str
    method: str = "GET"
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def written(self, host: str) -> str:
        """Return it as it goes over the wire."""
        usual = {"Host": host}
        if self.body:
            length = str(len(self.body.encode()))
            usual |= {"Content-Type": "application/json", "Content-Length": length}
        lines = [f"{name}: {value}" for name, value in (usual | dict(self.headers)).items()]
        return "\r\n".join([f"{self.method} {self.target} HTTP/1.1", *lines, "", self.body])


@dataclass(frozen=True, slots=True)
class Target:
    """Who is asked: where it answers, and the processes whose CPU counts."""

    url: str
    server_pid: int
    postgres_pid: int


def run(target: Target, requests: Sequence[Request], seconds: float) -> Load:
    """Send requests for a while. Raises BenchError where any is refused."""
    host = urlsplit(target.url).netloc
    with tempfile.NamedTemporaryFile("w", suffix=".requests") as file:
        file.write(SEPARATOR.join(request.written(host) for request in requests))
        file.flush()
        before = used_by(target)
        done = subprocess.run(
            _command(target.url, file.name, seconds), check=False, capture_output=True, text=True
        )
        used = [after - earlier for after, earlier in zip(used_by(target), before, strict=True)]
    return _load(done, used)


def _command(url: str, file: str, seconds: float) -> list[str]:
    how = [
        "-t",
        "1",
        "-c",
        str(CONNECTIONS),
        "-d",
        f"{max(1, round(seconds))}s",
        "--timeout",
        "10s",
    ]
    return ["wrk", *how, "-s", str(SCRIPT), url, "--", file]


def used_by(target: Target) -> tuple[float, float]:
    """Return the CPU that the server and PostgreSQL have used so far, in microseconds."""
    return cpu_microseconds(target.server_pid), cpu_microseconds(target.postgres_pid)


def _load(done: subprocess.CompletedProcess[str], used: Sequence[float]) -> Load:
    results = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if not results:
        raise BenchError(f"wrk: {(done.stderr or done.stdout).strip()[-2000:]}")
    _, requests, microseconds, p50, p99, errors = results[0].split()
    if int(errors) or not int(requests):
        raise BenchError(f"wrk: {errors} of {requests} requests failed\n{done.stdout}")
    return Load(
        requests=int(requests),
        rate=int(requests) / int(microseconds) * 1_000_000,
        p50_ms=float(p50),
        p99_ms=float(p99),
        server_us=used[0] / int(requests),
        postgres_us=used[1] / int(requests),
    )
