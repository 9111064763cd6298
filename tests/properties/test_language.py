"""What holds for every query: read right, refused right, and meant as the oracle says."""

import asyncio
from collections.abc import Sequence

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from conditions import conditions, models, printed
from memory_store import matches
from parts import SCHEMA
from pinakes.catalog.listing import ModelListing
from pinakes.catalog.model import Model
from pinakes.catalog.revision import Change
from pinakes.catalog.store import Store
from pinakes.postgres.pool import Pool
from pinakes.postgres.statement import numbered
from pinakes.postgres.store import PostgresStore
from pinakes.query.conditions import Both, Condition, Either
from pinakes.query.errors import QuerySyntaxError
from pinakes.query.parser import MAX_LENGTH, parse

PIECES = [*'()"!<>=% \t\n\0[]', "and", "OR", "name", "tags[k]", "metrics[k]", "1.5", "x", "\u2028"]

soups = st.lists(st.sampled_from(PIECES) | st.characters(exclude_categories=["Cs"])).map("".join)


@given(conditions())
def test_a_printed_condition_is_read_as_itself(condition: Condition) -> None:
    assert parse(printed(condition)) == condition


@given(st.lists(st.tuples(st.sampled_from(["AND", "or"]), conditions()), max_size=5), conditions())
def test_joins_fold_to_the_left_with_equal_precedence(
    joined: list[tuple[str, Condition]], first: Condition
) -> None:
    text, expected = printed(first), first
    for join, condition in joined:
        text = f"{text} {join} {printed(condition)}"
        expected = (Both if join == "AND" else Either)(expected, condition)
    assert parse(text) == expected


@given(soups)
@settings(max_examples=500)
@example("name=" + "x" * MAX_LENGTH)
@example("(" * 100)
@example(" AND ".join(["name=x"] * 300))
def test_a_text_is_a_query_or_refused_with_a_caret_under_what_is_wrong(text: str) -> None:
    error = refusal(text)
    if error is None:
        return
    expected, query, caret = str(error).split("\n")
    assert expected.startswith("query: ")
    assert query.splitlines() in ([query], [])
    assert caret == " " * len(query[: error.position]) + "^" or "\0" in text
    assert error.position <= len(text)


@given(soups)
@settings(max_examples=300)
def test_what_is_wrong_with_a_query_stays_wrong_whatever_follows_it(text: str) -> None:
    error = refusal(text)
    if error is not None and error.position < len(text):
        again = refusal(text[: error.position + 1])
        assert again is not None
        assert again.position >= error.position


def refusal(text: str) -> QuerySyntaxError | None:
    """Return why a text is no query; any other error than this one is a failure."""
    try:
        parse(text)
    except QuerySyntaxError as error:
        return error
    return None


@given(catalogue=st.lists(models(), max_size=12, unique_by=lambda model: model.key), data=st.data())
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
def test_postgres_selects_what_the_oracle_selects(
    fresh_database: str, catalogue: list[Model], data: st.DataObject
) -> None:
    asked = data.draw(st.lists(conditions(), min_size=10, max_size=10))
    found = asyncio.run(_found_in_postgres(fresh_database, catalogue, asked))
    expected = [
        sorted((model.key.uri, model.key.project) for model in catalogue if matches(one, model))
        for one in asked
    ]
    assert found == expected


async def _found_in_postgres(
    conninfo: str, catalogue: Sequence[Model], asked: Sequence[Condition]
) -> list[list[tuple[str, str]]]:
    async with Pool(lambda: conninfo) as pool:
        async with pool.connection() as channel:
            await channel.execute(numbered(b"truncate pinakes.models"), {})
        store = PostgresStore(pool, SCHEMA)
        await _fill(store, catalogue)
        return [await _keys(store, condition) for condition in asked]


async def _fill(store: Store, catalogue: Sequence[Model]) -> None:
    for model in catalogue:
        await store.create_model(model, Change(actor="test", door="test"))


async def _keys(store: Store, condition: Condition) -> list[tuple[str, str]]:
    page = await store.list_models(ModelListing(condition=condition))
    return [(model.uri, model.project) for model in page.models]
