"""Write how models are met that have some value, in an order in which many share another.

Those that share a value of the field that is ordered by are sorted by their URIs. Where the URIs
tell what is asked for, all that match may lie behind 100,000 others. Two indexes have models by
their URIs, of each value that is asked for and of each value of the order: in turn, each leaps to
where the other is.
"""

from collections.abc import Callable
from typing import LiteralString

from pinakes.postgres.along import KEY, Along
from pinakes.postgres.where import COLUMNS

Asked = Callable[[LiteralString, LiteralString], LiteralString]
"""Writes the first key of what is asked for, of those that are at a place, in an order."""


def leaping(along: Along, asked: Asked, when: LiteralString) -> LiteralString:
    """Write keys of models in the order of the page: all that match, and few that do not.

    They are made as they are read, so that who takes the first few pays for no others. A row with
    NULL would be compared as if nothing but its first column was there, hence two cases.
    """
    column = COLUMNS[along.column]
    ties: list[LiteralString] = [COLUMNS[tie] for tie in KEY if tie is not along.column]
    ahead = asked(
        f"({_of('', ties)}) {along.sign} ({_of('met.', ties)})",
        f"order by uri {along.direction}, project {along.direction} limit 1",
    )
    of_same = f"({column}, {_of('', ties)}) {along.sign}= (met.value, {_of('ahead.', ties)})"
    first = _first(along, f"{along.behind} and {when}")
    at_or_behind = _first(along, f"ahead.uri is not null and {of_same}")
    of_next_value = _first(along, f"ahead.uri is null and {column} {along.sign} met.value")
    return (
        f"with recursive met (value, uri, project) as ({first} union all"
        f" select here.* from met left join lateral ({ahead}) as ahead on true"
        f" cross join lateral ({at_or_behind} union all {of_next_value}) as here)"
        " select uri, project from met"
    )


def _first(along: Along, place: LiteralString) -> LiteralString:
    return (
        f"(select {COLUMNS[along.column]}, uri, project from {{schema}}.models"
        f" where {place} order by {along.order} limit 1)"
    )


def _of(table: LiteralString, columns: list[LiteralString]) -> LiteralString:
    return ", ".join([f"{table}{column}" for column in columns])
