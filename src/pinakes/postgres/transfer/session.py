"""The one transaction of a transfer, on a connection of its own."""

from collections.abc import AsyncGenerator, Generator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager

import psycopg
from psycopg import AsyncConnection, IsolationLevel, errors
from psycopg.abc import PQGen
from psycopg.generators import copy_from
from psycopg.pq.abc import PGconn
from psycopg.types.string import ByteaBinaryLoader

from pinakes.catalog.errors import CatalogUnavailable, SchemaMismatch
from pinakes.postgres.errors import explain_connect_failure, in_catalogue_words
from pinakes.postgres.migrate import Applied, objection, shipped
from pinakes.postgres.rows import Row
from pinakes.postgres.statements import load_statements

CONNECT_SECONDS = 5

CHUNK = 1024 * 1024
"""So many bytes are handed on at a time."""

QUOTE = b"\x01"
"""What COPY is told to put around a row that has a line end in it; no JSON holds it otherwise."""

Values = Mapping[str, object]


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

    async def lines(self, name: str) -> AsyncGenerator[list[bytes], None]:
        """Yield what a named statement copies out, many lines at a time, each with its end."""
        async with self._connection.cursor().copy(self._statements[name]):
            goes_on = True
            while goes_on:
                reading = _many_lines(self._connection.pgconn)
                lines, goes_on = await self._connection.wait(reading)
                yield _unquoted(lines)

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


def _many_lines(connection: PGconn) -> PQGen[tuple[list[bytes], bool]]:
    """Read lines that COPY gives out, and whether it goes on: a CHUNK, or what is left of it.

    To await each line by itself takes a fifth more CPU (decision 0026).
    """
    lines: list[bytes] = []
    size = 0
    while size < CHUNK:
        line = yield from copy_from(connection)
        if not isinstance(line, memoryview):
            return lines, False
        lines.append(bytes(line))
        size += len(line)
    return lines, True


def _unquoted(lines: list[bytes]) -> list[bytes]:
    """Make one line of what PostgreSQL keeps as several: between values a space is as good."""
    return [
        line.strip(QUOTE + b"\r\n").replace(b"\n", b" ").replace(b"\r", b" ") + b"\n"
        if line.startswith(QUOTE)
        else line
        for line in lines
    ]


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
