"""Write other ways through the catalogue that meet models in the order of a page.

An index that begins with another field has the models of each of its values in the order of their
URIs. So where what matches is far from the beginning of the whole, as models of one team are when
the URIs name the teams, it is near to that of such a way.
"""

from collections.abc import Mapping, Sequence
from typing import LiteralString, NamedTuple, cast

from pinakes.postgres import values
from pinakes.postgres.along import Along
from pinakes.postgres.candidates import beginning_of, conjuncts
from pinakes.postgres.where import COLUMNS, Bindings
from pinakes.query.conditions import Column, Comparison, Condition, Metric, Operator, Tag

FIELDS: LiteralString = (
    "uri, project, name, version, artifact_type, task_type, tags, metrics, prediction_schema,"
    " default_protocol, creation_time"
)

FOUND: LiteralString = (
    f"(select {FIELDS} from {{schema}}.models"
    " where uri = found_uri and project = found_project limit 1) as models"
)
"""The model with a key; its limit keeps the planner from joining in any other way."""

MAX_WAYS = 4
"""Ways that are tried, each of which takes some milliseconds to fail."""

SHORT = 1000
"""Models that are looked at on the way through those of one value, beyond a full page."""

HEADS = 10_000
"""Keys that are merged where there are several values, a page of each."""


class Way(NamedTuple):
    """Models as an index has them, and the order in which they come, which is that of the page.

    A straight one reads them where it meets them, others find each by its key: four times as dear.
    """

    models: LiteralString
    order: LiteralString
    is_straight: bool = False


class Ways:
    """The ways that a condition opens, by their names, and what these refer to."""

    def __init__(
        self,
        condition: Condition | None,
        projects: Sequence[str] | None,
        along: Along,
        size: int,
        bindings: Bindings,
    ) -> None:
        self.definitions: list[LiteralString] = []
        self._ways: dict[LiteralString, Way] = {}
        self._along = along
        self._limit = size + 1
        self._bindings = bindings
        needed = [*conjuncts(condition)]
        is_alone = len(needed) == 1 and projects is None
        for one in needed if along.is_of_one else ():
            if isinstance(one, Comparison) and len(self._ways) < MAX_WAYS:
                self._open(one, is_alone=is_alone)

    @property
    def straight(self) -> Mapping[LiteralString, Way]:
        """Return those that cost little to try."""
        return {name: way for name, way in self._ways.items() if way.is_straight}

    @property
    def others(self) -> Mapping[LiteralString, Way]:
        """Return those that cost some milliseconds to fail."""
        return {name: way for name, way in self._ways.items() if not way.is_straight}

    def _open(self, comparison: Comparison, *, is_alone: bool) -> None:
        field, operator = comparison.field, comparison.operator
        if isinstance(field, Metric):
            return
        is_across = self._along.column is Column.URI is not field
        if operator is Operator.EQUAL and is_across:
            self._through_one(field, comparison)
        elif is_alone and is_across:
            self._through_several(field, comparison)
        elif is_alone and self._along.column is field and operator is Operator.CONTAINS:
            self._through_first(self._along.column, comparison)

    def _through_one(self, field: Column | Tag, comparison: Comparison) -> None:
        """Open the way through the models of one value: an index has them in the order."""
        has = self._has(field, self._bindings.add(comparison.value))
        page = f"order by {self._along.order} limit {self._bindings.add(self._limit + SHORT)}"
        rest = f"from {has} and {self._along.behind} {page}"
        if isinstance(field, Column):
            self._add(Way(f"select * {rest}", self._along.order, is_straight=True))
        else:
            self._add(self._by_keys(f"select uri, project {rest}"))

    def _through_several(self, field: Column | Tag, comparison: Comparison) -> None:
        """Open the way through the models of several values, unless there are too many of those.

        Only where nothing else is asked for, so that the first models of each value are enough.
        """
        most = self._bindings.add(HEADS // self._limit)
        present = values.meeting(comparison, self._bindings)
        self.definitions.append(
            f"several as materialized (select value from {present} limit {most} + 1)"
        )
        few = f"(select count(*) from several) <= {most}"
        select = f"select distinct value from several where {few}"
        self._add(self._by_keys(self._heads(field, select)))

    def _through_first(self, field: Column, comparison: Comparison) -> None:
        """Open the way through the models of the first values, which come first in the order."""
        most = self._bindings.add(HEADS // self._limit)
        present = values.meeting(comparison, self._bindings)
        select = (
            f"select distinct value from {present} where {self._along.from_here}"
            f" order by value {self._along.direction} limit {most}"
        )
        self._add(self._by_keys(self._heads(field, select)))

    def _heads(self, field: Column | Tag, present: LiteralString) -> LiteralString:
        """Write the keys of a page out of the first models of each value."""
        page = f"order by {self._along.order} limit {self._bindings.add(self._limit)}"
        return (
            f"select here.uri, here.project from ({present}) as present (value)"
            f" cross join lateral (select {self._along.columns}"
            f" from {self._has(field, 'present.value')} and {self._along.behind} {page}) as here"
            f" {page}"
        )

    def _by_keys(self, keys: LiteralString) -> Way:
        models: LiteralString = (
            f"select * from ({keys}) as found (found_uri, found_project) cross join lateral {FOUND}"
        )
        return Way(models, _order_of_keys(self._along))

    def _add(self, way: Way) -> None:
        # of our own making, but for the number
        self._ways[cast("LiteralString", f"way_{len(self._ways)}")] = way

    def _has(self, field: Column | Tag, value: LiteralString) -> LiteralString:
        match field:
            case Column():
                return f"{{schema}}.models where {COLUMNS[field]} = {value}"
            case Tag(key):
                return (
                    f"{{schema}}.model_tags where key = {self._bindings.add(key)}"
                    f" and beginning = {beginning_of(value)}"
                )


def _order_of_keys(along: Along) -> LiteralString:
    """Write the order of a page by the keys that the models of a way are found by, where it can be.

    They come in this order, so that the planner sorts no models but stops when the page is full.
    """
    is_by_key = along.column is Column.URI and along.is_of_one
    keys: LiteralString = f"found_uri {along.direction}, found_project {along.direction}"
    return keys if is_by_key else along.order
