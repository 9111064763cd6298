"""The one transaction of a transfer, on a connection of its own."""

import asyncio
from collections.abc import AsyncGenerator, Generator, Iterable, Sequence
from contextlib import asynccontextmanager, contextmanager

import psycopg
from psycopg import AsyncConnection, IsolationLevel, errors
from psycopg.generators import fetch_many
from psycopg.pq import ExecStatus
from psycopg.types.string import ByteaBinaryLoader

from pinakes.catalog.errors import CatalogUnavailable, SchemaMismatch
from pinakes.postgres.errors import explain_connect_failure, in_catalogue_words
from pinakes.postgres.migrate import Applied, objection, shipped
from pinakes.postgres.statement import Row, Values
from pinakes.postgres.statements import load_statements
from pinakes.postgres.transfer.copied import CopiedOut, lines_of

CONNECT_SECONDS = 5


class TransferError(Exception):
    """The database refuses what is transferred; the message says what to do."""


class Session:
    """A transaction that knows the named statements."""

    def __init__(self, connection: AsyncConnection[Row], schema: str) -> None:
        self._connection = connection
        self._statements = load_statements(schema)

    async def begin(self) -> None:
        """Let the transaction take its time. Raises CatalogUnavailable where it cannot work."""
        await self.run("begin_transfer", {})
        applied = [Applied(*row) for row in await self.run("list_migrations", {})]
        if problem := objection(shipped(), applied):
            raise SchemaMismatch(problem)

    async def run(self, name: str, values: Values) -> list[Row]:
        """Run a named statement, and return its rows."""
        cursor = await self._connection.execute(self._statements[name], values, binary=True)
        return await cursor.fetchall() if cursor.description else []

    async def write(self, name: str, values: Values) -> int:
        """Run a named statement, and return how many rows it has written last."""
        cursor = await self._connection.execute(self._statements[name], values)
        return cursor.rowcount

    async def write_each(self, name: str, values: Sequence[Values]) -> int:
        """Run a named statement many times, without waiting in between; return all it wrote."""
        cursor = self._connection.cursor()
        await cursor.executemany(self._statements[name], values)
        return cursor.rowcount

    async def lines(self, name: str) -> AsyncGenerator[tuple[bytes, int], None]:
        """Yield the lines that a named statement copies out, many at a time, and how many.

        What stops before the end stops it in PostgreSQL, too.
        """
        async with self._connection.cursor().copy(self._statements[name]):
            copied = CopiedOut(self._connection.pgconn)
            while not copied.has_ended:
                if texts := copied.texts():
                    yield lines_of(texts), len(texts)
                await asyncio.sleep(0)
            await self._check_end()

    async def _check_end(self) -> None:
        """Raise what ended COPY, if it was not the end."""
        for result in await self._connection.wait(fetch_many(self._connection.pgconn)):
            if result.status != ExecStatus.COMMAND_OK:
                raise errors.error_from_result(result, encoding="utf-8")

    async def copy(self, name: str, rows: Iterable[Sequence[object]]) -> None:
        """Copy rows in by a named statement."""
        async with self._connection.cursor().copy(self._statements[name]) as copy:
            for row in rows:
                await copy.write_row(row)


@asynccontextmanager
async def transaction(
    conninfo: str, schema: str, *, read_only: bool
) -> AsyncGenerator[Session, None]:
    """Open a transaction, which is kept where the block ends well, and else never was.

    One that is read-only sees everything as it was at one moment. Raises CatalogUnavailable, or
    TransferError.
    """
    async with await _connect(conninfo) as connection:
        if read_only:
            await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
            await connection.set_read_only(True)
        else:
            await connection.set_isolation_level(IsolationLevel.READ_COMMITTED)
        with in_words():
            async with connection.transaction():
                session = Session(connection, schema)
                await session.begin()
                yield session


@contextmanager
def in_words() -> Generator[None, None, None]:
    """Turn what the driver raises inside into CatalogUnavailable or TransferError."""
    try:
        with in_catalogue_words():
            yield
    except errors.UniqueViolation as error:
        raise TransferError(
            "somebody else wrote the same entries at the same time; run the command again"
        ) from error
    except psycopg.Error as error:
        reason = error.diag.message_primary or type(error).__name__
        raise TransferError(f"PostgreSQL refused an entry: {reason}") from error


async def _connect(conninfo: str) -> AsyncConnection[Row]:
    try:
        connection = await AsyncConnection[Row].connect(
            conninfo,
            connect_timeout=CONNECT_SECONDS,
            prepare_threshold=None,  # a pooler may stand between
        )
    except (psycopg.OperationalError, UnicodeError) as error:
        reason = explain_connect_failure(error).told
        raise CatalogUnavailable(f"the database is away: {reason}") from error
    for kind in ("json", "jsonb"):  # neither is read here; jsonb begins with its version
        connection.adapters.register_loader(kind, ByteaBinaryLoader)
    return connection
