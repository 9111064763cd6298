"""Write where the models that a condition may find are looked for, without looking at all of them.

Every comparison has a *leaf*: keys of models out of an index, no more of them than somebody reads.
So it costs little to ask whether a leaf holds few, whatever the answer is. Of several conditions
joined by AND each single one holds all that they find together: the first whose leaf holds few is
taken. Joined by OR all are needed. What is found so is held against the condition itself
(decision 0028).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import reduce
from typing import LiteralString, assert_never, cast

from pinakes.postgres.along import Along
from pinakes.postgres.values import Values, given
from pinakes.postgres.where import COLUMNS, Bindings, compare
from pinakes.query.conditions import (
    Both,
    Column,
    Comparison,
    Condition,
    Either,
    Metric,
    Operator,
    Tag,
)

HANDFUL: LiteralString = "50"
"""How many keys a leaf may have, that it is taken before others are asked for more."""

FEW: LiteralString = "1000"
"""How many models are fetched by their keys and sorted before anything else is tried."""

MANY: LiteralString = "10000"
"""How many are fetched and sorted where nothing else helped: it takes some 30 ms. Where more
match, they are soon met on the way along the order."""

MAX_LEAVES = 64
"""Leaves of one statement: planning each costs a tenth of a millisecond, asked or not."""

MAX_ASKED = 6
"""Leaves that are asked of those joined by AND: each that holds many costs half a millisecond."""

APART = (Operator.LESS, Operator.GREATER)
"""What is not equal is either of these, each of which is one range of an index."""

BEGINNING = 100
"""Characters of a tag's value that the table ``model_tags`` has, by migrations 0002 to 0004."""

ROUNDED = {Operator.LESS: Operator.AT_MOST, Operator.GREATER: Operator.AT_LEAST}
"""What holds of the beginnings where it holds of two long texts."""


class Turn(IntEnum):
    """When a condition is asked: those that few are likely to meet first, the dearest ones last."""

    EQUALITY = 1
    RANGE = 2
    SEARCH = 3


@dataclass(frozen=True, slots=True)
class Leaf:
    """The name of a common table expression with keys of models."""

    name: LiteralString

    def holds(self, most: LiteralString) -> LiteralString:
        """Write that these are all, and no more than ``most``: no more than that are read."""
        asked = f"select from {self.name} limit {most} + 1"
        return f"(select count(*) from ({asked}) as asked) <= {most}"

    def keys(self) -> LiteralString:
        """Write the keys."""
        return f"select uri, project from {self.name}"


@dataclass(frozen=True, slots=True)
class First:
    """Of two sources the first, unless the other is the one to hold few."""

    first: "Source"
    other: "Source"

    def holds(self, most: LiteralString) -> LiteralString:
        """Write that one of them holds all."""
        return f"({self.first.holds(most)} or {self.other.holds(most)})"

    def keys(self) -> LiteralString:
        """Write the keys of one that holds all."""
        few, other_few = self.first.holds(FEW), self.other.holds(FEW)
        is_first = f"({few} or not {other_few} and {self.first.holds(MANY)})"
        return (
            f"select uri, project from ({self.first.keys()}) as first where {is_first}"
            f" union all select uri, project from ({self.other.keys()}) as other"
            f" where not {is_first}"
        )


@dataclass(frozen=True, slots=True)
class Union:
    """Two sources, both of which are needed."""

    one: "Source"
    other: "Source"

    def holds(self, most: LiteralString) -> LiteralString:
        """Write that each of them holds all of its own."""
        return f"({self.one.holds(most)} and {self.other.holds(most)})"

    def keys(self) -> LiteralString:
        """Write the keys of both."""
        return f"{self.one.keys()} union all {self.other.keys()}"


Source = Leaf | First | Union


class TooManyLeaves(Exception):
    """More would take longer to plan than to look at every model."""


class Candidates:
    """The leaves of one statement, in the order in which it defines them."""

    def __init__(self, along: Along, values: Values, bindings: Bindings) -> None:
        self.definitions: list[LiteralString] = []
        self._along = along
        self._values = values
        self._bindings = bindings

    def of(self, condition: Condition) -> Source:
        """Define a source of what a condition may find."""
        match condition:
            case Comparison():
                return self._leaf(self._keys_of(condition))
            case Both():
                several = [self.of(one) for one in in_turn(conjuncts(condition))]
                return reduce(lambda other, first: First(first, other), reversed(several))
            case Either(left, right):
                return Union(self.of(left), self.of(right))
            case _:
                assert_never(condition)

    def of_each(self, several: Iterable[Condition]) -> Iterator[Source]:
        """Define a source of what each of some conditions may find, unless it takes too many."""
        for condition in several:
            known = len(self.definitions)
            try:
                yield self.of(condition)
            except TooManyLeaves:
                del self.definitions[known:]

    def of_projects(self, projects: list[str]) -> Source:
        """Define a source of the models of some projects."""
        present = given(projects, self._bindings)
        return self._leaf(self._with_values(Column.PROJECT, present))

    def _leaf(self, keys: LiteralString) -> Leaf:
        if len(self.definitions) == MAX_LEAVES:
            raise TooManyLeaves
        # of our own making, but for the number
        name = cast("LiteralString", f"leaf_{len(self.definitions)}")
        self.definitions.append(f"{name} as materialized ({keys})")
        return Leaf(name)

    def _keys_of(self, comparison: Comparison) -> LiteralString:
        field, value = comparison.field, comparison.value
        match comparison.operator:
            case Operator.NOT_EQUAL:
                apart: list[LiteralString] = [
                    f"({self._keys_of(Comparison(field, operator, value))})" for operator in APART
                ]
                return " union all ".join(apart)
            case Operator.CONTAINS if not value:
                return self._keys_of(Comparison(field, Operator.AT_LEAST, ""))
            case Operator.CONTAINS if not isinstance(field, Metric):
                return self._with_values(field, self._values.meeting(comparison))
            case operator:
                return self._with(field, operator, value)

    def _with(
        self, field: Column | Tag | Metric, operator: Operator, value: str | float
    ) -> LiteralString:
        match field:
            case Column():
                return self._in_column(field, operator, self._bindings.add(value))
            case Metric(key):
                return self._in_metric(key, operator, self._bindings.add(value))
            case Tag(key):
                text = str(value)
                if len(text) >= BEGINNING:
                    operator = ROUNDED.get(operator, operator)
                return self._in_tag(key, operator, self._bindings.add(text[:BEGINNING]))
            case _:
                assert_never(field)

    def _with_values(self, field: Column | Tag, present: LiteralString) -> LiteralString:
        """Write the keys of models whose field has any of some values."""
        match field:
            case Column():
                keys = self._in_column(field, Operator.EQUAL, "present.value")
            case Tag(key):
                keys = self._in_tag(key, Operator.EQUAL, beginning_of("present.value"))
            case _:
                assert_never(field)
        return f"select here.* from {present} cross join lateral ({keys}) as here"

    def _in_column(self, column: Column, operator: Operator, value: LiteralString) -> LiteralString:
        indexed = dict.fromkeys((column, Column.URI, Column.PROJECT))
        order = ", ".join([COLUMNS[one] for one in indexed])
        return (
            "select uri, project from {schema}.models"
            f" where {compare(COLUMNS[column], operator, value)}"
            f" and {self._behind(column, operator)} order by {order} limit {MANY} + 1"
        )

    def _behind(self, field: Column | Tag | Metric, operator: Operator) -> LiteralString:
        """Write that keys are behind the place, where their index has the order of the page.

        So the last page is found among few, however many match before it.
        """
        along = self._along
        is_by_uri = along.column is Column.URI and operator is Operator.EQUAL
        is_in_order = along.is_of_one and (field is along.column or is_by_uri)
        return along.behind if is_in_order else "true"

    def _in_metric(self, key: str, operator: Operator, value: LiteralString) -> LiteralString:
        return (
            "select uri, project from {schema}.model_metrics"
            f" where key = {self._bindings.add(key)} and {compare('number', operator, value)}"
            f" and {self._behind(Metric(key), operator)}"
            f" order by key, number, uri, project limit {MANY} + 1"
        )

    def _in_tag(self, key: str, operator: Operator, value: LiteralString) -> LiteralString:
        return (
            "select uri, project from {schema}.model_tags"
            f" where key = {self._bindings.add(key)} and {compare('beginning', operator, value)}"
            f" and {self._behind(Tag(key), operator)}"
            f" order by key, beginning, uri, project limit {MANY} + 1"
        )


def in_turn(several: Iterable[Condition]) -> list[Condition]:
    """Return those of some conditions that are worth to be asked, in their turn."""
    return sorted(several, key=_turn_of)[:MAX_ASKED]


def _turn_of(condition: Condition) -> Turn:
    match condition:
        case Comparison(_, Operator.EQUAL, _):
            return Turn.EQUALITY
        case Comparison(_, Operator.CONTAINS, _):
            return Turn.SEARCH
        case Comparison():
            return Turn.RANGE
        case Both(left, right):
            return min(_turn_of(left), _turn_of(right))
        case Either(left, right):
            return max(_turn_of(left), _turn_of(right))


def beginning_of(value: LiteralString) -> LiteralString:
    """Write as much of a tag's value as is kept in ``model_tags``."""
    return f"left({value}, {cast('LiteralString', str(BEGINNING))})"  # a number of our own


def conjuncts(condition: Condition | None) -> Iterator[Condition]:
    """Find the conditions that must all be met, none of which is joined by AND itself."""
    match condition:
        case Both(left, right):
            yield from conjuncts(left)
            yield from conjuncts(right)
        case None:
            pass
        case _:
            yield condition


def comparisons(condition: Condition | None) -> Iterator[Comparison]:
    """Find every comparison of a condition."""
    match condition:
        case Comparison():
            yield condition
        case Both(left, right) | Either(left, right):
            yield from comparisons(left)
            yield from comparisons(right)
        case None:
            pass
        case _:
            assert_never(condition)


def names_uri(condition: Condition) -> bool:
    """Say whether only models with one URI can meet a condition."""
    return any(
        isinstance(one, Comparison) and one.field is Column.URI and one.operator is Operator.EQUAL
        for one in conjuncts(condition)
    )
