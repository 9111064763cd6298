"""The life of one server: how fast it starts, how much it holds, whether it stalls a client."""

import http.client
import json
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from bench.cpu import resident_megabytes
from bench.operations import PATH
from bench.servers import RunningServer, serving

LISTED_PAGE = 1000
LATER_REQUESTS = 40


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory of a server before and after everything was listed through it."""

    started_megabytes: float
    listed_megabytes: float
    models: int


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """What one client waits on one connection.

    One that is stalled waits 40 ms at each later request (github.com/Kludex/uvicorn/issues/3149).
    """

    first_ms: float
    later_ms: float


def measure_start(environment: dict[str, str], folder: Path) -> RunningServer:
    """Start a server, stop it, and return what it told."""
    with serving(folder / "start.log", environment) as server:
        return server


def measure_memory(environment: dict[str, str], folder: Path) -> Memory:
    """List everything through a server that is asked for nothing else."""
    with serving(folder / "memory.log", environment) as server:
        started = resident_megabytes(server.pid)
        listed = _list_all(server.url)
        return Memory(started, resident_megabytes(server.pid), listed)


def measure_keep_alive(url: str, target: str) -> KeepAlive:
    """Ask the same several times on one connection."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    times = [_timed(connection, target) for _ in range(1 + LATER_REQUESTS)]
    connection.close()
    return KeepAlive(times[0], statistics.median(times[1:]))


def _timed(connection: http.client.HTTPConnection, target: str) -> float:
    started = time.perf_counter()
    connection.request("GET", target)
    connection.getresponse().read()
    return (time.perf_counter() - started) * 1000


def _list_all(url: str) -> int:
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    token, count = "", 0
    while True:
        parameters = {"pageSize": LISTED_PAGE, "pageToken": token}
        connection.request("GET", f"{PATH}?{urlencode(parameters)}")
        page = json.loads(connection.getresponse().read())
        count += len(page["models"])
        token = page["nextPageToken"]
        if not token:
            return count
