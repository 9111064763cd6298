"""The goals: what each figure must be at least, and what it should be, as one table."""

from dataclasses import dataclass
from enum import Enum

from bench import figures
from bench.contenders import Who
from bench.figures import Figure, cpu_ratio, rate_ratio, server_cpu_ratio, slowest
from bench.filters import MOST_MS, Held
from bench.operations import Operation
from bench.results import Results


class Verdict(Enum):
    """What became of a goal."""

    AIM = "aim reached"
    REACHED = "reached"
    MISSED = "MISSED"
    NOT_MEASURED = "not measured"


class Better(Enum):
    """Which way a figure should go."""

    MORE = "more"
    LESS = "less"


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure with its bounds."""

    name: str
    figure: Figure
    better: Better
    bound: float
    aim: float
    unit: str
    models: int
    """At how many models the goal is meant, at least."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A goal and what was measured."""

    goal: Goal
    figure: float | None
    verdict: Verdict
    is_at_size: bool
    """Whether the catalogue had as many models as the goal is meant for."""


def judge(results: Results) -> list[Judged]:
    """Hold every goal against what was measured."""
    return [_judged(goal, results) for goal in GOALS]


def _judged(goal: Goal, results: Results) -> Judged:
    figure = goal.figure(results)
    return Judged(goal, figure, _verdict(goal, figure), results.models >= goal.models)


def _verdict(goal: Goal, figure: float | None) -> Verdict:
    if figure is None:
        return Verdict.NOT_MEASURED
    if _keeps(goal, figure, goal.aim):
        return Verdict.AIM
    return Verdict.REACHED if _keeps(goal, figure, goal.bound) else Verdict.MISSED


def _keeps(goal: Goal, figure: float, bound: float) -> bool:
    return figure <= bound if goal.better is Better.LESS else figure >= bound


MORE, LESS = Better.MORE, Better.LESS
ON_TWO = Who.OURS_ON_TWO
OURS, LIMIT, CONSTANT, BARE, PEER = Who.OURS, Who.LIMIT, Who.CONSTANT, Who.BARE, Who.PEER
GET, SEARCH, CREATE = Operation.GET, Operation.SEARCH, Operation.CREATE
NOTHING, SOMETHING, ELSE = Held.NOTHING_MATCHES, Held.SOMETHING_MATCHES, Held.ANYTHING_ELSE
MANY, MILLION = 100_000, 1_000_000

# fmt: off
GOALS = (
    Goal("get by URI, requests/s against pgbench's TPS",
         rate_ratio(OURS, LIMIT, GET), MORE, 0.22, 0.32, "", MANY),
    Goal("... with two processes, as pgbench has two cores (for comparison)",
         rate_ratio(ON_TWO, LIMIT, GET), MORE, 0.22, 0.32, "", MANY),
    Goal("server CPU of a get, against the same application with a constant",
         server_cpu_ratio(OURS, CONSTANT, GET), LESS, 3.3, 2.6, "x", MANY),
    Goal("... against bare ASGI with a constant (stricter, for comparison)",
         server_cpu_ratio(OURS, BARE, GET), LESS, 3.3, 2.6, "x", MANY),
    Goal("server CPU of a search page, against the same application with a constant",
         server_cpu_ratio(OURS, CONSTANT, SEARCH), LESS, 6, 4.5, "x", MANY),
    Goal("... against bare ASGI with a constant (stricter, for comparison)",
         server_cpu_ratio(OURS, BARE, SEARCH), LESS, 6, 4.5, "x", MANY),
    Goal("create, requests/s against pgbench's TPS",
         rate_ratio(OURS, LIMIT, CREATE), MORE, 0.45, 0.65, "", MANY),
    Goal("CPU of MLflow's model-version get against ours",
         cpu_ratio(PEER, OURS, GET), MORE, 40, 80, "x", MANY),
    Goal("CPU of MLflow's search against ours",
         cpu_ratio(PEER, OURS, SEARCH), MORE, 12, 20, "x", MANY),
    Goal("slowest filter or order of which nothing matches, p50",
         slowest(NOTHING), LESS, *MOST_MS[NOTHING], "ms", MILLION),
    Goal("slowest filter or order of which something matches, p50",
         slowest(SOMETHING), LESS, *MOST_MS[SOMETHING], "ms", MILLION),
    Goal("slowest of anything else, p50",
         slowest(ELSE), LESS, *MOST_MS[ELSE], "ms", MILLION),
    Goal("page 1,000 against page 1",
         figures.depth, LESS, 2, 1.2, "x", MILLION),
    Goal("import, speed against COPY of the same rows",
         figures.import_speed, MORE, 0.8, 0.95, "", MANY),
    Goal("export, speed against COPY of the same rows",
         figures.export_speed, MORE, 0.6, 0.9, "", MANY),
    Goal("memory of the server when everything was listed",
         figures.memory, LESS, 150, 90, "MB", MILLION),
    Goal("memory of the export command",
         figures.export_memory, LESS, 150, 90, "MB", MILLION),
    Goal("what a keep-alive client waits longer after its first request",
         figures.stall, LESS, 20, 5, "ms", 0),
)
# fmt: on
