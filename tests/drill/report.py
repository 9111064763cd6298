"""What the clients saw of a drill, in figures."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import filterfalse, pairwise

from chaos.load import NO_ANSWER, Outcome, Verb


@dataclass(frozen=True)
class Event:
    """Something that was done to the database, and from when to when it mattered."""

    name: str
    began: float
    led: float
    """When another primary, or the same one again, was there."""
    ended: float


def is_write(outcome: Outcome) -> bool:
    return outcome.verb is not Verb.READ


def longest_gap(outcomes: Iterable[Outcome], event: Event) -> float:
    """Return the longest time without a good answer that began before the end of an event."""
    good = sorted(each.ended for each in outcomes if each.is_ok)
    gaps = [
        after - before
        for before, after in pairwise(good)
        if after >= event.began and before <= event.ended
    ]
    return max(gaps, default=float("inf"))


def failures(outcomes: Iterable[Outcome]) -> Counter[str]:
    """Count what was not answered well, by what the client was told."""
    return Counter(_told(each) for each in outcomes if not each.is_ok)


def _told(outcome: Outcome) -> str:
    if outcome.status == NO_ANSWER:
        return "no answer"
    return f"{outcome.status} {'unknown' if outcome.is_unknown else 'refused'}"


def lines(way: str, outcomes: list[Outcome], events: Iterable[Event]) -> Iterator[str]:
    """Tell of the clients of one server: all that they saw, and what of each event."""
    good = [each for each in outcomes if each.is_ok]
    writes = sum(map(is_write, good))
    slowest = max(each.seconds for each in outcomes)
    yield f"{way}: {len(good) - writes} reads, {writes} writes ok; slowest answer {slowest:.1f} s"
    for event in events:
        yield (
            f"  {event.name:<29} primary after {event.led - event.began:4.1f} s,"
            f" no write for {longest_gap(filter(is_write, outcomes), event):4.1f} s,"
            f" no read for {longest_gap(filterfalse(is_write, outcomes), event):4.1f} s,"
            f" failed: {_failed(outcomes, event)}"
        )


def _failed(outcomes: Iterable[Outcome], event: Event) -> str:
    during = (each for each in outcomes if event.began <= each.ended <= event.ended)
    counted = sorted(failures(during).items())
    return ", ".join(f"{count} {what}" for what, count in counted) or "none"
