"""Write other ways through the catalogue that meet models in the order of a page.

An index that begins with another field has the models of each of its values in the order of their
URIs. So where what matches is far from the beginning of the whole, as models of one team are when
the URIs name the teams, it is near to that of such a way.
"""

from typing import LiteralString, NamedTuple, cast

from pinakes.catalog.listing import ModelListing
from pinakes.postgres.along import Along
from pinakes.postgres.candidates import beginning_of, conjuncts
from pinakes.postgres.leaps import leaping
from pinakes.postgres.values import Values, given, of_column
from pinakes.postgres.where import COLUMNS, Bindings, compare
from pinakes.query.conditions import Column, Comparison, Metric, Operator, Tag

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

RANGES = (Operator.LESS, Operator.GREATER, Operator.AT_MOST, Operator.AT_LEAST)

SELECTIVE = (Operator.EQUAL, Operator.CONTAINS)
"""What opens a way also beside other comparisons."""

HEADS = 10_000
"""Keys that are merged where there are several values, as many of each as are needed."""


class Way(NamedTuple):
    """Models, and what they are to be sorted by, if anything: else they come in the right order.

    ``ends``, where it is written, says whether these are all that there are on the way.
    """

    models: LiteralString
    order: LiteralString = ""
    ends: LiteralString = ""


WaysByName = dict[LiteralString, Way]


class Ways:
    """The ways that a condition opens, by their names, and what these refer to.

    Straight ones read models where they meet them, others find each by its key: four times as dear.
    Those that are tried late, after a walk, take longer until they meet the first.
    """

    def __init__(
        self, listing: ModelListing, along: Along, values: Values, bindings: Bindings
    ) -> None:
        self.definitions: list[LiteralString] = []
        self.straight: WaysByName = {}
        self.others: WaysByName = {}
        self.late: WaysByName = {}
        self._along = along
        self._limit = listing.size + 1
        self._values = values
        self._bindings = bindings
        needed = [*conjuncts(listing.condition)]
        is_alone = len(needed) == 1
        is_all = is_alone and listing.projects is None
        self._head = self._limit if is_all else self._limit + SHORT
        if listing.projects and along.is_of_one and along.column is Column.URI:
            self._add(self.others, self._of_projects(sorted(listing.projects)))
        for one in needed if along.is_of_one else ():
            if isinstance(one, Comparison) and self._count() < MAX_WAYS:
                self._open(one, is_alone=is_alone)

    def _open(self, comparison: Comparison, *, is_alone: bool) -> None:
        field, operator, column = comparison.field, comparison.operator, self._along.column
        if isinstance(field, Metric) or not (is_alone or operator in SELECTIVE):
            return
        if field is column:
            if operator is Operator.CONTAINS and is_alone:
                self._add(self.late, self._of_first(self._values.meeting(comparison)))
        elif field is Column.URI:
            if operator in RANGES:
                self._add(self.others, self._of_range(comparison))
        elif column is not Column.URI:
            self._add(self.late, self._leaping(field, comparison))
        elif operator is Operator.EQUAL:
            self._through_one(field, comparison)
        else:
            self._add(self.others, self._of_several(field, comparison))

    def _through_one(self, field: Column | Tag, comparison: Comparison) -> None:
        """Open the way through the models of one value: an index has them in the order."""
        has = self._has(field, self._bindings.add(comparison.value))
        most = self._bindings.add(self._limit + SHORT)
        rest = f"from {has} and {self._along.behind} order by {self._along.order} limit {most}"
        ends = f"(select count(*) from (select {rest}) as rest) < {most}"
        if isinstance(field, Column):
            self._add(self.straight, Way(f"select * {rest}", self._along.order, ends))
        else:
            way = self._by_keys(f"select uri, project {rest}")
            self._add(self.others, way._replace(ends=ends))

    def _of_several(self, field: Column | Tag, comparison: Comparison) -> Way:
        """Write the way through the models of several values, unless these are too many."""
        several, are_few = self._define_several(comparison, HEADS // self._head)
        select = f"select distinct value from {several} where {are_few}"
        return self._by_keys(self._heads(field, select))

    def _of_projects(self, projects: list[str]) -> Way:
        """Write the way through the models of some projects."""
        present = given(projects, self._bindings)
        return self._by_keys(self._heads(Column.PROJECT, f"select value from {present}"))

    def _of_first(self, present: LiteralString, wanted: LiteralString = "true") -> Way:
        """Write the way through the models of the first values, which come first in the order."""
        select = (
            f"select distinct value from {present} where {self._along.from_here} order by value"
            f" {self._along.direction} limit {self._bindings.add(HEADS // self._head)}"
        )
        return self._by_keys(self._heads(self._along.column, select, wanted))

    def _of_range(self, comparison: Comparison) -> Way:
        """Write the way through a range of the URIs that each first value of the order has."""
        is_met = compare("uri", comparison.operator, self._bindings.add(comparison.value))
        return self._of_first(of_column(self._along.column), is_met)

    def _leaping(self, field: Column | Tag, comparison: Comparison) -> Way:
        """Write the way from one model of some values to the next, unless these are too many."""
        most = 2 * (self._limit + SHORT)  # keys, for each model one of its values and one behind it
        several, are_few = self._define_several(comparison, most // (2 * self._limit))

        def asked(place: LiteralString, page: LiteralString) -> LiteralString:
            return (
                f"select here.* from {several} cross join lateral (select uri, project"
                f" from {self._has(field, f'{several}.value')} and {place} {page}) as here {page}"
            )

        leaps = f"(select {self._bindings.add(most)} / (1 + count(*)) from {several})"
        keys = f"{leaping(self._along, asked, are_few)} limit {leaps}"
        # In the order of the page as it is made, and found so: each key is looked up by itself.
        return Way(self._by_keys(keys).models)

    def _define_several(
        self, comparison: Comparison, most: int
    ) -> tuple[LiteralString, LiteralString]:
        """Define the values that meet a comparison; write their name, and that they are few."""
        # of our own making, but for the number
        name = cast("LiteralString", f"several_{len(self.definitions)}")
        present = self._values.meeting(comparison)
        few = self._bindings.add(most)
        self.definitions.append(
            f"{name} as materialized (select value from {present} limit {few} + 1)"
        )
        return name, f"(select count(*) from {name}) <= {few}"

    def _heads(
        self, field: Column | Tag, present: LiteralString, wanted: LiteralString = "true"
    ) -> LiteralString:
        """Write the first keys out of those that each value has first: a page, if all match.

        What is kept of a model that had another value may have it among them twice.
        """
        page = f"order by {self._along.order} limit {self._bindings.add(self._head)}"
        return (
            "select distinct uri, project from (select here.uri, here.project"
            f" from ({present}) as present (value) cross join lateral (select {self._along.columns}"
            f" from {self._has(field, 'present.value')} and {wanted} and {self._along.behind}"
            f" {page}) as here {page}) as heads"
        )

    def _by_keys(self, keys: LiteralString) -> Way:
        models: LiteralString = (
            f"select * from ({keys}) as found (found_uri, found_project) cross join lateral {FOUND}"
        )
        return Way(models, _order_of_keys(self._along))

    def _add(self, ways: WaysByName, way: Way) -> None:
        # of our own making, but for the number
        ways[cast("LiteralString", f"way_{self._count()}")] = way

    def _count(self) -> int:
        return len(self.straight) + len(self.others) + len(self.late)

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
