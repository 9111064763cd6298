"""What COPY gives out, line by line: all of it, or why not, and never for longer than is wanted."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing

import psycopg
import pytest

from parts import SCHEMA
from pinakes.catalog.errors import CatalogUnavailable
from pinakes.postgres.statements import load_statements
from pinakes.postgres.transfer.session import Session, TransferError, transaction

pytestmark = pytest.mark.anyio

FOR_LONG = "pg_sleep(60)::text"
WITHOUT_END = "repeat('a', 1000) from generate_series(1, 99999) a, generate_series(1, 99999) b"
SOON_SECONDS = 2.0

FEW_TURNS = 2
"""Of some ten in a second, as none is waited for longer than TURN_SECONDS."""

Copied = Callable[[str], Awaitable[list[bytes]]]


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Run on either loop; the command runs on the second."""
    return "asyncio", {"use_uvloop": request.param}


@pytest.fixture
def copied(fresh_database: str, monkeypatch: pytest.MonkeyPatch) -> Copied:
    """Return what gives out the lines of what is selected, in its own transaction."""

    async def read(selected: str) -> list[bytes]:
        offer(monkeypatch, selected)
        async with transaction(fresh_database, SCHEMA, read_only=True) as session:
            return await read_lines(session)

    return read


def offer(monkeypatch: pytest.MonkeyPatch, selected: str) -> None:
    """Have COPY of what is selected among the named statements."""

    def statements(schema: str) -> Mapping[str, bytes]:
        copy = f"copy (select {selected}) to stdout (format binary)"
        return {**load_statements(schema), "query": copy.encode()}

    monkeypatch.setattr("pinakes.postgres.transfer.session.load_statements", statements)


async def read_lines(session: Session) -> list[bytes]:
    found: list[bytes] = []
    async for text, count in session.lines("query"):
        lines = text.split(b"\n")
        assert lines.pop() == b""
        assert len(lines) == count
        found += lines
    return found


async def test_of_no_rows_there_is_no_line(copied: Copied) -> None:
    assert await copied("'a'::text where false") == []


@pytest.mark.parametrize("size", [1, 6, 1000, 70_000, 3_000_000])
async def test_every_row_is_a_line(copied: Copied, size: int) -> None:
    number = min(3_000_000 // size, 10_000)
    lines = await copied(f"lpad(n::text, {size}, '.') from generate_series(1, {number}) n")
    assert lines == [str(n).rjust(size, ".")[:size].encode() for n in range(1, number + 1)]


async def test_a_line_end_in_a_row_is_a_space(copied: Copied) -> None:
    rows = r"""(values (1, e'[1,\n2]'), (2, e'[\r\n1]'), (3, e'[\r1]'), (4, '["\n"]')) t (n, x)"""
    found = await copied(f"x::json from {rows} order by n")
    assert found == [b"[1, 2]", b"[  1]", b"[ 1]", rb'["\n"]']


@pytest.mark.parametrize(
    ("end", "error", "told"),
    [
        ("1 / 0", TransferError, "division by zero"),
        ("pg_cancel_backend(pg_backend_pid())::int", CatalogUnavailable, "took too long"),
        ("pg_terminate_backend(pg_backend_pid())::int", CatalogUnavailable, "was lost"),
    ],
)
async def test_what_ends_it_in_the_middle_is_told(
    copied: Copied, end: str, error: type[Exception], told: str
) -> None:
    selected = f"case n when 50000 then {end} else n end::text from generate_series(1, 60000) n"
    with pytest.raises(error, match=told):
        await copied(selected)


async def test_others_have_their_turn_meanwhile(copied: Copied) -> None:
    waiting = asyncio.ensure_future(copied("pg_sleep(1)::text"))
    turns = 0
    while not waiting.done():
        await asyncio.sleep(0.01)  # a turn, which it gets when the other lets go
        turns += 1
    assert waiting.result() == [b""]
    assert turns > FEW_TURNS


@pytest.mark.parametrize("selected", [FOR_LONG, WITHOUT_END])
async def test_what_is_cancelled_is_stopped_in_the_server(
    copied: Copied, fresh_database: str, selected: str
) -> None:
    waiting = asyncio.ensure_future(copied(selected))
    await asyncio.sleep(0.5)  # for it to be under way in the server
    started = time.monotonic()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert time.monotonic() - started < SOON_SECONDS
    assert is_left_alone(fresh_database)


async def test_who_reads_no_further_leaves_nothing_behind(
    fresh_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch, WITHOUT_END)
    with pytest.raises(EnoughError):
        await read_a_little(fresh_database)
    assert is_left_alone(fresh_database)


class EnoughError(Exception):
    pass


async def read_a_little(conninfo: str) -> None:
    async with (
        transaction(conninfo, SCHEMA, read_only=True) as session,
        aclosing(session.lines("query")) as lines,
    ):
        async for _ in lines:
            raise EnoughError


def is_left_alone(conninfo: str) -> bool:
    """Say whether nobody else is in a database, once those that leave are gone."""
    others = (
        "select count(*) from pg_stat_activity where datname = current_database()"
        " and pid <> pg_backend_pid() and backend_type = 'client backend'"
    )
    with psycopg.connect(conninfo, autocommit=True) as connection:
        deadline = time.monotonic() + SOON_SECONDS
        while connection.execute(others).fetchone() != (0,):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)  # between looks, not instead of one
    return True
