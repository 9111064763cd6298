"""Apply what is pending, one migration after another, each by one process alone.

A migration is recorded by the very transaction that held the lock while it was applied: who has
lost the lock cannot record, and who gets it sees all that others have recorded.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from importlib.resources.abc import Traversable

from pinakes.postgres.migrate.errors import MigrationError, StepBusy, in_words
from pinakes.postgres.migrate.locks import concurrent_index
from pinakes.postgres.migrate.migration import SHIPPED, Migration, read_migrations
from pinakes.postgres.migrate.session import Session, connect
from pinakes.postgres.migrate.state import State, pending

LOCK_TIMEOUT = "2s"
"""Who waits for a lock makes all that come after wait as well: no longer than clients bear."""
NO_TIMEOUT = "0"

LADDER = (0.1, 0.2, 0.5, 1, 2, 4, 8, 12, 16, *(20,) * 24)
"""Seconds between attempts at a lock: with the attempts themselves, some ten minutes."""

POLL_SECONDS = 0.2

THE_LIST = "the list of migrations"

Notice = Callable[[str], None]


def _say_nothing(_: str) -> None: ...


async def look(conninfo: str, schema: str) -> State:
    """Return how far a database is. Raises CatalogUnavailable where it cannot be asked."""
    async with await connect(conninfo) as connection:
        with in_words(THE_LIST):
            return await Session(connection, schema).read_state()


async def migrate(
    conninfo: str,
    schema: str,
    *,
    folder: Traversable = SHIPPED,
    post: bool = False,
    notice: Notice = _say_nothing,
) -> Sequence[str]:
    """Apply what is pending, and return the names of what this very call has applied.

    May be called by several processes at once, be killed at any moment and called again. ``post``
    also applies the post migrations of this version; ``notice`` is told what happens meanwhile.
    Raises MigrationError where an applied file was edited since, PostgreSQL refuses one, or a lock
    is not to be had; CatalogUnavailable where the database cannot be asked.
    """
    migrations = read_migrations(folder)
    async with await connect(conninfo) as connection:
        runner = _Runner(conninfo, Session(connection, schema), notice)
        return await runner.apply(migrations, post=post)


class _Runner:
    def __init__(self, conninfo: str, session: Session, notice: Notice) -> None:
        self._conninfo = conninfo
        self._session = session
        self._notice = notice
        self._told = ""

    async def apply(self, migrations: Sequence[Migration], *, post: bool) -> list[str]:
        """Apply all that is pending."""
        applied: list[str] = []
        await self._patiently(self._make_the_list)
        while name := await self._patiently(lambda: self._apply_next(migrations, post=post)):
            applied.append(name)
        return applied

    async def _patiently(self, step: Callable[[], Awaitable[str]]) -> str:
        """Repeat a step that meets a lock, each time after a longer pause, in which traffic flows.

        Raises MigrationError when the ladder ends.
        """
        pauses = iter(LADDER)
        while True:
            try:
                return await step()
            except StepBusy as busy:
                pause = next(pauses, None)
                if pause is None:
                    raise MigrationError(
                        f"{busy} at every attempt; find who holds it in pg_locks and"
                        " pg_stat_activity, then migrate again: what was applied stays applied"
                    ) from busy
                self._tell(f"{busy}; trying again in {pause} s")
            await asyncio.sleep(pause)

    async def _make_the_list(self) -> str:
        """Make the list of migrations, and the schema for it, where they are not there."""
        with in_words(THE_LIST):
            async with self._alone():
                state = await self._session.read_state()
                if not state.has_schema:
                    await self._session.run("create_schema")
                if not state.has_list:
                    await self._session.run("create_migrations")
                return ""

    async def _apply_next(self, migrations: Sequence[Migration], *, post: bool) -> str:
        """Apply the first migration that is pending, and return its name; none, where none is."""
        with in_words(THE_LIST):
            async with self._alone():
                state = await self._session.read_state()
                missing = pending(migrations, state.applied, post=post)
                if not missing:
                    return ""
                started = time.monotonic()
                with in_words(missing[0].name):
                    await self._apply(missing[0])
        self._tell(f"applied {missing[0].name} in {time.monotonic() - started:.2f} s")
        return missing[0].name

    async def _apply(self, migration: Migration) -> None:
        if migration.in_transaction:
            for statement in migration.statements:
                await self._session.run_shipped(statement)
        else:
            await self._apply_beside(migration)
        await self._take_back_excess()
        await self._session.run(
            "record_migration",
            name=migration.name,
            digest=migration.digest,
            compatible_with=migration.compatible_with,
        )

    async def _apply_beside(self, migration: Migration) -> None:
        """Apply what no transaction may hold on a second connection, while this one keeps the lock.

        Every statement may have been run before, by one who was killed before it could record.
        """
        async with await connect(self._conninfo) as connection:
            beside = Session(connection, self._session.schema)
            for statement in migration.statements:
                await self._session.run("try_to_be_alone", schema=beside.schema)  # we still are
                await beside.run("set_patience", local=False, lock_timeout=NO_TIMEOUT)
                if index := concurrent_index(statement):
                    await self._build(beside, index, statement)
                else:
                    await beside.run_shipped(statement)

    async def _build(self, beside: Session, index: str, statement: str) -> None:
        """Make an index, whatever an earlier attempt has left of it, until it is valid."""
        while True:
            match await beside.run("find_index", schema=beside.schema, index=index):
                case [(True, _, _)]:
                    return
                case [(False, True, _)]:
                    self._tell(f"{index} is still made by an earlier attempt; waiting for it")
                    await asyncio.sleep(POLL_SECONDS)
                case [(False, False, drop)]:
                    self._tell(f"{index} is what an earlier attempt has left; dropping it")
                    await beside.run_written(drop)
                case _:
                    await beside.run_shipped(statement)

    def _tell(self, what: str) -> None:
        """Tell what happens, once while it goes on."""
        if what != self._told:
            self._notice(what)
        self._told = what

    async def _take_back_excess(self) -> None:
        for (revoke,) in await self._session.run("list_excess", schema=self._session.schema):
            await self._session.run_written(revoke)

    @asynccontextmanager
    async def _alone(self) -> AsyncGenerator[None, None]:
        """Open a transaction that only one process at a time is in."""
        while True:
            async with self._session.connection.transaction():
                await self._session.run("set_patience", local=True, lock_timeout=LOCK_TIMEOUT)
                [(alone,)] = await self._session.run("try_to_be_alone", schema=self._session.schema)
                if alone:
                    yield
                    return
            self._tell("another process migrates; waiting for it")
            await asyncio.sleep(POLL_SECONDS)
