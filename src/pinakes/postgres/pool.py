"""The connections to PostgreSQL: a pool that never hands out a dead one, or the lack of any."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any, Protocol, Self, cast

import psycopg
from psycopg import AsyncConnection
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg_pool import AsyncConnectionPool, PoolTimeout, TooManyRequests

from pinakes.catalog.errors import CatalogError, CatalogUnavailable
from pinakes.postgres.hosts import Connection
from pinakes.postgres.logins import Describe, Logins, Notice
from pinakes.postgres.quiet import keep_quiet
from pinakes.postgres.rows import Row
from pinakes.telemetry import Reading

MAX_CONNECTIONS = 8
MAX_WAITING = 200
CONNECT_SECONDS = 3
CHECKOUT_SECONDS = 4.0
RECONNECT_SECONDS = 4.0
"""After failing for so long the pool gives a connection up and is ready to try a new one at once,
where it would else wait ever longer between attempts."""
LOOK_SECONDS = 1.0
"""Between looks at whether other credentials are due."""
RENEW_SECONDS = 1800.0
"""How old a connection may get: shorter than what two generations of credentials overlap."""
RENEW_AGAIN_SECONDS = 1.0
"""After a renewal that failed nobody tries one for so long, however many ask."""
FOREVER = 10 * 365 * 86400.0
"""For the pool's own timers, which would retire what works without a new one in hand."""
BUSY = "all of its connections are in use"
CONNECTING = "it has not answered yet"
SESSION = (
    "set statement_timeout = '4500ms'; set lock_timeout = '4s';"
    " set idle_in_transaction_session_timeout = '30s'; set datestyle = 'ISO'; set jit = 'off'"
)
"""The server gives a statement up before the client does, so that its end is known: the wait for a
connection and this together are shorter than what the store waits. The runtime role has the same
limits by itself, for behind a pooler these reach only one of its connections (decision 0017). To
compile a search takes longer than to run it, hence no ``jit``."""

GAUGES = {
    "pinakes_pool_connections": ("pool_size", "Connections to the database"),
    "pinakes_pool_idle_connections": ("pool_available", "Connections that wait for a request"),
    "pinakes_pool_waiting_requests": ("requests_waiting", "Requests that wait for a connection"),
    "pinakes_pool_requests": ("requests_num", "Requests for a connection since the start"),
    "pinakes_pool_waits": ("requests_queued", "Requests that had to wait since the start"),
    "pinakes_pool_wait_milliseconds": ("requests_wait_ms", "Time spent waiting since the start"),
    "pinakes_pool_timeouts": ("requests_errors", "Requests that waited in vain since the start"),
}
"""What is told of the pool: the metric's name to psycopg_pool's key, and what it means."""

keep_quiet("psycopg")


class Connections(Protocol):
    """Where a store takes its connections from."""

    def connection(self, *, tested: bool = False) -> AbstractAsyncContextManager[Connection]:
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
    async def connection(self, *, tested: bool = False) -> AsyncGenerator[Connection, None]:
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
            # no prepared statements: a pooler may stand between
            partial(AsyncConnection[Row].connect, autocommit=True, prepare_threshold=None),
            notice,
            refuse,
        )
        self._changes = 0
        self._renewing = asyncio.Lock()
        self._renewed_at = time.monotonic()
        self._not_renewed_at = -RENEW_AGAIN_SECONDS
        self._keeping: asyncio.Task[None] | None = None
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            connection_class=_connection_made_by(self._logins),
            min_size=1,
            max_size=MAX_CONNECTIONS,
            max_waiting=MAX_WAITING,
            max_lifetime=FOREVER,
            max_idle=FOREVER,
            timeout=CHECKOUT_SECONDS,
            reconnect_timeout=RECONNECT_SECONDS,
            configure=_configure,
            name="pinakes",
            open=False,
        )

    async def __aenter__(self) -> Self:
        await self._logins.are_due()  # so that a configuration of no use is told at once
        await self._pool.open()
        self._keeping = asyncio.create_task(self._keep_current())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._keeping:
            self._keeping.cancel()
        await self._pool.close()

    @asynccontextmanager
    async def connection(self, *, tested: bool = False) -> AsyncGenerator[Connection, None]:
        """Lend a connection; one that died meanwhile was left out.

        To be ``tested`` costs a round trip: it is for those whose last one died, for where one
        does others may be about to.

        Raises CatalogUnavailable where none is to be had in time, and says why.
        """
        if self._logins.unreadable and not self._logins.have_worked:
            raise self._logins.unreadable.with_traceback(None)  # instead of a wait for nothing
        try:
            connection = await self._take_living(tested=tested)
        except PoolTimeout as error:
            raise CatalogUnavailable(
                f"the database is away: {self._logins.failure or self._why_waiting()}"
            ) from error
        except TooManyRequests as error:
            raise CatalogUnavailable("too many requests wait for the database") from error
        try:
            yield connection
        finally:
            await self._pool.putconn(connection)

    async def renew(self) -> bool:
        """Replace every connection if a new one can be made; say whether it could.

        Those in use are replaced when they come back.
        """
        asked_at = time.monotonic()
        async with self._renewing:
            if self._renewed_at > asked_at:
                return True
            if time.monotonic() < self._not_renewed_at + RENEW_AGAIN_SECONDS:
                return False
            return await self._renew()

    async def _renew(self) -> bool:
        try:
            connection = await self._logins.connect_with_newest()
        except (CatalogError, psycopg.Error):
            self._not_renewed_at = time.monotonic()
            return False
        await connection.close()
        self._changes = self._logins.changes
        self._renewed_at = time.monotonic()
        await self._pool.drain()
        return True

    def warnings(self) -> Sequence[str]:
        """Say why the newest credentials are not in use, where they are not."""
        problem = self._logins.problem
        return [f"the newest credentials for the database do not work: {problem}"] * bool(problem)

    def readings(self) -> Iterator[Reading]:
        """Tell how the pool is."""
        stats = self._pool.get_stats()
        for name, (key, description) in GAUGES.items():
            yield Reading(name, description, stats.get(key, 0))
        yield from self._logins.readings()

    async def _keep_current(self) -> None:
        """Follow the credentials, and let no connection get old; neither costs one that works."""
        lifetime = RENEW_SECONDS * random.uniform(0.8, 1)  # noqa: S311 - so that not all come at once
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            are_due = await self._logins.are_due() or self._logins.changes != self._changes
            if are_due or time.monotonic() > self._renewed_at + lifetime:
                await self.renew()

    def _why_waiting(self) -> str:
        return BUSY if self._pool.get_stats()["pool_size"] else CONNECTING

    async def _take_living(self, *, tested: bool) -> Connection:
        """Take a connection that the server has not closed; give the dead ones back to be buried.

        The pool's own check would wait a second, then two, then four between dead connections.
        """
        while True:
            connection = await self._pool.getconn()
            is_usable = False
            try:
                is_usable = not (_is_dead(connection) or (tested and await _is_silent(connection)))
            finally:  # also where nobody waits any more
                if not is_usable:
                    await connection.close()
                    await self._pool.putconn(connection)
            if is_usable:
                return connection


def _connection_made_by(logins: Logins) -> type[Connection]:
    """Make a class of connections, which is what the pool asks for a new one."""

    class MadeConnection(AsyncConnection[Row]):
        @classmethod
        async def connect(cls, *_: Any, **__: Any) -> Self:  # noqa: ANN401
            return cast("Self", await logins.connect())

    return MadeConnection


class _Bytes(Loader):
    """Hand JSON out as it came."""

    def load(self, data: Buffer) -> bytes:
        return bytes(data)


async def _configure(connection: Connection) -> None:
    for kind in ("json", "jsonb"):
        connection.adapters.register_loader(kind, _Bytes)
    async with asyncio.timeout(CONNECT_SECONDS):
        await connection.execute(SESSION)


def _is_dead(connection: Connection) -> bool:
    """Say whether the server has closed the connection: a look at the socket, no round trip."""
    try:
        connection.pgconn.consume_input()  # may find the server's farewell
        connection.pgconn.consume_input()  # and behind it the end
    except psycopg.OperationalError:
        return True
    return connection.closed


async def _is_silent(connection: Connection) -> bool:
    """Say whether the server does not answer on this connection."""
    try:
        await connection.execute("")
    except psycopg.OperationalError:
        return True
    return False
