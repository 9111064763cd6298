"""Interleaved rounds: each does every cell once, every other one in the opposite order.

What else the machine does at a time, or how full a cache is, then falls on no contender alone; and
ratios are taken within a round, of two windows that were near to each other.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench.contenders import Cell, Who
from bench.operations import Operation
from bench.sample import Load
from bench.statistics import Spread, ratio_of, spread_of

Measured = tuple[Who, Operation]
Figure = Callable[[Load], float | None]


@dataclass
class Rounds:
    """What all rounds measured: of each cell one load a round."""

    loads: dict[Measured, list[Load]] = field(default_factory=dict[Measured, list[Load]])

    def add(self, cell: Cell, load: Load) -> None:
        """Keep what a window measured."""
        self.loads.setdefault((cell.who, cell.operation), []).append(load)

    def spread(self, who: Who, operation: Operation, figure: Figure) -> Spread | None:
        """Return median, least and most of a figure, None where it was not measured."""
        return spread_of(self._values(who, operation, figure))

    def ratio(self, one: Measured, other: Measured, figure: Figure) -> Spread | None:
        """Return the ratio of a figure of two cells, within each round."""
        return ratio_of(self._values(*one, figure), self._values(*other, figure))

    def _values(self, who: Who, operation: Operation, figure: Figure) -> list[float]:
        values = [figure(load) for load in self.loads.get((who, operation), [])]
        return [value for value in values if value is not None]


def run_round(
    number: int,
    cells: Sequence[Cell],
    seconds: float,
    rounds: Rounds,
    after_write: Callable[[], None],
) -> None:
    """Run one round; ``after_write`` tidies up behind each cell that changes the catalogue."""
    for cell in cells if number % 2 == 0 else reversed(cells):
        rounds.add(cell, cell.run(seconds))
        if cell.operation.is_write:
            after_write()
