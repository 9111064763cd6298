"""Whether clients were told the truth: what they were answered beside what the database has."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import psycopg

from chaos.load import NO_ANSWER, OK, UNAVAILABLE, Outcome, Verb


class Written(NamedTuple):
    """One revision: which model, what was done to it, and what it is called since."""

    uri: str
    verb: str
    name: str


class Kept(NamedTuple):
    """What a database has: every revision in its order, and the models by their URI."""

    revisions: list[Written]
    models: dict[str, list[str]]


def untruths(outcomes: Iterable[Outcome], conninfo: str) -> list[str]:
    """Return every answer that was not true, in words; none where clients were told the truth.

    An acknowledged write is there exactly once, one that was refused is not there, one of which
    nothing is known is there once at most; nothing else is there; and a read found what the
    acknowledged writes before it had left.
    """
    told = list(outcomes)
    kept = _read(conninfo)
    return [*_wrong_answers(told), *_wrong_revisions(told, kept), *_wrong_models(kept)]


def _read(conninfo: str) -> Kept:
    with psycopg.connect(conninfo) as connection:
        revisions = connection.execute(
            "select uri, verb, coalesce(after->>'name', '')"
            " from pinakes.model_revisions order by serial"
        ).fetchall()
        models = connection.execute("select uri, name from pinakes.models").fetchall()
    by_uri: dict[str, list[str]] = defaultdict(list)
    for uri, name in models:
        by_uri[uri].append(name)
    return Kept([Written(*row) for row in revisions], by_uri)


def _wrong_answers(outcomes: list[Outcome]) -> Iterator[str]:
    for outcome in outcomes:
        if outcome.status not in (OK, UNAVAILABLE, NO_ANSWER):
            yield f"{_named(outcome)} is of the client's own doing"
        if outcome.verb is Verb.READ and outcome.is_ok:
            expected = (outcome.name,) if outcome.name else ()
            if outcome.found != expected:
                yield f"{_named(outcome)} found {outcome.found} and not {expected}"


def _wrong_revisions(outcomes: list[Outcome], kept: Kept) -> Iterator[str]:
    counts: dict[Written, int] = defaultdict(int)
    for revision in kept.revisions:
        counts[revision] += 1
    for outcome in outcomes:
        if outcome.verb is not Verb.READ:
            count = counts.pop(Written(outcome.uri, outcome.verb.value, outcome.name), 0)
            if count not in _allowed(outcome):
                yield f"{_named(outcome)} is there {count} times"
    yield from (f"{written} is there and nobody asked for it" for written in counts)


def _allowed(outcome: Outcome) -> tuple[int, ...]:
    if outcome.is_ok:
        return (1,)
    return (0, 1) if outcome.is_unknown else (0,)


def _wrong_models(kept: Kept) -> Iterator[str]:
    last = {revision.uri: revision for revision in kept.revisions}
    for uri, revision in last.items():
        expected = [] if revision.verb == Verb.DELETE.value else [revision.name]
        if kept.models.get(uri, []) != expected:
            yield f"{uri} is {kept.models.get(uri)} in models, and {expected} by its revisions"
    yield from (f"{uri} has no revision" for uri in kept.models if uri not in last)


def _named(outcome: Outcome) -> str:
    asked = f"{outcome.verb.value} of {outcome.uri} ({outcome.name})"
    return f"{asked}, answered {outcome.status} {outcome.message!r},"
