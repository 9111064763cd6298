"""One run of the benchmark, from an empty PostgreSQL to the results."""

import sys
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from bench import catalogue, database, filters, life, machine, peer, suite, transfer
from bench.contenders import Cell, Who, check, http_cells, pgbench_cells
from bench.database import Database
from bench.issuer import issuing
from bench.operations import Operation, Plan, plan
from bench.results import Results
from bench.rounds import run_round
from bench.servers import RunningServer, serving, serving_constants
from pinakes.catalog.model import Model

SAMPLE = 1000
"""Models that the requests are drawn from, spread over all of the catalogue."""
MILLION = 1_000_000
CONSTANTS = (Operation.GET, Operation.SEARCH)
"""What is also answered without a catalogue."""
ASKED_OF_TWO = (Operation.GET, Operation.SEARCH)
"""What two processes are also asked for, as pgbench and PostgreSQL take both cores too."""
CARRIED = 100_000
"""Models of an import, at most: more would be measured for long and tell nothing else."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be measured."""

    models: int
    rounds: int
    seconds: float
    with_peer: bool
    with_filters: bool
    seed: int = catalogue.SEED


@dataclass(frozen=True)
class Bench:
    """What every part of a run stands on."""

    order: Order
    folder: Path
    database: Database
    conninfo: str
    sample: Sequence[Model]
    results: Results

    @property
    def environment(self) -> dict[str, str]:
        """The settings of a server over the catalogue."""
        return database.environment_of(self.conninfo)


def run(order: Order) -> Results:
    """Measure everything that is to be measured."""
    with (
        tempfile.TemporaryDirectory(prefix="pinakes-bench-") as folder,
        database.running_database() as running,
    ):
        bench = _prepare(order, Path(folder), running)
        _measure_rounds(bench)
        _measure_once(bench)
        return bench.results


def _prepare(order: Order, folder: Path, running: Database) -> Bench:
    say(f"loading {order.models:,} models")
    results = Results(order.models, order.seed, machine.describe(running))
    conninfo = database.new_catalogue(running, "bench")
    started = time.perf_counter()
    sample: list[Model] = []
    database.load(conninfo, _sampling(order, sample))
    results.load_seconds = time.perf_counter() - started
    return Bench(order, folder, running, conninfo, sample, results)


def _sampling(order: Order, sample: list[Model]) -> Generator[Model]:
    step = max(1, order.models // SAMPLE)
    for number, model in enumerate(catalogue.models(order.models, order.seed)):
        if number % step == 0:
            sample.append(model)
        yield model


def _measure_rounds(bench: Bench) -> None:
    carry = _carrying(bench)
    with _cells(bench) as cells:
        for number in range(bench.order.rounds):
            say(f"round {number + 1} of {bench.order.rounds}")
            tidy = partial(database.tidy, bench.conninfo)
            run_round(number, cells, bench.order.seconds, bench.results.rounds, tidy)
            _start(bench)
            carry()


@contextmanager
def _cells(bench: Bench) -> Generator[list[Cell]]:
    """Run every contender, and give all there is to measure under load."""
    asked = plan(bench.sample)
    with ExitStack() as stack:
        issuer = stack.enter_context(issuing())
        ours = stack.enter_context(serving(bench.folder / "ours.log", bench.environment))
        logged_in = stack.enter_context(
            serving(bench.folder / "tokens.log", bench.environment | issuer.environment)
        )
        on_two = stack.enter_context(
            serving(bench.folder / "on_two.log", bench.environment, ["--workers", "2"])
        )
        shown = asked.with_headers(issuer.headers)
        cells = [
            *http_cells(Who.OURS, ours, bench.database, asked),
            *http_cells(Who.OURS_LOGGED_IN, logged_in, bench.database, shown),
            *http_cells(Who.OURS_ON_TWO, on_two, bench.database, asked.only(*ASKED_OF_TWO)),
            *pgbench_cells(bench.database, bench.conninfo, ours, asked),
        ]
        for who, kind in ((Who.CONSTANT, "whole"), (Who.BARE, "bare")):
            constants = stack.enter_context(_constants(bench, kind, ours, asked))
            cells += http_cells(who, constants, bench.database, asked.only(*CONSTANTS))
        if bench.order.with_peer:
            say("filling MLflow's registry")
            cells += stack.enter_context(peer.cells(bench.database, bench.folder))
        database.tidy(bench.conninfo)
        yield cells


@contextmanager
def _constants(
    bench: Bench, kind: str, ours: RunningServer, asked: Plan
) -> Generator[RunningServer]:
    """Serve for ever what our server answered once."""
    get, page = (
        check(ours.url, asked.requests[operation][0], operation.value).content
        for operation in CONSTANTS
    )
    with serving_constants(kind, bench.folder / f"{kind}.log", get, page) as server:
        yield server


def _start(bench: Bench) -> None:
    started = life.measure_start(bench.environment, bench.folder)
    bench.results.listens_ms.append(started.listens_ms)
    bench.results.ready_ms.append(started.ready_ms)


def _carrying(bench: Bench) -> Callable[[], None]:
    """Return what measures an import and an export."""
    file = bench.folder / "catalogue.ndjson"
    carried = islice(catalogue.models(bench.order.models, bench.order.seed), CARRIED)
    transfer.write_lines(carried, file)

    def carry() -> None:
        bench.results.imports.append(transfer.measure_import(bench.database, file))
        exported = bench.folder / "exported.ndjson"
        bench.results.exports.append(transfer.measure_export(bench.conninfo, exported))

    return carry


def _measure_once(bench: Bench) -> None:
    say("memory, depth, keep-alive")
    results = bench.results
    results.memory = life.measure_memory(bench.environment, bench.folder)
    get = plan(bench.sample).requests[Operation.GET][0].target
    with serving(bench.folder / "last.log", bench.environment) as server:
        results.keep_alive["one process"] = life.measure_keep_alive(server.url, get)
        results.depth = suite.measure_depth(server.url)
        if bench.order.with_filters:
            cases = filters.cases(bench.sample[0])
            say(f"{len(cases)} filters")
            results.filters = suite.run_suite(server.url, cases)
    with serving(bench.folder / "two.log", bench.environment, ["--workers", "2"]) as server:
        results.keep_alive["two processes"] = life.measure_keep_alive(server.url, get)


def say(what: str) -> None:
    """Tell whoever waits what is going on, apart from the results."""
    print(f"{what} ...", file=sys.stderr, flush=True)
