"""The connections to PostgreSQL: a pool that never hands out a dead one, or the lack of any."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any, Protocol, Self

import psycopg
from psycopg import AsyncConnection
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg_pool import AsyncConnectionPool, PoolTimeout, TooManyRequests

from pinakes.catalog.errors import CatalogError, CatalogUnavailable
from pinakes.postgres.errors import ConnectFailure, explain_connect_failure
from pinakes.postgres.rows import Row
from pinakes.telemetry import Reading

MAX_CONNECTIONS = 8
MAX_WAITING = 200
CONNECT_SECONDS = 3
CHECKOUT_SECONDS = 4.0
RECONNECT_SECONDS = 4.0
"""After failing for so long the pool gives a connection up and is ready to try a new one at once,
where it would else wait ever longer between attempts."""
BUSY = "all of its connections are in use"
CONNECTING = "it has not answered yet"
SESSION = (
    "set statement_timeout = '4500ms'; set lock_timeout = '4s';"
    " set idle_in_transaction_session_timeout = '30s'; set datestyle = 'ISO'"
)
"""The server gives a statement up before the client does, so that its end is known: the wait for a
connection and this together are shorter than what the store waits. The runtime role has the same
limits by itself, for behind a pooler these reach only one of its connections (decision 0017)."""

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

FAILURES = "pinakes_connect_failures"

Connection = AsyncConnection[Row]

# The driver's own log names hosts and users; what fails is told in our words instead.
logging.getLogger("psycopg").addHandler(logging.NullHandler())
logging.getLogger("psycopg").propagate = False


class Connections(Protocol):
    """Where a store takes its connections from."""

    def connection(self) -> AbstractAsyncContextManager[Connection]:
        """Lend a connection; raises CatalogError where there is none to be had."""
        ...


class NoConnections:
    """The lack of a database, with its reason: no connection is ever tried."""

    def __init__(self, reason: CatalogError) -> None:
        self._reason = reason

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[Connection, None]:
        """Raise the reason."""
        raise self._reason.with_traceback(None)  # else it would grow with every raise
        yield


class Pool:
    """A pool of connections to one database, each in autocommit.

    ``conninfo`` is asked anew for every connection that is made.
    """

    def __init__(self, conninfo: Callable[[], str]) -> None:
        self._conninfo = conninfo
        self._failure = ""
        self._failures: Counter[str] = Counter()
        self._is_unconfigured = False
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            self._describe,
            connection_class=self._explaining_connection(),
            kwargs={"autocommit": True, "prepare_threshold": None},  # a pooler may stand between
            min_size=1,
            max_size=MAX_CONNECTIONS,
            max_waiting=MAX_WAITING,
            timeout=CHECKOUT_SECONDS,
            reconnect_timeout=RECONNECT_SECONDS,
            configure=_configure,
            name="pinakes",
            open=False,
        )

    async def __aenter__(self) -> Self:
        with suppress(CatalogError):  # which every request is told, until it is mended
            self._describe()
        await self._pool.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.close()

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[Connection, None]:
        """Lend a connection; one that died meanwhile was left out.

        Raises CatalogUnavailable where none is to be had in time, and says why.
        """
        if self._is_unconfigured:
            self._describe()  # raises at once, instead of after a wait for nothing
        try:
            connection = await self._take_living()
        except PoolTimeout as error:
            raise CatalogUnavailable(
                f"the database is away: {self._failure or self._why_waiting()}"
            ) from error
        except TooManyRequests as error:
            raise CatalogUnavailable("too many requests wait for the database") from error
        try:
            yield connection
        finally:
            await self._pool.putconn(connection)

    def readings(self) -> Iterator[Reading]:
        """Tell how the pool is."""
        stats = self._pool.get_stats()
        for name, (key, description) in GAUGES.items():
            yield Reading(name, description, stats.get(key, 0))
        for kind, count in self._failures.items():
            yield Reading(FAILURES, "Connections not made, by class", count, ("class", kind))

    def _why_waiting(self) -> str:
        return BUSY if self._pool.get_stats()["pool_size"] else CONNECTING

    def _note(self, failure: ConnectFailure) -> None:
        self._failure = failure.told
        self._failures[failure.kind] += 1

    def _describe(self) -> str:
        try:
            conninfo = self._conninfo()
        except CatalogError as error:
            self._note(ConnectFailure("configuration", str(error)))
            self._is_unconfigured = True
            raise
        self._is_unconfigured = False
        return conninfo

    async def _take_living(self) -> Connection:
        """Take a connection that the server has not closed; give the dead ones back to be buried.

        The pool's own check would wait a second, then two, then four between dead connections.
        """
        while True:
            connection = await self._pool.getconn()
            if not _is_dead(connection):
                return connection
            await connection.close()
            await self._pool.putconn(connection)

    def _explaining_connection(self) -> type[Connection]:
        """Make a class of connections that tells this pool why one could not be made."""
        pool = self

        class ExplainingConnection(AsyncConnection[Row]):
            @classmethod
            async def connect(cls, *args: Any, **kwargs: Any) -> Self:  # noqa: ANN401
                try:
                    connection = await super().connect(*args, **kwargs)
                except (psycopg.Error, OSError, UnicodeError) as error:
                    pool._note(explain_connect_failure(error))
                    raise
                pool._failure = ""
                return connection

        return ExplainingConnection


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
