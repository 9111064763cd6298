"""Who is measured: each contender does some of the operations, for a window."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import cache, partial
from uuid import uuid4

import httpx

from bench import pgbench, wrk
from bench.capture import capture
from bench.database import Database
from bench.failure import BenchError
from bench.operations import NEW, Operation, Plan
from bench.pgbench import Script, script_of
from bench.sample import Load
from bench.servers import RunningServer
from bench.wrk import FRESH, Request, Target

KEPT_SECONDS = 1.0
"""A connection is asked on again for so long: shorter than any server keeps it."""
FRESH_URI = f"{NEW}/captured"


class Who(Enum):
    """A contender."""

    OURS = "pinakes"
    OURS_LOGGED_IN = "pinakes, with tokens"
    OURS_ON_TWO = "pinakes, two processes"
    LIMIT = "pgbench, same SQL"
    CONSTANT = "same application, constant answer"
    BARE = "bare ASGI, constant answer"
    PEER = "mlflow"


@dataclass(frozen=True, slots=True)
class Cell:
    """One contender at one operation."""

    who: Who
    operation: Operation
    run: Callable[[float], Load]
    """Measure for so many seconds."""


def http_cells(who: Who, server: RunningServer, database: Database, asked: Plan) -> list[Cell]:
    """Return the cells of a server that speaks our API, each tried once before."""
    target = Target(server.url, server.pid, database.pid)
    for operation, requests in asked.requests.items():
        check(server.url, requests[0], operation.value)
    return [
        Cell(who, operation, lambda seconds, requests=requests: wrk.run(target, requests, seconds))
        for operation, requests in asked.requests.items()
    ]


def pgbench_cells(
    database: Database, conninfo: str, server: RunningServer, asked: Plan
) -> list[Cell]:
    """Return the cells of pgbench, with what our server asks for the same requests."""
    scripts = {
        operation: _scripts(database, server, operation, requests)
        for operation, requests in asked.requests.items()
    }
    return [
        Cell(
            Who.LIMIT,
            operation,
            lambda seconds, scripts=scripts: pgbench.run(database, conninfo, scripts, seconds),
        )
        for operation, scripts in scripts.items()
    ]


def _scripts(
    database: Database, server: RunningServer, operation: Operation, requests: Sequence[Request]
) -> list[Script]:
    """Watch the server at each request; a create is watched with a URI that can be told again."""
    uris = [f"{FRESH_URI}-{number}" for number in range(len(requests))]
    told = [
        replace(request, body=request.body.replace(f"{NEW}/{FRESH}", uri))
        for request, uri in zip(requests, uris, strict=True)
    ]
    captured = capture(
        database, [partial(check, server.url, request, operation.value) for request in told]
    )
    return [
        script_of(statements, f"v{number}", uri if operation is Operation.CREATE else "")
        for number, (statements, uri) in enumerate(zip(captured, uris, strict=True))
    ]


def check(url: str, request: Request, name: str) -> httpx.Response:
    """Ask once. Raises BenchError where it is not answered well."""
    headers: Mapping[str, str] = {"Content-Type": "application/json"} | dict(request.headers)
    body = request.body.replace(FRESH, uuid4().hex)
    answer = _client().request(request.method, url + request.target, content=body, headers=headers)
    if answer.is_error:
        raise BenchError(f"{name}: {answer.status_code} {answer.text[:500]}")
    return answer


@cache
def _client() -> httpx.Client:
    return httpx.Client(limits=httpx.Limits(keepalive_expiry=KEPT_SECONDS))
