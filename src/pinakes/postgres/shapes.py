"""Compose the SELECT of a page once for all listings of one shape.

The shape of a listing is all of it but its values. Its SELECT is composed for the same listing with
marks in their place; where these end up tells where the values of any other listing of that shape
belong. Composed anew each time it takes 85 us, this way 11 (of some 500 for a whole search).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from itertools import count

from pinakes.catalog.listing import ModelListing
from pinakes.postgres.candidates import BEGINNING, comparisons
from pinakes.postgres.pages import MAX_PROJECTS, select_page
from pinakes.postgres.statement import Statement, Values, numbered
from pinakes.postgres.values import name_of, windows_of
from pinakes.postgres.where import Value
from pinakes.query.conditions import (
    Both,
    Column,
    Comparison,
    Condition,
    Either,
    Field,
    Metric,
    Operator,
    Tag,
)

MOST_SHAPES = 256
"""Shapes that are remembered; users and pages ask in few."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The shape of a listing, for which any listing that has it will do."""

    key: object
    listing: ModelListing = field(compare=False)


Asked = Sequence[Comparison]
Make = Callable[[ModelListing, Asked], Value]
"""Makes a value of a statement, from a listing and its comparisons in their order."""


@dataclass(frozen=True, slots=True)
class Select:
    """The SELECT of one shape, and how each of its values is made."""

    statement: Statement
    makes: Mapping[str, Make]

    def values(self, listing: ModelListing) -> dict[str, Value]:
        """Return the values for one listing of the shape."""
        asked = [*comparisons(listing.condition)]
        return {name: make(listing, asked) for name, make in self.makes.items()}


class Selects:
    """The SELECTs of the shapes that were asked for in one schema."""

    def __init__(self, schema: str) -> None:
        self._of_shape = lru_cache(MOST_SHAPES)(partial(_composed, schema=schema))

    def of(self, listing: ModelListing) -> tuple[Statement, Values]:
        """Return what ``select_page`` does, numbered."""
        select = self._of_shape(shape_of(listing))
        return select.statement, select.values(listing)


def shape_of(listing: ModelListing) -> Shape:
    """Tell all that the SELECT of a listing is composed by."""
    several = listing.projects and min(len(listing.projects), MAX_PROJECTS + 1)
    asked = _kind_of(listing.condition)
    return Shape((asked, several, listing.order, listing.after is None, listing.size), listing)


def _kind_of(condition: Condition | None) -> object:
    """Tell a condition but for its values, as it is nested."""
    match condition:
        case Comparison(asked, operator, value):
            return asked if isinstance(asked, Column) else type(asked), operator, _size_of(value)
        case Both(left, right) | Either(left, right):
            return type(condition), _kind_of(left), _kind_of(right)
        case None:
            return None


def _size_of(value: str | float) -> int | None:
    """Tell of a text whether it is empty, and whether more than its beginning is compared."""
    return (value != "") + (len(value) >= BEGINNING) if isinstance(value, str) else None


def _marked_listing(listing: ModelListing) -> ModelListing:
    """Put marks in the place of values."""
    marks = map(_mark, count())
    condition, projects, after = listing.condition, listing.projects, listing.after
    several = projects and range(min(len(projects), MAX_PROJECTS + 1))
    return replace(
        listing,
        condition=condition and _marked(condition, marks),
        projects=frozenset(next(marks) for _ in several) if several else projects,
        after=after and tuple(next(marks) for _ in after),
    )


def _mark(number: int) -> str:
    return f"\0{number}"  # no text that is asked for has a NUL


def _marked(condition: Condition, marks: Iterator[str]) -> Condition:
    match condition:
        case Comparison(field, operator, value):
            return Comparison(_marked_field(field, marks), operator, _marked_value(value, marks))
        case Both(left, right):
            return Both(_marked(left, marks), _marked(right, marks))
        case Either(left, right):
            return Either(_marked(left, marks), _marked(right, marks))


def _marked_field(field: Field, marks: Iterator[str]) -> Field:
    return field if isinstance(field, Column) else type(field)(next(marks))


def _marked_value(value: str | float, marks: Iterator[str]) -> str | float:
    mark = next(marks)
    if not isinstance(value, str):
        return float(mark[1:]) + 0.5  # no number of our own is broken
    if not value:
        return value
    return mark.ljust(BEGINNING + 1) if len(value) >= BEGINNING else mark


def _composed(shape: Shape, schema: str) -> Select:
    listing = _marked_listing(shape.listing)
    text, marks = select_page(listing, schema)
    makes = _makes(listing)
    if not makes.keys() >= {_key(mark) for mark in marks.values()}:
        raise TypeError("a value of a SELECT is made in a way that its shape does not know")
    statement = numbered(text, is_fixed=True)
    return Select(statement, {name: makes[_key(mark)] for name, mark in marks.items()})


def _makes(marked: ModelListing) -> dict[object, Make]:
    """Return how to make anew what may be made of the marks of a listing."""
    makes: dict[object, Make] = {}
    for place, comparison in enumerate(comparisons(marked.condition)):
        for derive in (_value, _alone, _beginning, _field_key, _field_name, _windows):
            makes[_key(derive(comparison))] = _from_comparison(place, derive)
    for place, mark in enumerate(marked.after or ()):
        makes[mark] = _from_position(place)
    if marked.projects is not None:
        makes[_key(sorted(marked.projects))] = _projects
    return makes


def _key(value: Value) -> object:
    return tuple(value) if isinstance(value, list) else value


def _from_comparison(place: int, derive: Callable[[Comparison], Value]) -> Make:
    return lambda _, asked: derive(asked[place])


def _from_position(place: int) -> Make:
    return lambda listing, _: (listing.after or ())[place]


def _projects(listing: ModelListing, _: Asked) -> Value:
    return sorted(listing.projects or ())


def _value(comparison: Comparison) -> Value:
    return comparison.value


def _alone(comparison: Comparison) -> Value:
    return [str(comparison.value)]


def _beginning(comparison: Comparison) -> Value:
    return str(comparison.value)[:BEGINNING]


def _field_key(comparison: Comparison) -> Value:
    field = comparison.field
    return field.key if isinstance(field, Tag | Metric) else field.value


def _field_name(comparison: Comparison) -> Value:
    return name_of(comparison.field)


def _windows(comparison: Comparison) -> Value:
    is_part = comparison.operator is Operator.CONTAINS and comparison.value
    return windows_of(name_of(comparison.field), str(comparison.value)) if is_part else ""
