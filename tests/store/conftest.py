"""The two stores that must behave alike."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from memory_store import MemoryStore
from parts import SCHEMA
from pinakes.catalog.store import Store
from pinakes.postgres.pool import Pool
from pinakes.postgres.store import PostgresStore

Result = TypeVar("Result")

Story = Callable[[Store], Awaitable[Result]]
Play = Callable[[Story[Result]], Result]
"""Runs a story, which is a coroutine function, against a store that is empty at first."""


@pytest.fixture(params=["memory", "postgres"])
def play(request: pytest.FixtureRequest) -> Play[object]:
    if request.param == "memory":
        return lambda story: asyncio.run(_run(story, MemoryStore()))
    conninfo: str = request.getfixturevalue("fresh_database")
    return lambda story: asyncio.run(_in_postgres(story, conninfo))


async def _run(story: Story[object], store: Store) -> object:
    return await story(store)


async def _in_postgres(story: Story[object], conninfo: str) -> object:
    async with Pool(lambda: conninfo) as pool:
        return await story(PostgresStore(pool, SCHEMA))
