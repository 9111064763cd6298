"""Compose the SELECT of one page of models: filtered, in a total order, behind a position.

Pages are found by the place where the last one ended, never by counting: a walk during inserts and
deletes meets every entry that stays exactly once, and the last page costs what the first does.
"""

from collections.abc import Sequence
from itertools import groupby

from psycopg import sql

from pinakes.catalog.listing import Direction, ModelListing, Order, Position
from pinakes.postgres.where import COLUMNS, Bindings, among, where
from pinakes.query.conditions import Column

SELECT = sql.SQL(
    "select uri, project, name, version, artifact_type, task_type, tags, metrics,"
    " prediction_schema, default_protocol, creation_time"
    " from {schema}.models where {condition} order by {order} limit {limit}"
)

DIRECTIONS = {Direction.ASCENDING: sql.SQL("asc"), Direction.DESCENDING: sql.SQL("desc")}
Run = list[tuple[Order, str]]

BEHIND = {Direction.ASCENDING: sql.SQL(">"), Direction.DESCENDING: sql.SQL("<")}


def select_page(listing: ModelListing, schema: str) -> tuple[sql.Composed, Bindings]:
    """Write the SELECT of a page and one row more, which tells whether others follow."""
    bindings = Bindings()
    conditions: list[sql.Composable] = [sql.SQL("true")]
    if listing.projects is not None:
        conditions.append(among(Column.PROJECT, listing.projects, bindings))
    if listing.condition is not None:
        conditions.append(where(listing.condition, bindings))
    if listing.after is not None:
        conditions.append(_behind(_runs(listing.order, listing.after), bindings))
    statement = SELECT.format(
        schema=sql.Identifier(schema),
        condition=sql.SQL(" and ").join(conditions),
        order=sql.SQL(", ").join(_order(item) for item in listing.order),
        limit=bindings.add(listing.size + 1),
    )
    return statement, bindings


def _order(item: Order) -> sql.Composed:
    return sql.SQL("{} {}").format(COLUMNS[item.column], DIRECTIONS[item.direction])


def _runs(order: Sequence[Order], position: Position) -> list[Run]:
    """Cut a position into runs of one direction, each of which is a single row comparison."""
    places = zip(order, position, strict=True)
    return [list(run) for _, run in groupby(places, key=lambda place: place[0].direction)]


def _behind(runs: Sequence[Run], bindings: Bindings) -> sql.Composed:
    """Write "behind in this run, or equal in it and behind in the rest"."""
    run, *rest = runs
    columns = sql.SQL(", ").join(COLUMNS[item.column] for item, _ in run)
    values = sql.SQL(", ").join(bindings.add(value) for _, value in run)
    here = {"columns": columns, "values": values, "sign": BEHIND[run[0][0].direction]}
    if not rest:
        return sql.SQL("({columns}) {sign} ({values})").format(**here)
    return sql.SQL("(({columns}) {sign} ({values}) or ({columns}) = ({values}) and {rest})").format(
        **here, rest=_behind(rest, bindings)
    )
