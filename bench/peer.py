"""MLflow's model registry on the same PostgreSQL: the peer.

Its server writes the head and the body of an answer apart, so that a client that keeps its
connection waits 40 ms for the second. That is not our merit: here each request has a connection of
its own, which is not stalled, and what is compared is the CPU of a request.
"""

import os
import signal
import subprocess
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import LiteralString
from urllib.parse import urlencode

import httpx
import psycopg
from psycopg.conninfo import conninfo_to_dict

from bench import catalogue, counted
from bench.contenders import Cell, Who, check
from bench.cpu import cpu_microseconds
from bench.database import Database, tidy_all
from bench.failure import BenchError
from bench.operations import PAGE, READS, Operation
from bench.wrk import Request, Target
from pinakes.catalog.model import Model
from pinakes.postgres.embedded.server import free_port

PROGRAM = Path(".venvs/mlflow/bin/mlflow")
MODELS = 2000
WORKERS = 2
READY_SECONDS = 180.0
POLL_SECONDS = 0.5
STOP_SECONDS = 30.0
WARM_SECONDS = 2.0
API = "/api/2.0/mlflow/model-versions"
FILTER = "tags.env = 'prod' AND tags.team = 'risk'"
WITHOUT_JOBS = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
"""No job runners: they use CPU for what a registry does not need, and ours has none either."""
QUIET_MICROSECONDS = 50_000
QUIET_SECONDS = 1.0
"""A server that has started uses no more than that in so long."""
FRESH_CONNECTION = {"Connection": "close"}

STATEMENTS: dict[str, LiteralString] = {
    "model": "insert into registered_models (workspace, name, creation_time, last_updated_time)"
    " values ('default', %(name)s, 1, 1)",
    "version": "insert into model_versions (workspace, name, version, creation_time,"
    " last_updated_time, description, source, current_stage, status)"
    " values ('default', %(name)s, 1, 1, 1, '', %(source)s, 'None', 'READY')",
    "tag": "insert into model_version_tags (workspace, name, version, key, value)"
    " values ('default', %(name)s, 1, %(key)s, %(value)s)",
}


@contextmanager
def cells(database: Database, folder: Path) -> Generator[list[Cell]]:
    """Run MLflow over a registry of its own; return its cells, each tried once before."""
    conninfo = database.create("bench_mlflow")
    models = list(islice(catalogue.models(MODELS), MODELS))
    with _serving(conninfo, folder) as (url, pid):
        _fill(conninfo, models)
        tidy_all(conninfo)
        asked = {Operation.GET: _gets(models), Operation.SEARCH: [_search()]}
        for operation, requests in asked.items():
            answer = check(url, requests[0], operation.value)
            _check_found(operation, answer)
        target = Target(url, pid, database.pid)
        for requests in asked.values():
            counted.run(target, requests, WARM_SECONDS)
        _await_quiet(pid)
        yield [
            Cell(Who.PEER, operation, lambda seconds, r=requests: counted.run(target, r, seconds))
            for operation, requests in asked.items()
        ]


def _check_found(operation: Operation, answer: httpx.Response) -> None:
    versions = answer.json().get("model_versions", [])
    if operation is Operation.SEARCH and len(versions) != PAGE:
        raise BenchError(f"MLflow found {len(versions)} model versions, expected {PAGE}")


def _gets(models: list[Model]) -> list[Request]:
    return [
        Request(
            f"{API}/get?{urlencode({'name': _name(model), 'version': 1})}", headers=FRESH_CONNECTION
        )
        for model in models[:READS]
    ]


def _search() -> Request:
    parameters = urlencode({"filter": FILTER, "max_results": PAGE})
    return Request(f"{API}/search?{parameters}", headers=FRESH_CONNECTION)


def _name(model: Model) -> str:
    return f"{model.name}.{model.uri.rpartition('/v')[2]}.{model.project}.{model.tags['team']}"


def _fill(conninfo: str, models: Iterable[Model]) -> None:
    """Register by SQL what would take minutes over HTTP."""
    with psycopg.connect(conninfo) as connection, connection.cursor() as cursor:
        for model in models:
            name = {"name": _name(model)}
            cursor.execute(STATEMENTS["model"], name)
            cursor.execute(STATEMENTS["version"], name | {"source": model.uri})
            cursor.executemany(STATEMENTS["tag"], _tags(model))


def _tags(model: Model) -> Iterator[dict[str, str]]:
    for key, value in model.tags.items():
        yield {"name": _name(model), "key": key, "value": value}


@contextmanager
def _serving(conninfo: str, folder: Path) -> Generator[tuple[str, int]]:
    """Run MLflow's server with its tables made, until the block ends."""
    if not PROGRAM.exists():
        raise BenchError("MLflow is not installed: scripts/bench does that")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with (
        (folder / "mlflow.log").open("wb") as log,
        subprocess.Popen(
            _command(conninfo, port, folder),
            stdout=log,
            stderr=log,
            cwd=folder,
            env=os.environ | WITHOUT_JOBS,
            start_new_session=True,
        ) as process,
    ):
        try:
            _await_ready(url, process, folder / "mlflow.log")
            yield url, process.pid
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def _command(conninfo: str, port: int, folder: Path) -> list[str]:
    parts = conninfo_to_dict(conninfo)
    place = urlencode({"host": parts["host"], "port": parts["port"]})
    store = f"postgresql+psycopg2://{parts['user']}@/{parts['dbname']}?{place}"
    return [
        *(str(PROGRAM.resolve()), "server", "--host", "127.0.0.1", "--port", str(port)),
        *("--workers", str(WORKERS), "--backend-store-uri", store),
        *("--artifacts-destination", str(folder / "artifacts")),
    ]


def _await_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + READY_SECONDS
    while not _answers(f"{url}{API}/search"):
        if process.poll() is not None or time.monotonic() > end:
            raise BenchError(f"MLflow does not start:\n{log.read_text()[-2000:]}")
        time.sleep(POLL_SECONDS)


def _await_quiet(pid: int) -> None:
    """Wait until what a start leaves to be done later is done, so that no request is charged it."""
    end = time.monotonic() + READY_SECONDS
    while True:
        before = cpu_microseconds(pid)
        time.sleep(QUIET_SECONDS)
        if cpu_microseconds(pid) - before < QUIET_MICROSECONDS or time.monotonic() > end:
            return


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=READY_SECONDS).is_success
    except httpx.TransportError:
        return False
