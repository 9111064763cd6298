"""Medians and ratios, and when there are none."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

FEWEST_ROUNDS = 3
"""From fewer rounds no ratio is told."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A median with the least and the most that it stands for."""

    median: float
    least: float
    most: float
    rounds: int


def spread_of(values: Sequence[float]) -> Spread | None:
    """Sum up what rounds measured, None where none did."""
    if not values:
        return None
    return Spread(statistics.median(values), min(values), max(values), len(values))


def ratio_of(ones: Sequence[float], others: Sequence[float]) -> Spread | None:
    """Return the median of the ratios within each round, None for fewer than FEWEST_ROUNDS."""
    ratios = [one / other for one, other in zip(ones, others, strict=False) if other]
    return spread_of(ratios) if len(ratios) >= FEWEST_ROUNDS else None
