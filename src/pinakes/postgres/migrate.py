"""Bring the schema up to date: forward only, one process at a time, all of it or nothing."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg import AsyncConnection

from pinakes.catalog.errors import CatalogUnavailable
from pinakes.postgres.errors import explain_connect_failure, in_catalogue_words
from pinakes.postgres.rows import Row
from pinakes.postgres.statements import FOLDER, for_schema, load_statements

CONNECT_SECONDS = 5


class MigrationError(Exception):
    """The schema cannot be brought up to date; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Migration:
    """A shipped file, ``0001_models.pre.sql``: its name tells its order and its phase."""

    name: str
    text: str

    @property
    def digest(self) -> str:
        """The digest by which an edited file is told from the one that was applied."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def shipped() -> list[Migration]:
    """Return every migration of this version, in order."""
    files = [file for file in (FOLDER / "migrations").iterdir() if file.name.endswith(".sql")]
    migrations = [Migration(file.name, file.read_text(encoding="utf-8")) for file in files]
    return sorted(migrations, key=lambda migration: migration.name)


def shipped_names() -> frozenset[str]:
    """Return the names of every migration of this version."""
    return frozenset(migration.name for migration in shipped())


async def migrate(conninfo: str, schema: str) -> Sequence[str]:
    """Apply what is missing, in one transaction, and return its names.

    Raises MigrationError where an applied file was edited since or PostgreSQL refuses one,
    CatalogUnavailable where the database cannot be asked.
    """
    async with await _connect(conninfo) as connection:
        try:
            with in_catalogue_words():
                return await _Migrator(connection, schema).apply_missing()
        except psycopg.Error as error:
            raise MigrationError(f"PostgreSQL refused: {error.diag.message_primary}") from error


async def _connect(conninfo: str) -> AsyncConnection[Row]:
    try:
        return await AsyncConnection[Row].connect(conninfo, connect_timeout=CONNECT_SECONDS)
    except psycopg.OperationalError as error:
        reason = explain_connect_failure(error)
        raise CatalogUnavailable(f"the database is away: {reason}") from error


class _Migrator:
    def __init__(self, connection: AsyncConnection[Row], schema: str) -> None:
        self._connection = connection
        self._schema = schema
        self._statements = load_statements(schema)

    async def apply_missing(self) -> Sequence[str]:
        await self._run("lock_migrations", schema=self._schema)
        if not await self._run("find_schema", schema=self._schema):
            await self._run("create_schema")
        await self._run("create_migrations")
        applied = dict(await self._run("list_migrations"))
        missing = [one for one in shipped() if not _is_applied(one, applied.get(one.name))]
        for migration in missing:
            await self._connection.execute(for_schema(migration.text, self._schema))
            await self._run("record_migration", name=migration.name, digest=migration.digest)
        return [migration.name for migration in missing]

    async def _run(self, statement: str, **values: str) -> list[Row]:
        cursor = await self._connection.execute(self._statements[statement], values or None)
        return await cursor.fetchall() if cursor.description else []


def _is_applied(migration: Migration, digest: str | None) -> bool:
    if digest is None:
        return False
    if digest != migration.digest:
        raise MigrationError(
            f"migration {migration.name} was applied with another text than this version ships;"
            " use the version that applied it, or a later one"
        )
    return True
