"""Run the suite of filters: each case through the whole request, by one client."""

import http.client
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from bench.filters import Case, Held
from bench.operations import PAGE, PATH

REPEATS = 15
FEWEST_REPEATS = 3
CASE_SECONDS = 1.0
"""A case is repeated for so long, or REPEATS times."""
DEEP_PAGE = 1000
DEEP_REPEATS = 15


@dataclass(frozen=True, slots=True)
class Timed:
    """A case, what it was answered with, and how long that took: at first, and at the median."""

    name: str
    held: Held
    first_ms: float
    p50_ms: float
    status: int
    found: int


@dataclass(frozen=True, slots=True)
class Depth:
    """The first page of a walk and one far behind it."""

    first_ms: float
    deep_ms: float
    page: int


class Client:
    """A client with one connection, which takes as little of the time as it can."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc)

    def ask(self, parameters: dict[str, str]) -> tuple[float, int, bytes]:
        """Return how many milliseconds an answer took, its status and its body."""
        target = f"{PATH}?{urlencode(parameters)}"
        started = time.perf_counter()
        self._connection.request("GET", target)
        answer = self._connection.getresponse()
        body = answer.read()
        return (time.perf_counter() - started) * 1000, answer.status, body


def run_suite(url: str, cases: Sequence[Case]) -> list[Timed]:
    """Time every case."""
    client = Client(url)
    return [_timed(client, case) for case in cases]


def _timed(client: Client, case: Case) -> Timed:
    parameters = {**case.parameters, "pageSize": str(PAGE)}
    first, status, body = client.ask(parameters)
    found = len(json.loads(body).get("models", []))
    times: list[float] = []
    end = time.monotonic() + CASE_SECONDS
    while len(times) < FEWEST_REPEATS or (len(times) < REPEATS and time.monotonic() < end):
        times.append(client.ask(parameters)[0])
    median = statistics.median(times)
    return Timed(case.name, _held(case, found), first, median, status, found)


def _held(case: Case, found: int) -> Held:
    """Hold a case to what it found, for of small catalogues some values find nothing."""
    if case.held is Held.ANYTHING_ELSE:
        return case.held
    return Held.SOMETHING_MATCHES if found else Held.NOTHING_MATCHES


def measure_depth(url: str) -> Depth:
    """Walk to a page far behind the first, and hold it against the first."""
    client = Client(url)
    first = {"pageSize": str(PAGE)}
    deep = dict(first)
    for page in range(1, DEEP_PAGE):
        _, _, body = client.ask(deep)
        token: str = json.loads(body)["nextPageToken"]
        if not token:
            return Depth(_median(client, first), _median(client, deep), page)
        deep = {**first, "pageToken": token}
    return Depth(_median(client, first), _median(client, deep), DEEP_PAGE)


def _median(client: Client, parameters: dict[str, str]) -> float:
    return statistics.median(client.ask(parameters)[0] for _ in range(DEEP_REPEATS))
