"""The results for people, as tables of text, and for programs, as JSON."""

from collections.abc import Iterable, Iterator, Sequence
from http import HTTPStatus
from itertools import groupby
from pathlib import Path
from textwrap import shorten

import msgspec

from bench.contenders import Who
from bench.filters import MOST_MS
from bench.goals import Judged, Verdict, judge
from bench.operations import Operation
from bench.results import Results
from bench.rounds import Figure
from bench.statistics import Spread, spread_of
from bench.suite import Timed
from bench.transfer import Carried

WORST = 8
"""Of each class of filters so many are shown, the slowest."""
NAME_WIDTH = 90

Row = Sequence[str]

HEAD = (
    "operation", "who", "requests/s", "spread", "p50 ms", "p99 ms", "server us", "postgres us",
    "/ pgbench",
)  # fmt: skip


def written(results: Results) -> str:
    """Return the whole report."""
    blocks = [
        _machine(results),
        "\n".join(table(HEAD, _loads(results))),
        "\n".join(table(("once a round", "median", "spread"), _lives(results))),
        *_filters(results),
        "\n".join(table(("goal", "at least", "aim", "measured", ""), _goals(judge(results)))),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def write_json(results: Results, file: Path) -> None:
    """Write everything that was measured, round by round, and what became of the goals."""
    loads = [
        {"who": who.value, "operation": operation.value, "rounds": each}
        for (who, operation), each in results.rounds.loads.items()
    ]
    told = {
        "models": results.models,
        "seed": results.seed,
        "machine": results.machine,
        "loads": loads,
        "goals": [_goal_as_json(judged) for judged in judge(results)],
        **{
            name: getattr(results, name)
            for name in (
                "imports", "exports", "listens_ms", "ready_ms", "load_seconds", "memory",
                "keep_alive", "filters", "depth",
            )
        },
    }  # fmt: skip
    file.write_bytes(msgspec.json.format(msgspec.json.encode(told)) + b"\n")


def _goal_as_json(judged: Judged) -> dict[str, object]:
    goal = judged.goal
    return {
        "goal": goal.name,
        "at_least": goal.bound,
        "aim": goal.aim,
        "unit": goal.unit,
        "better": goal.better.value,
        "measured": judged.figure,
        "verdict": judged.verdict.value,
        "at_models": goal.models,
        "is_at_size": judged.is_at_size,
    }


def table(head: Row, rows: Iterable[Row]) -> Iterator[str]:
    """Write a table as Markdown has it, in columns that people can read."""
    body = list(rows)
    if not body:
        return
    widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
    for row in (head, ["-" * width for width in widths], *body):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"| {' | '.join(cells)} |"


def _machine(results: Results) -> str:
    told = ", ".join(f"{name} {value}" for name, value in results.machine.items())
    return f"{results.models:,} models, seed {results.seed}; {told}"


def _loads(results: Results) -> Iterator[Row]:
    rounds = results.rounds
    for operation in Operation:
        for who in Who:
            rate = rounds.spread(who, operation, lambda load: load.rate)
            if rate is None:
                continue
            figures: Sequence[Figure] = (
                lambda load: load.p50_ms,
                lambda load: load.p99_ms,
                lambda load: load.server_us,
                lambda load: load.postgres_us,
            )
            ratio = rounds.ratio((who, operation), (Who.LIMIT, operation), lambda load: load.rate)
            yield [
                operation.value,
                who.value,
                f"{rate.median:,.0f}",
                f"{rate.least:,.0f}-{rate.most:,.0f}",
                *(_number(rounds.spread(who, operation, figure)) for figure in figures),
                f"{ratio.median:.2f}" if ratio and who is not Who.LIMIT else "",
            ]


def _lives(results: Results) -> Iterator[Row]:
    yield "loading by COPY, s", f"{results.load_seconds:.1f}", ""
    yield _life("start to listening, ms", results.listens_ms)
    yield _life("start to readiness, ms", results.ready_ms)
    for name, carried in (("import", results.imports), ("export", results.exports)):
        yield from _carried(name, carried)
    if memory := results.memory:
        yield "memory at the start, MB", f"{memory.started_megabytes:.0f}", ""
        yield f"memory after {memory.models:,} models, MB", f"{memory.listed_megabytes:.0f}", ""
    for name, told in results.keep_alive.items():
        yield f"one client, {name}: first request, ms", f"{told.first_ms:.1f}", ""
        yield f"one client, {name}: later requests, ms", f"{told.later_ms:.1f}", ""
    if depth := results.depth:
        yield "page 1, ms", f"{depth.first_ms:.1f}", ""
        yield f"page {depth.page:,}, ms", f"{depth.deep_ms:.1f}", ""


def _life(name: str, values: Sequence[float]) -> Row:
    found = spread_of(values)
    return name, _number(found), f"{found.least:,.1f}-{found.most:,.1f}" if found else ""


def _carried(name: str, carried: Sequence[Carried]) -> Iterator[Row]:
    if not carried:
        return
    rates = [each.models / each.command_seconds for each in carried]
    copied = [each.models / each.copy_seconds for each in carried]
    yield _life(f"{name}, models/s", rates)
    yield _life(f"{name}: COPY of the same rows, models/s", copied)
    yield _life(f"{name}: memory of the command, MB", [each.command_megabytes for each in carried])


def _filters(results: Results) -> Iterator[str]:
    """Show of each class the slowest; all of them are in the JSON."""
    by_class = sorted(results.filters, key=lambda timed: (timed.held.value, -timed.p50_ms))
    for held, group in groupby(by_class, key=lambda timed: timed.held):
        timed = list(group)
        most, _ = MOST_MS[held]
        over = sum(each.p50_ms > most for each in timed)
        title = f"filters, {held.value}: {over} of {len(timed)} over {most:g} ms"
        rows = [_filter(each) for each in timed[:WORST]]
        yield "\n".join(table((title, "p50 ms", "first ms", "found", ""), rows))


def _filter(timed: Timed) -> Row:
    times = f"{timed.p50_ms:.1f}", f"{timed.first_ms:.1f}"
    return shorten(timed.name, NAME_WIDTH), *times, str(timed.found), _flag(timed)


def _flag(timed: Timed) -> str:
    if timed.status != HTTPStatus.OK:
        return f"status {timed.status}"
    return "OVER" if timed.p50_ms > MOST_MS[timed.held][0] else ""


def _goals(judgements: Iterable[Judged]) -> Iterator[Row]:
    for judged in judgements:
        goal = judged.goal
        is_elsewhere = judged.verdict is not Verdict.NOT_MEASURED and not judged.is_at_size
        size = f" (meant at {goal.models:,})" if is_elsewhere else ""
        yield [
            goal.name,
            f"{goal.bound:g}{goal.unit}",
            f"{goal.aim:g}{goal.unit}",
            "" if judged.figure is None else f"{judged.figure:.2f}{goal.unit}",
            judged.verdict.value + size,
        ]


def _number(spread: Spread | None) -> str:
    return "" if spread is None else f"{spread.median:,.1f}"
