"""Statements by libpq itself: what could go wrong there that a driver's cursor would care for."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any

import psycopg
import pytest
import uvloop
from psycopg import AsyncConnection

from pinakes.catalog.errors import CatalogUnavailable
from pinakes.postgres import channel as channel_module
from pinakes.postgres import pool as pool_module
from pinakes.postgres.channel import Bounds
from pinakes.postgres.pool import MAX_CONNECTIONS, MAX_WAITING, Pool
from pinakes.postgres.prepared import MOST_PREPARED
from pinakes.postgres.statement import numbered
from pooler import pgbouncer, with_pgbouncer

ALL = Bounds(10**9, 10**9)
RUNNERS = [asyncio.run, uvloop.run]
SOON = 15
"""Three times what is promised for anything here."""

Story = Callable[[Pool], Coroutine[Any, Any, object]]
Play = Callable[[Story], object]


@pytest.fixture(params=RUNNERS, ids=["asyncio", "uvloop"])
def play(request: pytest.FixtureRequest, empty_database: str) -> Play:
    """Run a story with a pool, on either loop; the server runs on the second."""
    return lambda story: request.param(_with_pool(empty_database, story))


async def _with_pool(conninfo: str, story: Story) -> object:
    async with asyncio.timeout(60), Pool(lambda: conninfo) as pool:
        return await story(pool)


async def ask(pool: Pool, text: bytes, *, is_fixed: bool = False, **values: object) -> object:
    async with pool.connection() as channel:
        found = await channel.fetch(numbered(text, is_fixed=is_fixed), values, ALL)
        return found.rows[0][0] if found.rows else None


async def backend(pool: Pool) -> object:
    return await ask(pool, b"select pg_backend_pid()")


async def wait_until(holds: Callable[[], Awaitable[object]]) -> None:
    deadline = time.monotonic() + SOON
    while not await holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)  # between two looks at another process


def test_a_value_that_no_socket_takes_at_once_arrives(play: Play) -> None:
    async def story(pool: Pool) -> object:
        return await ask(pool, b"select length(%(long)s::text)", long="é" * 9_000_000)

    assert play(story) == 9_000_000


def test_an_answer_of_many_rows_comes_whole_and_in_order(
    play: Play,
) -> None:
    async def story(pool: Pool) -> object:
        async with pool.connection() as channel:
            statement = numbered(b"select n from generate_series(1, %(most)s) n")
            return await channel.fetch(statement, {"most": 1000}, ALL)

    assert play(story) == ([(n,) for n in range(1, 1001)], False)


def test_a_page_beyond_its_bounds_is_stopped_in_the_server_and_the_connection_stays(
    play: Play,
) -> None:
    async def story(pool: Pool) -> None:
        before = await backend(pool)
        async with pool.connection() as channel:
            endless = numbered(
                b"with many as (select from generate_series(1, 2000))"
                b" select to_json(repeat('x', 998)) from many a, many b, many c"
            )
            found = await channel.fetch(endless, {}, Bounds(10**9, 100_000))
        assert found.more
        assert sum(len(text) for (text,) in found.rows) <= 100_000
        assert await backend(pool) == before

    play(story)


def test_rows_that_could_not_be_taken_make_no_short_page(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(pool: Pool) -> None:
        sizes = iter([0])  # of the first rows; those behind find no memory

        def size_of(*_: object) -> int:
            for size in sizes:
                return size
            raise MemoryError

        monkeypatch.setattr(channel_module, "_bytes_of", size_of)
        with pytest.raises(MemoryError):
            await ask(pool, b"select n from generate_series(1, 1000) n")
        monkeypatch.undo()
        assert [await ask(pool, b"select %(n)s::int", n=n) for n in range(9)] == [*range(9)]

    play(story)


def test_a_request_that_is_given_up_stops_its_statement_and_harms_no_other(
    play: Play,
) -> None:
    async def story(pool: Pool) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await ask(pool, b"select pg_sleep(4), 'given up'")
        assert [await ask(pool, b"select %(n)s::int", n=n) for n in range(50)] == [*range(50)]
        await wait_until(lambda: _nobody_sleeps(pool))

    play(story)


def test_who_leaves_while_a_page_is_stopped_harms_no_other(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cancel_late(*_: object, **__: object) -> None:
        await asyncio.sleep(2)  # as where the server takes no connection to be told by

    async def story(pool: Pool) -> None:
        many = numbered(b"select to_json(repeat('x', 998)) from generate_series(1, 2000)")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3), pool.connection() as channel:
                await channel.fetch(many, {}, Bounds(10**9, 100_000))
        assert [await ask(pool, b"select %(n)s::int", n=n) for n in range(9)] == [*range(9)]

    monkeypatch.setattr(AsyncConnection, "cancel_safe", cancel_late)
    play(story)


async def _nobody_sleeps(pool: Pool) -> bool:
    asked = b"select count(*) from pg_stat_activity where wait_event = 'PgSleep'"
    return await ask(pool, asked) == 0


def test_who_waits_too_long_for_a_connection_is_told_and_waits_no_more(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(pool: Pool) -> None:
        async with AsyncExitStack() as held:
            for _ in range(MAX_CONNECTIONS):
                await held.enter_async_context(pool.connection())
            monkeypatch.setattr(pool_module, "CHECKOUT_SECONDS", 0.2)
            with pytest.raises(CatalogUnavailable, match=pool_module.BUSY):
                await ask(pool, b"select 1")
            told = {reading.name: reading.value for reading in pool.readings()}
            assert told["pinakes_pool_waiting_requests"] == 0
            assert told["pinakes_pool_timeouts"] == 1
        assert await ask(pool, b"select 1") == 1

    play(story)


def test_a_failed_statement_leaves_its_connection_good(
    play: Play,
) -> None:
    async def story(pool: Pool) -> None:
        before = await backend(pool)
        for _ in range(3):
            with pytest.raises(psycopg.errors.DivisionByZero):
                await ask(pool, b"select 1 / %(zero)s::int", is_fixed=True, zero=0)
        assert await backend(pool) == before

    play(story)


def test_a_connection_that_the_server_closed_while_nobody_asked_is_not_lent(
    play: Play, empty_database: str
) -> None:
    async def story(pool: Pool) -> None:
        before = await backend(pool)
        with psycopg.connect(empty_database, autocommit=True) as other:
            other.execute("select pg_terminate_backend(%s)", [before])
        await asyncio.sleep(0.5)  # for the server's farewell to arrive
        assert await backend(pool) != before

    play(story)


def test_a_prepared_statement_survives_a_change_of_what_it_reads(
    play: Play, empty_database: str
) -> None:
    async def story(pool: Pool) -> None:
        read = b"select * from changing where n = %(n)s"
        with psycopg.connect(empty_database, autocommit=True) as other:
            other.execute("create table changing (n int); insert into changing values (1)")
            assert await ask(pool, read, is_fixed=True, n=1) == 1
            other.execute("alter table changing alter n type text")
            other.execute("alter table changing add more int")
            with pytest.raises(psycopg.errors.UndefinedFunction):  # text = smallint
                await ask(pool, read, is_fixed=True, n=1)
            assert await ask(pool, read, is_fixed=True, n="1") == "1"
            other.execute("alter table changing drop more")
            assert await ask(pool, read, is_fixed=True, n="1") == "1"
            assert await ask(pool, b"select count(*) from pg_prepared_statements") == 1
            await ask(pool, b"deallocate all")
            assert await ask(pool, read, is_fixed=True, n="1") == "1"

    play(story)


def test_statements_are_prepared_where_the_server_is_asked_itself(
    play: Play,
) -> None:
    async def story(pool: Pool) -> object:
        await ask(pool, b"select %(n)s::int + 1", is_fixed=True, n=1)
        await ask(pool, b"select %(n)s::int + 2", n=1)
        return await ask(pool, b"select string_agg(statement, ';') from pg_prepared_statements")

    assert play(story) == "select $1::int + 1"


def test_of_what_is_prepared_that_of_no_use_for_longest_is_forgotten(play: Play) -> None:
    async def story(pool: Pool) -> None:
        for number in range(2 * MOST_PREPARED):
            assert await ask(pool, b"select 'often'", is_fixed=True) == "often"
            assert await ask(pool, b"select %d" % number, is_fixed=True) == number
        kept = (
            b"select string_agg(statement, ';' order by prepare_time) from pg_prepared_statements"
        )
        newest = range(MOST_PREPARED + 1, 2 * MOST_PREPARED)
        statements = ["select 'often'", *(f"select {number}" for number in newest)]
        assert await ask(pool, kept) == ";".join(statements)

    play(story)


@with_pgbouncer
def test_nothing_is_prepared_behind_a_pooler(fresh_database: str) -> None:
    async def story(pool: Pool) -> object:
        await ask(pool, b"select %(n)s::int + 1", is_fixed=True, n=1)
        return await ask(pool, b"select count(*) from pg_prepared_statements")

    with pgbouncer(fresh_database) as through:
        assert asyncio.run(_with_pool(through, story)) == 0


def test_who_waits_is_served_in_turn_and_one_too_many_is_turned_away(
    play: Play,
) -> None:
    async def story(pool: Pool) -> None:
        served: list[int] = []

        async def one(number: int) -> None:
            async with pool.connection():
                served.append(number)
                await asyncio.sleep(0)

        async with asyncio.TaskGroup() as holders:
            release = asyncio.Event()
            for _ in range(MAX_CONNECTIONS):
                holders.create_task(_hold(pool, release))
            await wait_until(lambda: _all_lent(pool))
            waiting = [holders.create_task(one(number)) for number in range(MAX_WAITING)]
            await asyncio.sleep(0)
            with pytest.raises(CatalogUnavailable, match="too many"):
                await one(MAX_WAITING)
            waiting[7].cancel()
            release.set()
        assert served == [number for number in range(MAX_WAITING) if number != 7]

    play(story)


async def _hold(pool: Pool, release: asyncio.Event) -> None:
    async with pool.connection():
        await release.wait()


async def _all_lent(pool: Pool) -> bool:
    readings = {reading.name: reading.value for reading in pool.readings()}
    return (
        readings["pinakes_pool_connections"] == MAX_CONNECTIONS
        and readings["pinakes_pool_idle_connections"] == 0
    )


def test_a_channel_that_arrives_as_its_waiter_gives_up_is_not_lost(
    play: Play,
) -> None:
    async def story(pool: Pool) -> None:
        for _ in range(40):
            release = asyncio.Event()
            holders = [asyncio.create_task(_hold(pool, release)) for _ in range(MAX_CONNECTIONS)]
            await wait_until(lambda: _all_lent(pool))
            waiter = asyncio.create_task(_hold(pool, asyncio.Event()))
            await asyncio.sleep(0)
            release.set()
            await asyncio.sleep(0)
            waiter.cancel()
            await asyncio.gather(*holders, waiter, return_exceptions=True)
        assert await ask(pool, b"select 1") == 1
        lent = {reading.name: reading.value for reading in pool.readings()}
        assert lent["pinakes_pool_connections"] == lent["pinakes_pool_idle_connections"]

    play(story)
