"""A load whose every request is counted: for servers so slow that those under way would matter.

wrk stops in the middle of as many requests as it has connections. Where it counts thousands that is
nothing; of a server that answers fifty it would be a third, and their CPU told as that of others.
"""

import http.client
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, repeat
from urllib.parse import urlsplit

from bench.failure import BenchError
from bench.sample import Load
from bench.wrk import Request, Target, used_by

CLIENTS = 8
PERCENT = 100


def run(target: Target, requests: Sequence[Request], seconds: float) -> Load:
    """Send requests for a while, each on a connection of its own, and see all of them answered."""
    before = used_by(target)
    started = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as clients:
        shares = [[*requests[n:], *requests[:n]] for n in range(CLIENTS)]
        times = [
            each
            for share in clients.map(_ask, repeat(target.url), shares, repeat(started + seconds))
            for each in share
        ]
    lasted = time.perf_counter() - started
    server, postgres = (now - then for now, then in zip(used_by(target), before, strict=True))
    return Load(
        requests=len(times),
        rate=len(times) / lasted,
        p50_ms=statistics.median(times),
        p99_ms=statistics.quantiles(times, n=PERCENT, method="inclusive")[-1],
        server_us=server / len(times),
        postgres_us=postgres / len(times),
    )


def _ask(url: str, requests: Sequence[Request], until: float) -> list[float]:
    """Ask one request after the other, two at least; return how many milliseconds each took."""
    times: list[float] = []
    for request in cycle(requests):
        times.append(_timed(urlsplit(url).netloc, request))
        if len(times) > 1 and time.perf_counter() > until:
            break
    return times


def _timed(host: str, request: Request) -> float:
    started = time.perf_counter()
    connection = http.client.HTTPConnection(host)
    connection.request(request.method, request.target, request.body, dict(request.headers))
    answer = connection.getresponse()
    answer.read()
    connection.close()
    if answer.status != http.client.OK:
        raise BenchError(f"a request was answered with {answer.status}")
    return (time.perf_counter() - started) * 1000
