"""Write the order of a listing, and what of it is behind the place where the last page ended."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import LiteralString

from pinakes.catalog.listing import Direction, ModelListing, Order, Position
from pinakes.postgres.where import COLUMNS, Bindings
from pinakes.query.conditions import Column

DIRECTIONS: Mapping[Direction, LiteralString] = {
    Direction.ASCENDING: "asc",
    Direction.DESCENDING: "desc",
}
BEHIND: Mapping[Direction, LiteralString] = {Direction.ASCENDING: ">", Direction.DESCENDING: "<"}

KEY = (Column.URI, Column.PROJECT)

Run = list[tuple[Order, str]]


class Along:
    """The order of one listing: by what, and behind what."""

    def __init__(self, listing: ModelListing, bindings: Bindings) -> None:
        self.column = listing.order[0].column
        self.order: LiteralString = ", ".join([_order(item) for item in listing.order])
        self.columns: LiteralString = ", ".join([COLUMNS[item.column] for item in listing.order])
        self.behind: LiteralString = _behind(listing, bindings)
        self.direction: LiteralString = DIRECTIONS[listing.order[0].direction]
        self.sign: LiteralString = BEHIND[listing.order[0].direction]
        self.from_here: LiteralString = _from_here(listing, bindings)
        self.is_of_one: bool = is_of_one(listing.order)


def is_of_one(order: Sequence[Order]) -> bool:
    """Say whether an index that begins with the first column has all of an order."""
    first, *rest = order
    ties = [Order(column, first.direction) for column in KEY if column is not first.column]
    return rest == ties


def _order(item: Order) -> LiteralString:
    return f"{COLUMNS[item.column]} {DIRECTIONS[item.direction]}"


def _behind(listing: ModelListing, bindings: Bindings) -> LiteralString:
    if listing.after is None:
        return "true"
    return _behind_runs(_runs(listing.order, listing.after), bindings)


def _from_here(listing: ModelListing, bindings: Bindings) -> LiteralString:
    """Write that a value of the first column is not before the place."""
    if listing.after is None:
        return "true"
    return f"value {BEHIND[listing.order[0].direction]}= {bindings.add(listing.after[0])}"


def _runs(order: Sequence[Order], position: Position) -> list[Run]:
    """Cut a position into runs of one direction, each of which is a single row comparison."""
    places = zip(order, position, strict=True)
    return [list(run) for _, run in groupby(places, key=lambda place: place[0].direction)]


def _behind_runs(runs: Sequence[Run], bindings: Bindings) -> LiteralString:
    """Write "behind in this run, or equal in it and behind in the rest"."""
    run, *rest = runs
    columns = ", ".join([COLUMNS[item.column] for item, _ in run])
    values = ", ".join([bindings.add(value) for _, value in run])
    sign = BEHIND[run[0][0].direction]
    if not rest:
        return f"({columns}) {sign} ({values})"
    return (
        f"(({columns}) {sign} ({values})"
        f" or ({columns}) = ({values}) and {_behind_runs(rest, bindings)})"
    )
