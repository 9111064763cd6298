"""The connections to PostgreSQL: a pool that never hands out a dead one, or the lack of any."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Protocol, Self

import psycopg
from psycopg import AsyncConnection
from psycopg.types.string import ByteaBinaryLoader
from typing_extensions import override

from pinakes.catalog.errors import CatalogError, CatalogUnavailable
from pinakes.postgres.channel import Channel
from pinakes.postgres.channels import Channels, QueueFull
from pinakes.postgres.deadline import Deadline
from pinakes.postgres.hosts import Connection
from pinakes.postgres.logins import Describe, Logins, Notice
from pinakes.postgres.statement import Row
from pinakes.telemetry.readings import Reading

MAX_CONNECTIONS = 8
MAX_WAITING = 200
CONNECT_SECONDS = 3
CHECKOUT_SECONDS = 4.0
LOOK_SECONDS = 1.0
"""Between looks at whether other credentials are due."""
RENEW_SECONDS = 1800.0
"""How old a connection may get: shorter than what two generations of credentials overlap."""
RENEW_AGAIN_SECONDS = 1.0
"""After a renewal that failed nobody tries one for so long, however many ask."""
PING_SECONDS = 1.0
"""A server that does not answer in so long is not waited for where another connection may do."""
BUSY = "all of its connections are in use"
CONNECTING = "it has not answered yet"
SESSION = (
    "set statement_timeout = '4500ms'; set lock_timeout = '4s';"
    " set idle_in_transaction_session_timeout = '30s'; set datestyle = 'ISO'; set timezone = 'UTC';"
    " set jit = 'off'"
)
"""The server gives a statement up before the client does, so that its end is known: the wait for a
connection and this together are shorter than what the store waits. The runtime role has the same
limits by itself, for behind a pooler these reach only one of its connections (decision 0017). To
compile a search takes longer than to run it, hence no ``jit``. Times are those of UTC."""

BACKEND = "select pg_catalog.pg_backend_pid()"

GAUGES: Mapping[str, tuple[Callable[[Channels], float], str]] = {
    "pinakes_pool_connections": (
        lambda channels: channels.size,
        "Connections to the database",
    ),
    "pinakes_pool_idle_connections": (
        lambda channels: channels.idle,
        "Connections that wait for a request",
    ),
    "pinakes_pool_waiting_requests": (
        lambda channels: channels.waiting,
        "Requests that wait for a connection",
    ),
    "pinakes_pool_requests": (
        lambda channels: channels.tally.requests,
        "Requests for a connection since the start",
    ),
    "pinakes_pool_waits": (
        lambda channels: channels.tally.waits,
        "Requests that had to wait since the start",
    ),
    "pinakes_pool_wait_milliseconds": (
        lambda channels: channels.tally.waited_seconds * 1000,
        "Time spent waiting since the start",
    ),
    "pinakes_pool_timeouts": (
        lambda channels: channels.tally.failures,
        "Requests that waited in vain since the start",
    ),
}
"""What is told of the pool: a metric's name, how it is read, and what it means."""


class Connections(Protocol):
    """Where a store takes its connections from."""

    def connection(self, *, tested: bool = False) -> AbstractAsyncContextManager[Channel]:
        """Lend a connection, ``tested`` one that has answered just now.

        Raises CatalogError where there is none to be had.
        """
        ...

    async def renew(self) -> bool:
        """Replace every connection by one to a server that takes writes; say if there is one."""
        ...

    def warnings(self) -> Sequence[str]:
        """Say what should be mended although connections can be had."""
        ...


class NoConnections:
    """The lack of a database, with its reason: no connection is ever tried."""

    def __init__(self, reason: CatalogError) -> None:
        self._reason = reason

    @asynccontextmanager
    async def connection(self, *, tested: bool = False) -> AsyncGenerator[Channel, None]:
        """Raise the reason."""
        del tested
        raise self._reason.with_traceback(None)  # else it would grow with every raise
        yield

    async def renew(self) -> bool:
        """Say that there is no server."""
        return False

    def warnings(self) -> Sequence[str]:
        """Say nothing: the reason says it all."""
        return ()


class Pool:
    """A pool of connections to one database, each in autocommit.

    ``describe`` is asked anew for every connection that is made, and ``refuse`` is called when the
    server did not take what it said. A connection that works is only ever replaced after a new one
    could be made (decision 0023).
    """

    def __init__(
        self,
        describe: Describe,
        notice: Notice = lambda _: None,
        refuse: Callable[[], None] = lambda: None,
    ) -> None:
        self._logins = Logins(
            describe,
            partial(AsyncConnection[Row].connect, autocommit=True, prepare_threshold=None),
            notice,
            refuse,
        )
        self._changes = 0
        self._renewing = asyncio.Lock()
        self._renewed_at = time.monotonic()
        self._not_renewed_at = -RENEW_AGAIN_SECONDS
        self._keeping: asyncio.Task[None] | None = None
        self._channels = Channels(
            self._make_channel, most=MAX_CONNECTIONS, most_waiting=MAX_WAITING
        )

    async def __aenter__(self) -> Self:
        await self._logins.are_due()  # so that a configuration of no use is told at once
        self._channels.open()
        self._keeping = asyncio.create_task(self._keep_current())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._keeping:
            self._keeping.cancel()
        await self._channels.close()

    def connection(self, *, tested: bool = False) -> AbstractAsyncContextManager[Channel]:
        """Lend a connection; one that died meanwhile was left out.

        To be ``tested`` costs a round trip: it is for those whose last one died, for where one
        does others may be about to.

        Raises CatalogUnavailable where none is to be had in time, and says why.
        """
        return _Loan(self._channels, self._lend, tested=tested)

    async def _lend(self, *, tested: bool) -> Channel:
        if self._logins.unreadable and not self._logins.have_worked:
            raise self._logins.unreadable.with_traceback(None)  # instead of a wait for nothing
        try:
            return await self._take(tested=tested)
        except TimeoutError as error:
            raise CatalogUnavailable(
                f"the database is away: {self._logins.failure or self._why_waiting()}"
            ) from error
        except QueueFull as error:
            raise CatalogUnavailable("too many requests wait for the database") from error

    async def renew(self) -> bool:
        """Replace every connection if a new one can be made; say whether it could.

        What worked last will do where the newest credentials do not: another server is wanted.
        Connections in use are replaced when they come back.
        """
        asked_at = time.monotonic()
        async with self._renewing:
            if self._renewed_at > asked_at:
                return True
            if time.monotonic() < self._not_renewed_at + RENEW_AGAIN_SECONDS:
                return False
            is_renewed = await self._renew(self._logins.connect)
            if not is_renewed:
                self._not_renewed_at = time.monotonic()
            return is_renewed

    async def _follow(self) -> None:
        """Replace every connection by one with the newest credentials, if these work."""
        async with self._renewing:
            await self._renew(self._logins.connect_with_newest)

    async def _renew(self, connect: Callable[[], Awaitable[Connection]]) -> bool:
        try:
            connection = await connect()
        except (CatalogError, psycopg.Error):
            return False
        await connection.close()
        self._changes = self._logins.changes
        self._renewed_at = time.monotonic()
        self._channels.drain()
        return True

    def warnings(self) -> Sequence[str]:
        """Say why the newest credentials are not in use, where they are not."""
        problem = self._logins.problem
        return [f"the newest credentials for the database do not work: {problem}"] * bool(problem)

    def readings(self) -> Iterator[Reading]:
        """Tell how the pool is."""
        for name, (read, description) in GAUGES.items():
            yield Reading(name, description, read(self._channels))
        yield from self._logins.readings()

    async def _keep_current(self) -> None:
        """Follow the credentials, and let no connection get old; neither costs one that works."""
        lifetime = RENEW_SECONDS * random.uniform(0.8, 1)  # noqa: S311 - so that not all come at once
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            are_due = await self._logins.are_due() or self._logins.changes != self._changes
            if are_due or time.monotonic() > self._renewed_at + lifetime:
                await self._follow()

    def _why_waiting(self) -> str:
        return BUSY if self._channels.size else CONNECTING

    async def _take(self, *, tested: bool) -> Channel:
        """Take a channel; to test one costs a round trip, and it is another where it is silent."""
        while True:
            channel = await self._channels.take(CHECKOUT_SECONDS)
            if not tested or await self._answers(channel):
                return channel

    async def _answers(self, channel: Channel) -> bool:
        """Say whether the server answers on a channel; give back one on which it does not."""
        answers = False
        try:
            with Deadline(PING_SECONDS, TimeoutError):
                await channel.ping()
            answers = True
        except (psycopg.Error, TimeoutError):
            pass
        finally:  # also where nobody waits any more
            if not answers:
                self._channels.give_back(channel)
        return answers

    async def _make_channel(self) -> Channel:
        connection = await self._logins.connect()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                return await _made_ready(connection)
        except BaseException:
            await connection.close()
            raise


class _Lend(Protocol):
    async def __call__(self, *, tested: bool) -> Channel: ...


class _Loan(AbstractAsyncContextManager[Channel]):
    """A channel for as long as a block runs; no generator, which would cost four times as much."""

    def __init__(self, channels: Channels, lend: _Lend, *, tested: bool) -> None:
        self._channels = channels
        self._lend = lend
        self._tested = tested

    @override
    async def __aenter__(self) -> Channel:
        idle = None if self._tested else self._channels.take_idle()
        self._channel = idle or await self._lend(tested=self._tested)
        return self._channel

    @override
    async def __aexit__(self, *_: object) -> None:
        self._channels.give_back(self._channel)


async def _made_ready(connection: Connection) -> Channel:
    for kind in ("json", "jsonb"):  # as it came: who reads it does so for himself
        connection.adapters.register_loader(kind, ByteaBinaryLoader)
    await connection.execute(SESSION)
    cursor = await connection.execute(BACKEND)
    backend = await cursor.fetchone()
    return Channel(connection, is_pooled=backend != (connection.pgconn.backend_pid,))
