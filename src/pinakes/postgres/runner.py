"""Run statements to a known outcome: again where that is safe, and never longer than promised."""

import asyncio
import random
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from psycopg.errors import UniqueViolation

from pinakes.catalog.errors import CatalogUnavailable
from pinakes.postgres.channel import Bounds, Found
from pinakes.postgres.deadline import Deadline
from pinakes.postgres.errors import (
    AnswerLost,
    Silent,
    TakesNoWrites,
    TryAgain,
    in_catalogue_words,
)
from pinakes.postgres.pool import Connections
from pinakes.postgres.slow import SlowReads
from pinakes.postgres.statement import Statement, Values

ANSWER_SECONDS = 9.0
"""Nothing takes longer: the API promises an answer within ten seconds."""

AGAIN_SECONDS = 0.1
SETTLE_SECONDS = 0.2

Bounded = Callable[[], AbstractContextManager[object]]
"""Bounds how long what runs inside may take."""

UNBOUNDED = Bounds(sys.maxsize, sys.maxsize)


class Runner:
    """Runs statements, each of which is one transaction, on connections that it borrows.

    Every method raises CatalogUnavailable where the database does not do it in time.
    ``find_change`` is the statement that finds a change by its id.
    """

    def __init__(self, connections: Connections, find_change: Statement) -> None:
        self._connections = connections
        self._find_change = find_change
        self._slow = SlowReads()

    async def read(self, statement: Statement, values: Values, bounds: Bounds = UNBOUNDED) -> Found:
        """Return rows; a read that failed for a reason that passes is repeated once."""
        with _in_time():
            return await self._fetch_again(statement, values, bounds)

    async def search(self, statement: Statement, values: Values, bounds: Bounds) -> Found:
        """Return rows as ``read`` does; few at a time may take long (decision 0028)."""
        with _in_time():
            return await self._fetch_again(statement, values, bounds, self._slow.bounded)

    async def write(self, statement: Statement, values: Values) -> None:
        """Run a statement that may as well be run twice."""
        with _in_time():
            await self._write(statement, values)

    async def change(self, statement: Statement, values: Values) -> int:
        """Change a model; return how many changed, which is one or none.

        Where the answer is lost, what became of the change is found out (decision 0024). Where that
        cannot be known in time, the error says that the outcome is unknown.
        """
        try:
            with _in_time():
                return await self._change(statement, values)
        except AnswerLost as error:
            raise CatalogUnavailable(f"{error}; whether the change was made is unknown") from error

    async def _write(self, statement: Statement, values: Values) -> None:
        try:
            await self._execute_again(statement, values)
        except AnswerLost:
            await self._execute_again(statement, values)

    async def _change(self, statement: Statement, values: Values) -> int:
        try:
            return await self._execute_again(statement, values)
        except AnswerLost:
            return await self._settle(statement, values)

    async def _settle(self, statement: Statement, values: Values) -> int:
        """Find out whether a change was made, and make it if it was not, until time is up.

        The lost one may still be under way, but both cannot be made: the id of a change is unique,
        so the later of the two waits for the earlier, and then fails.
        """
        while True:
            try:
                return await self._make_unless_made(statement, values)
            except CatalogUnavailable:
                await asyncio.sleep(SETTLE_SECONDS)

    async def _make_unless_made(self, statement: Statement, values: Values) -> int:
        if await self._was_made(values):
            return 1
        try:
            made = await self._execute_again(statement, values)
        except UniqueViolation:
            if not await self._was_made(values):
                raise
            return 1
        return made or int(await self._was_made(values))

    async def _was_made(self, values: Values) -> bool:
        found = await self._fetch(self._find_change, values, UNBOUNDED)
        return bool(found.rows)

    async def _execute_again(self, statement: Statement, values: Values) -> int:
        """Execute; once more where nothing happened but may happen now."""
        try:
            return await self._execute(statement, values)
        except TakesNoWrites:
            if not await self._connections.renew():
                raise
        except TryAgain:
            await asyncio.sleep(random.uniform(0, AGAIN_SECONDS))  # noqa: S311 - apart from others
        return await self._execute(statement, values)

    async def _execute(self, statement: Statement, values: Values) -> int:
        async with self._connections.connection() as channel:
            with in_catalogue_words():
                return await channel.execute(statement, values)

    async def _fetch_again(
        self, statement: Statement, values: Values, bounds: Bounds, bounded: Bounded = nullcontext
    ) -> Found:
        """Fetch; once more where it failed for a reason that passes: a read may be repeated."""
        try:
            return await self._fetch(statement, values, bounds, bounded)
        except Silent:
            await self._connections.renew()  # the others go to the same server
        except (AnswerLost, TryAgain):
            pass
        return await self._fetch(statement, values, bounds, bounded, tested=True)

    async def _fetch(
        self,
        statement: Statement,
        values: Values,
        bounds: Bounds,
        bounded: Bounded = nullcontext,
        *,
        tested: bool = False,
    ) -> Found:
        async with self._connections.connection(tested=tested) as channel:
            with bounded(), in_catalogue_words():
                return await channel.fetch(statement, values, bounds)


def _in_time() -> Deadline:
    """Let nothing inside take longer than promised; what is late is given up."""
    return Deadline(ANSWER_SECONDS, _lost)


def _lost() -> AnswerLost:
    return AnswerLost("the database did not answer in time")
