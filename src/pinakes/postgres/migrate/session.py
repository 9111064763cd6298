"""A connection of one who migrates."""

import psycopg
from psycopg import AsyncClientCursor, AsyncConnection, IsolationLevel

from pinakes.catalog.errors import CatalogUnavailable
from pinakes.postgres.errors import NARROW, UTF8, explain_connect_failure
from pinakes.postgres.migrate.errors import MigrationError
from pinakes.postgres.migrate.state import Applied, State
from pinakes.postgres.statement import Row
from pinakes.postgres.statements import for_schema, load_statements

CONNECT_SECONDS = 5


class Session:
    """A connection that knows the named statements, and the schema they are for."""

    def __init__(self, connection: AsyncConnection[Row], schema: str) -> None:
        self.connection = connection
        self.schema = schema
        self._statements = load_statements(schema)

    async def run(self, name: str, /, **values: object) -> list[Row]:
        """Run a named statement."""
        return await self._execute(self._statements[name], values)

    async def run_shipped(self, text: str) -> None:
        """Run a statement of a migration."""
        await self._execute(for_schema(text, self.schema), {})

    async def run_written(self, text: str) -> None:
        """Run a statement that PostgreSQL itself has written."""
        await self._execute(text.encode(), {})

    async def read_state(self) -> State:
        """Read how far the database is."""
        has_schema = bool(await self.run("find_schema", schema=self.schema))
        has_list = bool(await self.run("find_migrations", schema=self.schema))
        rows = await self.run("list_migrations") if has_list else []
        return State(has_schema, has_list, [Applied(*row) for row in rows])

    async def _execute(self, statement: bytes, values: dict[str, object]) -> list[Row]:
        cursor = await self.connection.execute(statement, values or None)
        return await cursor.fetchall() if cursor.description else []


async def connect(conninfo: str) -> AsyncConnection[Row]:
    """Connect, in autocommit. Raises CatalogUnavailable.

    An idle transaction of this connection never holds a snapshot, for which all that is done
    CONCURRENTLY would wait: hence READ COMMITTED, and values that are bound by the client, since
    those that the server binds keep a portal open. Nothing is prepared, so a pooler may stand
    between.
    """
    try:
        connection = await AsyncConnection[Row].connect(
            conninfo,
            autocommit=True,
            connect_timeout=CONNECT_SECONDS,
            cursor_factory=AsyncClientCursor,
        )
    except (psycopg.OperationalError, UnicodeError) as error:
        reason = explain_connect_failure(error).told
        raise CatalogUnavailable(f"the database is away: {reason}") from error
    await connection.set_isolation_level(IsolationLevel.READ_COMMITTED)
    await _refuse_other_encodings(connection)
    return connection


async def _refuse_other_encodings(connection: AsyncConnection[Row]) -> None:
    if (encoding := connection.pgconn.parameter_status(b"server_encoding")) != UTF8.encode():
        await connection.close()
        raise MigrationError(NARROW.format(encoding=(encoding or b"unknown").decode()))
