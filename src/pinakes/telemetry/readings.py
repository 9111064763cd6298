"""What a part of a process tells of itself whenever the metrics are asked for."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reading:
    """What a metric is now, with at most one label; a gauge, for it is read and not counted."""

    name: str
    description: str
    value: float
    label: tuple[str, str] | None = None


Instrument = Callable[[], Iterable[Reading]]
"""Something that can be read whenever the metrics are asked for."""
