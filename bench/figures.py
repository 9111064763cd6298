"""The figures that goals are about, each read from the results; None where it was not measured."""

from collections.abc import Callable, Sequence

from bench.contenders import Who
from bench.filters import Held
from bench.operations import Operation
from bench.results import Results
from bench.sample import Load
from bench.statistics import ratio_of, spread_of
from bench.transfer import Carried

Figure = Callable[[Results], float | None]


def rate_ratio(one: Who, other: Who, operation: Operation) -> Figure:
    """Of requests a second."""
    return _ratio(one, other, operation, lambda load: load.rate)


def server_cpu_ratio(one: Who, other: Who, operation: Operation) -> Figure:
    """Of the CPU that a request costs the server."""
    return _ratio(one, other, operation, lambda load: load.server_us)


def cpu_ratio(one: Who, other: Who, operation: Operation) -> Figure:
    """Of the CPU that a request costs the server and PostgreSQL together."""
    return _ratio(one, other, operation, lambda load: load.total_us)


def _ratio(
    one: Who, other: Who, operation: Operation, figure: Callable[[Load], float | None]
) -> Figure:
    def of(results: Results) -> float | None:
        found = results.rounds.ratio((one, operation), (other, operation), figure)
        return found and found.median

    return of


def slowest(held: Held) -> Figure:
    """Of the filters of one class the slowest, in milliseconds."""
    return lambda results: max(
        (timed.p50_ms for timed in results.filters if timed.held is held), default=None
    )


def import_speed(results: Results) -> float | None:
    """How fast an import is, where COPY is 1."""
    return _speed(results.imports)


def export_speed(results: Results) -> float | None:
    """How fast an export is, where COPY is 1."""
    return _speed(results.exports)


def _speed(carried: Sequence[Carried]) -> float | None:
    found = ratio_of(
        [each.copy_seconds for each in carried], [each.command_seconds for each in carried]
    )
    return found and found.median


def depth(results: Results) -> float | None:
    """How much more a page far behind costs, where the first is 1."""
    return results.depth and results.depth.deep_ms / results.depth.first_ms


def memory(results: Results) -> float | None:
    """Megabytes of a server that everything was listed through."""
    return results.memory and results.memory.listed_megabytes


def export_memory(results: Results) -> float | None:
    """Megabytes that an export needed at most."""
    found = spread_of([carried.command_megabytes for carried in results.exports])
    return found and found.most


def stall(results: Results) -> float | None:
    """How many milliseconds later requests of a client wait longer than its first."""
    waits = [told.later_ms - told.first_ms for told in results.keep_alive.values()]
    return max(waits, default=None)
