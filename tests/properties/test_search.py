"""What holds for every search, whichever of its tries finds the page."""

import asyncio
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import product, starmap

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conditions import SPELLINGS, comparisons, conditions, models
from memory_store import MemoryStore
from parts import SCHEMA
from pinakes.catalog.listing import Direction, ModelListing, Order, total_order
from pinakes.catalog.model import ArtifactType, Model, ModelKey
from pinakes.catalog.revision import Change
from pinakes.catalog.store import Store
from pinakes.postgres import candidates, pages, ways
from pinakes.postgres.pool import Pool
from pinakes.postgres.statement import numbered
from pinakes.postgres.store import PostgresStore
from pinakes.query.conditions import Column, Comparison, Operator, Tag

LONG: Mapping[str, object] = {"STRETCH": 0, "WALK": 0, "HANDFUL": "0", "FEW": "0"}
BOUNDS: Mapping[str, Mapping[str, object]] = {
    "as they are": {},
    "a few candidates": {"STRETCH": 0},
    "other ways": LONG | {"MANY": "0", "LONG_WALK": 0},
    "ways of few values": LONG | {"MANY": "0", "LONG_WALK": 0, "HEADS": 4, "SHORT": 1},
    "many candidates": LONG | {"MAX_WAYS": 0},
    "candidates of some": LONG | {"MAX_WAYS": 0, "FEW": "2", "MANY": "4"},
    "all of an index for common parts": {"STRETCH": 0, "SAMPLE": "limit 9", "COMMON": "1"},
    "a long walk": LONG | {"MAX_WAYS": 0, "MANY": "0"},
    "all models": LONG | {"MAX_WAYS": 0, "MANY": "0", "LONG_WALK": 0},
    "more comparisons than leaves": {"MAX_LEAVES": 2},
}
"""What the bounds are made, so that this try has the most to do, by what is tried."""


@contextmanager
def bounded_by(bounds: Mapping[str, object]) -> Generator[None]:
    """Have the bounds of a search be others."""
    with pytest.MonkeyPatch.context() as patch:
        for name, bound in bounds.items():
            for module in (candidates, pages, ways):
                if hasattr(module, name):
                    patch.setattr(module, name, bound)
        yield


def orders() -> st.SearchStrategy[tuple[Order, ...]]:
    one = st.builds(Order, st.sampled_from(list(SPELLINGS)), st.sampled_from(Direction))
    several = st.lists(one, min_size=2, max_size=3, unique_by=lambda item: item.column)
    return (st.just([]) | one.map(lambda order: [order]) | several).map(total_order)


def listings() -> st.SearchStrategy[ModelListing]:
    return st.builds(
        ModelListing,
        condition=st.none() | comparisons() | comparisons() | conditions(),
        projects=st.none()
        | st.none()
        | st.frozensets(st.sampled_from(["default", "a", "b", "none"])),
        order=orders(),
        size=st.integers(1, 4),
    )


@given(
    catalogue=st.lists(models(), min_size=5, max_size=20, unique_by=lambda model: model.key),
    asked=st.lists(listings(), min_size=12, max_size=12),
    bounds=st.sampled_from(list(BOUNDS)),
)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
def test_every_try_finds_the_pages_that_the_oracle_finds(
    fresh_database: str, catalogue: list[Model], asked: list[ModelListing], bounds: str
) -> None:
    with bounded_by(BOUNDS[bounds]):
        found, expected = asyncio.run(_walks(fresh_database, catalogue, asked))
    assert found == expected


Walk = list[list[ModelKey]]


async def _walks(
    conninfo: str,
    catalogue: Sequence[Model],
    asked: Sequence[ModelListing],
    then: Sequence[bytes] = (),
) -> tuple[list[Walk], list[Walk]]:
    async with Pool(lambda: conninfo) as pool:
        async with pool.connection() as channel:
            await channel.execute(numbered(b"truncate pinakes.models"), {})
        stores = PostgresStore(pool, SCHEMA), MemoryStore()
        for store in stores:
            await _fill(store, catalogue)
        async with pool.connection() as channel:
            for statement in then:
                await channel.execute(numbered(statement), {})
        found, expected = [[await _walk(store, one) for one in asked] for store in stores]
        return found, expected


async def _fill(store: Store, catalogue: Sequence[Model]) -> None:
    for model in catalogue:
        await store.create_model(model, Change(actor="test", door="test"))


async def _walk(store: Store, listing: ModelListing) -> Walk:
    page = await store.list_models(listing)
    walked = [[model.key for model in page.models]]
    while page.more:
        listing = replace(listing, after=listing.position_of(page.stored[-1]))
        page = await store.list_models(listing)
        walked.append([model.key for model in page.models])
    return walked


SHARED = [
    Model(
        uri=f"gs://{n // 2:02}",
        project=("ax", "bx", "cy")[n * 7 % 3],
        artifact_type=tuple(ArtifactType)[n * 5 % 3],
        tags={"k": "ba"[n % 4 // 2] + "x"},
    )
    for n in range(36)
]
"""Models that share values, each of which has some of the first and some of the last of them."""


ORDERED = (Column.URI, Column.PROJECT, Column.ARTIFACT_TYPE)


@pytest.mark.parametrize("bounds", ["other ways", "ways of few values"])
def test_the_ways_of_values_find_the_pages_that_the_oracle_finds(
    fresh_database: str, bounds: str
) -> None:
    values = {Column.PROJECT: "ax", Column.URI: "gs://11", Tag("k"): "ax"}
    asked = [
        ModelListing(
            condition=Comparison(field, operator, value), order=total_order([order]), size=2
        )
        for field, operator in product(values, Operator)
        for value in (values[field], "b", "x")
        for order in starmap(Order, product(ORDERED, Direction))
    ]
    with bounded_by(BOUNDS[bounds]):
        found, expected = asyncio.run(_walks(fresh_database, SHARED, asked))
    assert found == expected


@pytest.mark.parametrize("column", ORDERED, ids=lambda column: column.value)
@pytest.mark.parametrize("direction", Direction)
def test_a_model_is_found_once_where_what_it_had_before_is_still_kept(
    fresh_database: str, column: Column, direction: Direction
) -> None:
    condition = Comparison(Tag("k"), Operator.NOT_EQUAL, "b")
    order = total_order([Order(column, direction)])
    asked = [ModelListing(condition=condition, order=order, size=2)]
    with bounded_by(BOUNDS["other ways"]):
        found, expected = asyncio.run(_walks(fresh_database, SHARED, asked, KEPT))
    assert found == expected


KEPT = (
    b"insert into pinakes.model_values values ('tags.k', 'cx')",
    b"insert into pinakes.model_tags select 'k', 'cx', uri, project from pinakes.models",
)
