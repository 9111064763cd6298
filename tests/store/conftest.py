"""The stores that must behave alike: in memory, and PostgreSQL, new, old and behind PgBouncer."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from memory_store import MemoryStore
from parts import SCHEMA, migrated, new_database
from pinakes.catalog.store import Store
from pinakes.postgres.pool import Pool
from pinakes.postgres.store import PostgresStore
from pooler import PROGRAM, pgbouncer
from tls.servers import cluster_of, find_programs, make_template, missing_programs

Result = TypeVar("Result")

Story = Callable[[Store], Awaitable[Result]]
Play = Callable[[Story[Result]], Result]
"""Runs a story, which is a coroutine function, against a store that is empty at first."""


@pytest.fixture(scope="session")
def oldest_postgres() -> Iterator[str]:
    """The oldest PostgreSQL that can be had: the conninfo of its administrator."""
    if missing := missing_programs():
        pytest.skip(missing)
    with tempfile.TemporaryDirectory(prefix="pinakes-oldest-") as place:
        programs = find_programs()
        template = make_template(programs, Path(place))
        with cluster_of(programs, template, "oldest", pair=None) as cluster:
            yield cluster.conninfo()


@pytest.fixture
def through_pgbouncer(request: pytest.FixtureRequest) -> Iterator[str]:
    """The way through a PgBouncer, in transaction mode, to a database of this test's own."""
    if PROGRAM is None:
        pytest.skip("needs PgBouncer (Debian: apt-get install pgbouncer)")
    with pgbouncer(request.getfixturevalue("fresh_database")) as conninfo:
        yield conninfo


@pytest.fixture(params=["memory", "postgres", "oldest postgres", "pgbouncer"])
def play(request: pytest.FixtureRequest) -> Play[object]:
    if request.param == "memory":
        return lambda story: asyncio.run(_run(story, MemoryStore()))
    conninfo = _empty_catalogue(request)
    return lambda story: asyncio.run(_in_postgres(story, conninfo))


def _empty_catalogue(request: pytest.FixtureRequest) -> str:
    if request.param == "oldest postgres":
        return migrated(new_database(request.getfixturevalue("oldest_postgres")))
    behind = request.param == "pgbouncer"
    conninfo: str = request.getfixturevalue("through_pgbouncer" if behind else "fresh_database")
    return conninfo


async def _run(story: Story[object], store: Store) -> object:
    return await story(store)


async def _in_postgres(story: Story[object], conninfo: str) -> object:
    async with Pool(lambda: conninfo) as pool:
        return await story(PostgresStore(pool, SCHEMA))
