"""What holds for every search among 200,000 models: it reads no more than a fixed budget.

Counted are PostgreSQL's buffers and the rows that it looks at, not seconds, so that a cliff shows
on any machine. How fast that is at a million stands in decision 0028. A statement is prepared, and
PostgreSQL may plan it for its values or, from the sixth time on, once for all values: both hold.
"""

import asyncio
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.sql import SQL, Literal

from conditions import SPELLINGS
from parts import SCHEMA, new_database
from pinakes.catalog.listing import Direction, ModelListing, Order, total_order
from pinakes.postgres.migrate import migrate
from pinakes.postgres.migrate.migration import SHIPPED
from pinakes.postgres.pages import MAX_PROJECTS, narrowed
from pinakes.postgres.pool import SESSION
from pinakes.postgres.shapes import Selects
from pinakes.query.conditions import Column
from pinakes.query.parser import parse

SEED = Path(__file__).parent.parent / "fixtures" / "many_models.sql"
PAGE = 20

NOTHING = 1_000
"""Buffers to learn that nothing meets a comparison."""

RARE = 25_000
"""Buffers where in each alternative there is a comparison that at most 1,000 models meet: to find a
model by its key costs six or so."""

ANY = 60_000
"""Buffers where any number of models meet a comparison: 10,000 are found by their keys, at most."""

MOST_ROWS = 50_000
"""Rows that any part of a plan may look at: a quarter of the models."""

ALL_IN_INDEX = 200_000
"""Rows for a part of URIs that many have, no more than MOST_ROWS of them models themselves: an
index tells ten rows in the time of a model."""

READING = {"Seq Scan", "Sample Scan", "Index Scan", "Bitmap Heap Scan"}
"""The parts of a plan that read rows themselves, and not what an index has of them."""

COMMON: Mapping[str, Sequence[str]] = {
    "URI": ("gs://ads/project-1/model-17", "gs://vision/", "gs://risk/project-4/", "000"),
    "name": ("model-0", "model-17", "model-4", "model-7999", "odel-12"),
    "version": ("1.1.0", "1.50.0", "1.9", ".7"),
    "project": ("project-0", "project-1", "project-39", "ject-2"),
    "artifact_type": ("SKLEARN", "ONNX", "CUSTOM", "X"),
    "task_type": ("classification", "ranking", "ing", "r"),
    "tags[env]": ("prod", "dev", "d"),
    "tags[team]": ("risk", "ads", "speech", "s"),
    "tags[owner]": ("user0", "user7", "user499", "er1"),
    "tags[ticket]": ("ML-100", "ML-5", "-77"),
}
"""Values of texts, and parts of them."""

NOWHERE = ("", "!", "~~~~", "no-such-thing")
NUMBERS = ("-1", "0", "0.001", "0.5", "0.87", "0.999", "1", "2", "99.9", "101")
METRICS = ("accuracy", "latency", "drift", "absent")
ORDERED = ("=", "!=", "<", ">", "<=", ">=")

TOLD_BY_URI = (
    "tags[team] = ads",
    "tags[team] = vision",
    "tags[team] != ads",
    "tags[team] > search",
    "tags[team] < fraud",
    "tags[team] % h",
    "project = project-0",
    "project = project-9",
    "project > project-8",
    "project % -9",
    "URI > gs://vision/project-2",
    "URI < gs://ads/project-1",
    "URI % project-9",
)
"""Comparisons whose matches lie together where models are sorted by their URIs, which they are for
each value of another field that is ordered by."""

COMMON_PART = "URI % vision/"
"""Of this kind, too: but all of an index may have to be read until the first of them."""

INDEX = 5_000
"""Buffers to read one index from end to end, without any model."""

FEW_MEET = (
    "name = model-17",
    "name % model-799",
    "URI = gs://ads/project-1/no-such",
    "tags[gdpr] = reviewed",
    "tags[gdpr] != reviewed",
    "tags[ticket] = ML-100",
    "tags[ticket] > ML-9999",
    "tags[owner] % no-such-thing",
    "tags[absent] >= x",
    "metrics[drift] > 0.5",
    "metrics[accuracy] > 0.997",
    "metrics[latency] < 0.2",
    "metrics[accuracy] < 0",
    "project = no-such-thing",
)
"""Comparisons that at most 1,000 models meet."""


PROJECTS: Sequence[frozenset[str] | None] = (
    None,
    frozenset({"project-39"}),
    frozenset({"project-3", "project-17"}),
    frozenset(f"project-{number}" for number in range(MAX_PROJECTS + 1)),
    frozenset({"no-such-thing"}),
)
"""What a caller may read: all, little, of more projects than are walked side by side, nothing. To
read a single one that has much is as to ask for it, by AND, beside what is asked for."""


def comparisons() -> st.SearchStrategy[str]:
    fields = st.sampled_from(list(COMMON))
    of_text = fields.flatmap(
        lambda field: st.builds(
            "{} {} {}".format,
            st.just(field),
            st.sampled_from((*ORDERED, "%", "%")),
            st.sampled_from((*COMMON[field], *NOWHERE)).map(lambda value: f'"{value}"'),
        )
    )
    of_numbers = st.builds(
        "metrics[{}] {} {}".format,
        st.sampled_from(METRICS),
        st.sampled_from(ORDERED),
        st.sampled_from(NUMBERS),
    )
    return of_text | of_numbers


def joins() -> st.SearchStrategy[str]:
    """Write up to four comparisons, at most 1,000 models meeting one of each alternative."""
    few = st.sampled_from(FEW_MEET)
    every = st.tuples(few, st.lists(comparisons(), min_size=1, max_size=3)).flatmap(
        lambda drawn: st.permutations([drawn[0], *drawn[1]]).map(" AND ".join)
    )
    either = st.lists(few, min_size=2, max_size=4).map(" OR ".join)
    two = st.builds("({} AND {}) OR ({} AND {})".format, few, comparisons(), comparisons(), few)
    of_either = st.builds("({} OR {} OR {}) AND {}".format, few, few, few, comparisons())
    return every | either | two | of_either


@dataclass(frozen=True)
class Asked:
    """A page that somebody asks for: in which order, the first one or from the middle, of what."""

    order: tuple[Order, ...]
    is_deep: bool
    projects: frozenset[str] | None

    def of(self, connection: psycopg.Connection, query: str) -> ModelListing:
        """Ask for it of what meets a query."""
        return ModelListing(
            condition=parse(query),
            projects=self.projects,
            order=self.order,
            after=middle_of(connection, self.order) if self.is_deep else None,
            size=PAGE,
        )


def asked_pages() -> st.SearchStrategy[Asked]:
    one = st.builds(Order, st.sampled_from(list(SPELLINGS)), st.sampled_from(Direction))
    orders = (st.none() | one).map(lambda order: total_order([order] if order else []))
    return st.builds(Asked, orders, st.booleans(), st.sampled_from(PROJECTS))


def ordered(query: str, column: Column, direction: Direction) -> ModelListing:
    order = total_order([Order(column, direction)])
    return ModelListing(condition=parse(query), order=order, size=PAGE)


@pytest.fixture(scope="module")
def catalogue(
    postgres: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[psycopg.Connection]:
    """A connection to a catalogue of 200,000 models, which were there before search was."""
    conninfo = new_database(postgres)
    first = tmp_path_factory.mktemp("migrations")
    shutil.copy(str(SHIPPED / "0001_models.pre.sql"), first)
    asyncio.run(migrate(conninfo, SCHEMA, folder=first))
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(SEED.read_bytes())
        asyncio.run(migrate(conninfo, SCHEMA))
        connection.execute("vacuum analyze")
        connection.execute(SESSION.encode())
        yield connection


SELECTS = Selects(SCHEMA)
PLANNED = ("force_custom_plan", "force_generic_plan")
KINDS = st.sampled_from(PLANNED)
TYPES: Mapping[type[object], str] = {str: "text", float: "float8", list: "text[]"}

in_every_order = pytest.mark.parametrize(
    ("column", "direction", "kind"),
    [*product(SPELLINGS, Direction, PLANNED)],
    ids=lambda value: getattr(value, "value", value),
)

SETTINGS = settings(
    max_examples=500,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@given(query=comparisons(), page=asked_pages(), kind=KINDS)
@SETTINGS
def test_a_comparison_costs_no_more_than_its_budget(
    catalogue: psycopg.Connection, query: str, page: Asked, kind: str
) -> None:
    plan = plan_of(catalogue, kind, page.of(catalogue, query))
    if page.is_deep and plan["Actual Rows"] <= PAGE:
        return  # the last page of a wide search may look at all models, once in a walk
    assert models_of(plan) <= MOST_ROWS
    assert rows_of(plan) <= (ALL_IN_INDEX if query.startswith("URI %") else MOST_ROWS)
    may_be_met = plan["Actual Rows"] or page.projects is not None  # in others
    assert buffers_of(plan) <= (ANY if may_be_met else NOTHING)


@in_every_order
def test_what_the_uris_tell_costs_no_more_in_any_order(
    catalogue: psycopg.Connection, column: Any, direction: Direction, kind: str
) -> None:
    for query in TOLD_BY_URI:
        plan = plan_of(catalogue, kind, ordered(query, column, direction))
        assert rows_of(plan) <= MOST_ROWS, query
        assert buffers_of(plan) <= ANY, query


@in_every_order
def test_a_part_that_many_uris_have_costs_no_more_than_an_index(
    catalogue: psycopg.Connection, column: Any, direction: Direction, kind: str
) -> None:
    listing = ordered(COMMON_PART, column, direction)
    assert buffers_of(plan_of(catalogue, kind, listing)) <= INDEX


@given(query=joins(), page=asked_pages(), kind=KINDS)
@SETTINGS
def test_a_join_costs_no_more_than_its_budget(
    catalogue: psycopg.Connection, query: str, page: Asked, kind: str
) -> None:
    plan = plan_of(catalogue, kind, page.of(catalogue, query))
    assert rows_of(plan) <= MOST_ROWS
    assert buffers_of(plan) <= RARE


@pytest.mark.parametrize("names", [{"project-0"}, {"project-0", "project-1"}])
@pytest.mark.parametrize("kind", PLANNED)
def test_who_may_read_what_is_last_by_uri_finds_it_as_others_find_theirs(
    catalogue: psycopg.Connection, names: set[str], kind: str
) -> None:
    order = total_order([Order(Column.URI, Direction.DESCENDING)])
    condition = parse("tags[env] = prod")
    listing = ModelListing(condition=condition, projects=frozenset(names), order=order, size=PAGE)
    plan = plan_of(catalogue, kind, listing)
    assert rows_of(plan) <= MOST_ROWS
    assert buffers_of(plan) <= RARE


def test_one_of_what_is_joined_is_found_beside_alternatives_without_end(
    catalogue: psycopg.Connection,
) -> None:
    others = " OR ".join(f"tags[owner] != user{number}" for number in range(70))
    condition = parse(f"({others}) AND {FEW_MEET[0]}")
    plan = plan_of(catalogue, "force_custom_plan", ModelListing(condition=condition, size=PAGE))
    assert rows_of(plan) <= MOST_ROWS
    assert buffers_of(plan) <= RARE


@pytest.mark.parametrize("most", [7, 65, 200])
def test_however_many_are_joined_the_one_that_few_meet_is_found(
    catalogue: psycopg.Connection, most: int
) -> None:
    others = [f"tags[owner] != user{number}" for number in range(1, most)]
    condition = parse(" AND ".join([*others, FEW_MEET[0]]))
    plan = plan_of(catalogue, "force_custom_plan", ModelListing(condition=condition, size=PAGE))
    assert rows_of(plan) <= MOST_ROWS
    assert buffers_of(plan) <= RARE


@pytest.mark.parametrize(
    "query", ["tags[team] = ads", "URI < gs://ads/zzz", "tags[ticket] > ML-9 AND name % 99"]
)
@pytest.mark.parametrize("kind", PLANNED)
def test_a_page_behind_all_that_is_met_costs_no_more(
    catalogue: psycopg.Connection, query: str, kind: str
) -> None:
    after = ("gs://vision/project-9/model-999/0", "project-9")
    listing = ModelListing(condition=parse(query), size=PAGE, after=after)
    plan = plan_of(catalogue, kind, listing)
    assert plan["Actual Rows"] <= PAGE
    assert rows_of(plan) <= MOST_ROWS


@in_every_order
def test_a_page_from_the_middle_costs_what_the_first_costs(
    catalogue: psycopg.Connection, column: Any, direction: Direction, kind: str
) -> None:
    listing = ModelListing(order=total_order([Order(column, direction)]), size=PAGE)
    first = plan_of(catalogue, kind, listing)
    after = middle_of(catalogue, listing.order)
    deep = plan_of(catalogue, kind, replace(listing, after=after))
    assert deep["Actual Rows"] == first["Actual Rows"] == PAGE + 1
    assert buffers_of(deep) <= 2 * buffers_of(first)


Plan = dict[str, Any]


def plan_of(connection: psycopg.Connection, kind: str, listing: ModelListing) -> Plan:
    """Run a search as it is run when it was prepared, by a plan of one of two kinds."""
    statement, bound = SELECTS.of(narrowed(listing))
    values = statement.arranged(bound)
    types = ", ".join(TYPES[type(value)] for value in values)
    connection.execute(f"set plan_cache_mode = {kind}; deallocate all".encode())
    connection.execute(b"prepare page%b as %b" % (in_brackets(types), statement.text))
    run = SQL("explain (analyze, buffers, timing off, format json) execute page{}").format(
        SQL("({})").format(SQL(", ").join(map(Literal, values))) if values else SQL("")
    )
    row = connection.execute(run).fetchone()
    assert row
    plan: Plan = row[0][0]["Plan"]
    return plan


def in_brackets(types: str) -> bytes:
    return f"({types})".encode() if types else b""


@cache
def middle_of(connection: psycopg.Connection, order: tuple[Order, ...]) -> tuple[str, ...]:
    columns = ", ".join(item.column.value for item in order)
    by = ", ".join(f"{item.column.value} {item.direction.value}" for item in order)
    query = f"select {columns} from pinakes.models order by {by} offset 100000 limit 1"  # noqa: S608 - ours
    row = connection.execute(query.encode()).fetchone()
    assert row
    return row


def buffers_of(plan: Plan) -> int:
    """Count the buffers that a plan has read, from memory or not."""
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]


def rows_of(plan: Plan) -> int:
    """Find the most rows that any part of a plan has looked at."""
    return max([looked_at(plan), *map(rows_of, plan.get("Plans", []))])


def models_of(plan: Plan) -> int:
    """Find the most rows that any part of a plan has read themselves."""
    here = looked_at(plan) if plan["Node Type"] in READING else 0
    return max([here, *map(models_of, plan.get("Plans", []))])


def looked_at(plan: Plan) -> int:
    removed = plan.get("Rows Removed by Filter", 0)
    return round((plan["Actual Rows"] + removed) * plan["Actual Loops"])
