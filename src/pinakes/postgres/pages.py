"""Compose the SELECT of one page of models: filtered, in a total order, behind a position.

Pages are found by the place where the last one ended, never by counting: a walk during inserts and
deletes meets every entry that stays exactly once, and the last page costs what the first does.

Where models are looked for, the statement itself finds out how, by what it meets (decision 0028):
one after the other it tries what is cheap where much matches and what is cheap where little does.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from math import prod
from typing import LiteralString, cast

from pinakes.catalog.listing import ModelListing
from pinakes.postgres.along import KEY, Along
from pinakes.postgres.candidates import (
    APART,
    FEW,
    HANDFUL,
    MANY,
    Candidates,
    Source,
    comparisons,
    conjuncts,
    in_turn,
    names_uri,
)
from pinakes.postgres.statements import quoted
from pinakes.postgres.values import Values
from pinakes.postgres.ways import FIELDS, FOUND, Way, Ways, WaysByName
from pinakes.postgres.where import COLUMNS, Bindings, Value, compare, where
from pinakes.query.conditions import Both, Column, Comparison, Operator

STRETCH = 250
"""Models that are looked at before an index is asked, beyond those that would fill the page."""

WALK = 4000
"""Models that are walked over where neither few candidates nor a quick way has filled the page."""

LONG_WALK = 1000
"""Models that are walked over at last for each of the page: ten times as many as there would be
between those that match, were they spread evenly over a million."""

MAX_WALK = 100_000
"""From here on it is cheaper to look at every model, in the order of the disk, and to sort."""

IN_INDEX = 10
"""So many times as many are walked over where an index holds all that is looked at."""

MAX_LEGS = 4
"""Ranges of an index that are walked side by side."""

MAX_PROJECTS = 32
"""Projects whose models are walked side by side."""

SAMPLE: LiteralString = "tablesample system (0.1) repeatable (0) limit 1000"
"""A thousand models of a million, wherever they are: half a millisecond. Fewer of fewer, where the
index below is short."""

COMMON: LiteralString = "40"
"""How many of a sample match, one in twenty-five of a million, that no index is asked which models
have a part of a text: it reads to the end what it has of each part, for longer than it takes to
walk through all of the order."""

Sources = Mapping[LiteralString, Source]
Try = tuple[LiteralString, LiteralString]
"""What must hold, and the name of what is then taken."""


def select_page(listing: ModelListing, schema: str) -> tuple[bytes, Mapping[str, Value]]:
    """Write the SELECT of a page and one row more, which tells whether others follow."""
    page = _Page(listing)
    return page.select().replace("{schema}", quoted(schema)).encode(), page.bindings.values


def narrowed(listing: ModelListing) -> ModelListing:
    """Ask for the one project that a caller may read as everybody can: an index has its models.

    A list of all that he may read needs no search.
    """
    if listing.projects is None or len(listing.projects) != 1 or listing.condition is None:
        return listing
    [project] = listing.projects
    asked = Comparison(Column.PROJECT, Operator.EQUAL, project)
    return replace(listing, condition=Both(asked, listing.condition), projects=None)


class _Page:
    def __init__(self, listing: ModelListing) -> None:
        self.bindings = Bindings()
        self._values = Values(self.bindings)
        self._listing = listing
        self._condition = listing.condition
        self._projects = None if listing.projects is None else sorted(listing.projects)
        self._along = Along(listing, self.bindings)
        self._size = listing.size
        self._limit: LiteralString = self.bindings.add(listing.size + 1)
        self._wanted: LiteralString = self._write_wanted()
        self._first_of_order: LiteralString = f"order by {self._along.order} limit {self._limit}"
        self._ranges = self._find_ranges()
        self._is_in_index = self._find_whether_in_index()

    def select(self) -> LiteralString:
        """Write how the page is found."""
        if self._condition is None and self._projects is None:
            return self._walk()
        if self._condition is None and self._projects and self._are_sorted_by_project():
            return self._walk_projects(self._projects)
        if self._condition is not None and names_uri(self._condition):
            return self._walk()  # planned in a tenth of the time that a search takes
        candidates = Candidates(self._along, self._values, self.bindings)
        sources = self._find_sources(candidates)
        return self._search(sources, candidates.definitions) if sources else self._walk()

    def _walk(self) -> LiteralString:
        return self._in_order(FIELDS, self._wanted, self._limit)

    def _walk_projects(self, projects: list[str]) -> LiteralString:
        """Write a page out of the first models of each project."""
        keys: LiteralString = (
            f"select here.uri, here.project from unnest({self.bindings.add(projects)}::text[])"
            " as given (project) cross join lateral (select uri, project from {schema}.models"
            f" where project = given.project and {self._along.behind} {self._first_of_order})"
            f" as here {self._first_of_order}"
        )
        return self._models_of(keys, [])

    def _search(self, sources: Sources, leaves: Sequence[LiteralString]) -> LiteralString:
        """Write a search, by the first of its tries that turns out to be a good one.

        What is not read of a common table expression is never looked for.
        """
        ways = Ways(self._listing, self._along, self._values, self.bindings)
        walks = self._walks(ways)
        defined: list[LiteralString] = [
            f"{name} as materialized ({self._filter(way)})" for name, way in walks.items()
        ]
        decision = self._decide(sources, ways, walks)
        pages: list[LiteralString] = [
            *(_taken(f"select uri, project from {name}", name) for name in walks),
            self._fetch(sources),
            *([] if self._is_in_index else [self._look_at_all()]),
        ]
        return self._models_of(
            " union all ".join(pages),
            [
                *self._values.definitions,
                *ways.definitions,
                *leaves,
                *defined,
                f"decision as materialized ({decision})",
            ],
        )

    def _walks(self, ways: Ways) -> WaysByName:
        """Find the ways along the order of the page, by the names of their tries.

        What a stretch meets a straight way does: whatever matches is as dense there, or denser.
        """
        return {
            **({} if ways.straight else {"stretch": self._first(self._beyond(STRETCH))}),
            **ways.straight,
            **ways.others,
            **ways.late,
            "walk": self._first(self._beyond(WALK)),
            **({"index": self._index()} if self._is_in_index else {"long_walk": self._long_walk()}),
        }

    def _decide(self, sources: Sources, ways: Ways, walks: WaysByName) -> LiteralString:
        """Write the name of the try to take; each is made only when those before it failed."""
        tries: list[Try] = [
            *self._filling(walks, "stretch"),
            *self._where_common(),
            *self._holding(sources, HANDFUL),
            *self._filling(ways.straight),
            *self._holding(sources, FEW),
            *self._filling(ways.others),
            *self._filling(walks, "walk"),
            *self._filling(ways.late),
            *self._holding(sources, MANY),
            *self._filling(walks, "long_walk"),
        ]
        cases: LiteralString = " ".join([f"when {good} then '{name}'" for good, name in tries])
        last: LiteralString = "index" if self._is_in_index else "all"
        return f"select case {cases} else '{last}' end as taken"

    def _where_common(self) -> list[Try]:
        """Write that it need not be asked which URIs have a part, where many do."""
        asked = [(one.field, one.operator) for one in comparisons(self._condition)]
        is_dear = (Column.URI, Operator.CONTAINS) in asked and self._is_in_index
        return [(self._is_common(), "index")] if is_dear else []

    def _is_common(self) -> LiteralString:
        """Write that so many of a sample match."""
        sampled = f"select * from {{schema}}.models {SAMPLE}"
        met = f"select from ({sampled}) as models where {self._wanted} limit {COMMON}"
        return f"(select count(*) from ({met}) as met) = {COMMON}"

    def _holding(self, sources: Sources, most: LiteralString) -> list[Try]:
        return [(source.holds(most), name) for name, source in sources.items()]

    def _filling(self, ways: WaysByName, *names: LiteralString) -> list[Try]:
        """Write that ways, all or those of some names, have met a page, or all there is."""
        return [(self._fills(name, ways[name]), name) for name in names or ways if name in ways]

    def _fills(self, name: LiteralString, way: Way) -> LiteralString:
        met = f"(select count(*) from {name}) = {self._limit}"
        return f"({met} or {way.ends})" if way.ends else met

    def _fetch(self, sources: Sources) -> LiteralString:
        """Write the page as the source that holds all has it."""
        keys: LiteralString = " union all ".join(
            [_taken(source.keys(), name) for name, source in sources.items()]
        )
        return (
            f"(select uri, project from (select distinct uri, project from ({keys}) as known)"
            f" as found (found_uri, found_project) cross join lateral {FOUND}"
            f" where {self._wanted} and {self._along.behind} {self._first_of_order})"
        )

    def _look_at_all(self) -> LiteralString:
        """Write the page as all models have it, in the order of the disk."""
        return (
            f"(select uri, project from (select {self._along.columns} from {{schema}}.models"
            f" where {self._wanted} and {self._along.behind} offset 0) as models"
            f" where (select taken from decision) = 'all' {self._first_of_order})"
        )

    def _filter(self, way: Way) -> LiteralString:
        """Write the keys of the page as far as a way holds it."""
        order: LiteralString = f"order by {way.order}" if way.order else ""
        return (
            f"select uri, project from ({way.models}) as models where {self._wanted}"
            f" {order} limit {self._limit}"
        )

    def _first(self, most: int) -> Way:
        """Write a walk over so many models."""
        models = self._in_order("*", "true", self.bindings.add(most))
        return Way(models, self._along.order, self._ends(most))

    def _ends(self, most: int) -> LiteralString:
        """Write that no more than so many are left; on the first page that is hardly ever so."""
        if self._listing.after is None or not self._along.is_of_one:
            return ""
        rest = self._in_order(self._along.columns, "true", self.bindings.add(most + 1))
        return f"(select count(*) from ({rest}) as rest) <= {self.bindings.add(most)}"

    def _long_walk(self) -> Way:
        return self._first(min(LONG_WALK * (self._size + 1), MAX_WALK))

    def _beyond(self, most: int) -> int:
        """Say how many are walked over in the time of a page and so many models."""
        return self._size + 1 + (most * IN_INDEX if self._is_in_index else most)

    def _index(self) -> Way:
        """Write a walk to the end of an index that tells all that is asked for."""
        return Way(self._in_order("*", self._wanted, self._limit), self._along.order)

    def _find_whether_in_index(self) -> bool:
        """Say whether the index that has the order tells all that is asked for."""
        asked = {comparison.field for comparison in comparisons(self._condition)}
        return self._along.is_of_one and asked <= {self._along.column, *KEY}

    def _in_order(
        self, fields: LiteralString, wanted: LiteralString, limit: LiteralString
    ) -> LiteralString:
        """Write the first models in the order that are wanted and behind the page before."""
        page = f"order by {self._along.order} limit {limit}"
        selects: list[LiteralString] = [
            f"select {fields} from {{schema}}.models"
            f" where {in_range} and {wanted} and {self._along.behind} {page}"
            for in_range in self._ranges
        ]
        if len(selects) == 1:
            return selects[0]
        joined: LiteralString = " union all ".join([f"({select})" for select in selects])
        return f"select * from ({joined}) as models {page}"

    def _models_of(self, keys: LiteralString, defined: Sequence[LiteralString]) -> LiteralString:
        """Write the models that have the keys of a page."""
        all_defined = ", ".join([*defined, f"page as materialized ({keys})"])
        return (
            f"with {all_defined} select models.*"
            f" from page as found (found_uri, found_project) cross join lateral {FOUND}"
            f" order by {self._along.order}"
        )

    def _find_sources(self, candidates: Candidates) -> Sources:
        """Find sources each of which holds all that is looked for, by a name for each."""
        known = [] if self._projects is None else [candidates.of_projects(self._projects)]
        known += candidates.of_each(in_turn(conjuncts(self._condition)))
        # of our own making, but for the number
        return {cast("LiteralString", f"source_{n}"): source for n, source in enumerate(known)}

    def _write_wanted(self) -> LiteralString:
        wanted: list[LiteralString] = ["true"]
        if self._projects is not None:
            wanted.append(f"project = any({self.bindings.add(self._projects)})")
        if self._condition is not None:
            wanted.append(where(self._condition, self.bindings))
        return " and ".join(wanted)

    def _are_sorted_by_project(self) -> bool:
        """Say whether an index has the models of each single project in the order of the page."""
        is_in_index = self._along.is_of_one and self._along.column in KEY
        return is_in_index and len(self._projects or []) <= MAX_PROJECTS

    def _find_ranges(self) -> list[LiteralString]:
        """Find where in the order anything can match at all: the rest would be walked in vain."""
        choices = [*self._choices()]
        while prod(len(choice) for choice in choices) > MAX_LEGS:
            choices.pop()
        return [" and ".join(["true", *leg]) for leg in product(*choices)]

    def _choices(self) -> Iterator[Sequence[LiteralString]]:
        """Find what must hold of the column that the order is by, alternatives each."""
        for condition in conjuncts(self._condition):
            match condition:
                case Comparison(self._along.column, operator, value) if (
                    operator is not Operator.CONTAINS
                ):
                    operators = APART if operator is Operator.NOT_EQUAL else [operator]
                    placed = self.bindings.add(value)
                    column = COLUMNS[self._along.column]
                    yield [compare(column, operator, placed) for operator in operators]
                case _:
                    pass


def _taken(keys: LiteralString, name: LiteralString) -> LiteralString:
    """Write keys of a page, if they are those to take."""
    return f"select * from ({keys}) as keys where (select taken from decision) = '{name}'"
