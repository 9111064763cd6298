"""What becomes of searches that look at too much, and of whoever asks for little beside them."""

import asyncio

import httpx
import psycopg
import pytest

from parts import SCHEMA, RunningServer
from pinakes.catalog.errors import SearchTooWide
from pinakes.catalog.listing import Direction, ModelListing, ModelPage, Order, total_order
from pinakes.postgres import pool, slow
from pinakes.postgres.errors import TookTooLong
from pinakes.postgres.pool import Pool
from pinakes.postgres.store import PostgresStore
from pinakes.query.conditions import Column
from pinakes.query.parser import parse

SLOW_READS = """
alter table pinakes.models rename to kept;
create view pinakes.models as
    select * from pinakes.kept where name <> 'slow' or pg_sleep(60) is not null;
insert into pinakes.kept values
    ('gs://slow', 'default', 'slow', '', 'UNKNOWN', '', '{}', '{}', null, null),
    ('gs://quick', 'default', 'quick', '', 'UNKNOWN', '', '{}', '{}', null, null);
"""


def slow_down(conninfo: str) -> None:
    """Have every look at the model gs://slow take a minute."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(SLOW_READS.encode())


def test_a_search_that_takes_too_long_is_refused_and_told_how_to_narrow_it(
    fresh_server: RunningServer,
) -> None:
    slow_down(fresh_server.conninfo)
    asked = {"query": "tags[env] = prod"}
    answer = httpx.get(f"{fresh_server.api}/model/metadata", params=asked, timeout=30)
    assert answer.status_code == httpx.codes.BAD_REQUEST
    assert answer.json()["message"] == str(SearchTooWide())
    assert "narrow it" in answer.text


def test_a_list_that_takes_too_long_is_not_for_the_client_to_mend(
    fresh_server: RunningServer,
) -> None:
    slow_down(fresh_server.conninfo)
    answer = httpx.get(f"{fresh_server.api}/model/metadata", timeout=30)
    assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE


WIDE = ModelListing(condition=parse("tags[env] = prod"))
OF_PROJECTS = ModelListing(
    projects=frozenset({"default", "other"}), order=total_order([Order(Column.NAME)])
)


UNINDEXED = ModelListing(
    order=total_order([Order(Column.NAME), Order(Column.VERSION, Direction.DESCENDING)])
)


@pytest.mark.parametrize(
    "wide",
    [WIDE, OF_PROJECTS, UNINDEXED],
    ids=["search", "list of some projects", "list in an order that no index has"],
)
def test_some_reads_may_be_slow_and_the_others_leave_room_for_what_is_quick(
    fresh_database: str, monkeypatch: pytest.MonkeyPatch, wide: ModelListing
) -> None:
    slow_down(fresh_database)
    monkeypatch.setattr(slow, "SLOW_SECONDS", 0.2)
    monkeypatch.setattr(pool, "SESSION", pool.SESSION.replace("4500ms", "3s"))
    quick, outcomes, again = asyncio.run(_read_side_by_side(fresh_database, wide))
    assert [model.name for model in quick.models] == ["quick"]
    left = [outcome for outcome in outcomes if str(outcome) != slow.TOLD]
    late = SearchTooWide if wide.condition else TookTooLong
    assert [type(outcome) for outcome in (*left, again)] == [late] * (slow.MAX_SLOW + 1)


async def _read_side_by_side(
    conninfo: str, wide: ModelListing
) -> tuple[ModelPage, list[BaseException | ModelPage], BaseException | ModelPage]:
    """Return what a quick one finds beside twenty slow ones, what these end in, and one more."""
    async with Pool(lambda: conninfo) as connections:
        store = PostgresStore(connections, SCHEMA)
        searches = [asyncio.create_task(store.list_models(wide)) for _ in range(20)]
        await asyncio.wait(searches, return_when=asyncio.FIRST_COMPLETED)
        quick = await store.list_models(ModelListing(condition=parse("URI = gs://quick")))
        outcomes = await asyncio.gather(*searches, return_exceptions=True)
        [again] = await asyncio.gather(store.list_models(wide), return_exceptions=True)
        return quick, outcomes, again
