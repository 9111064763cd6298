"""The way to the database that the settings choose, for a server or for one piece of work."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import assert_never

from pinakes.catalog.errors import CatalogDisabled, CatalogUnavailable
from pinakes.postgres.connection import (
    CLIENT_TLS_DIRECTORY,
    SECRET_DIRECTORY,
    Configuration,
    ConnectionReader,
)
from pinakes.postgres.embedded import EmbeddedPostgres
from pinakes.postgres.files import PrivateFiles
from pinakes.postgres.migrate import migrate
from pinakes.settings.database import (
    ConfiguredDatabase,
    EmbeddedDatabase,
    NoDatabase,
    UnknownDatabase,
)
from pinakes.settings.environment import Settings
from pinakes.settings.passwords import PasswordSettings

Description = Callable[[], Awaitable[str]]
"""Says how to connect now. Raises CatalogError where that cannot be known."""

DISABLED = "model metadata is disabled: METADATA_PG_ENABLED is false"


@asynccontextmanager
async def opened_database(settings: Settings) -> AsyncGenerator[Description, None]:
    """Yield what says how to connect to the database that was chosen, anew for each connection.

    The embedded one runs meanwhile. Raises CatalogError, EmbeddedError or MigrationError where
    there is none.
    """
    match settings.database:
        case NoDatabase():
            raise CatalogDisabled(DISABLED)
        case UnknownDatabase(reason):
            raise CatalogUnavailable(f"there is no database: {reason}")
        case EmbeddedDatabase(directory):
            async with EmbeddedPostgres(directory) as embedded:
                await migrate(embedded.conninfo(), settings.schema)
                yield partial(_describe_embedded, embedded)
        case ConfiguredDatabase():
            # It lives as long as the block: files that a connection string names are its own.
            reader = connection_reader(settings.database)
            yield partial(_describe_for_once, reader, settings.database.password_source)
        case _:
            assert_never(settings.database)


async def _describe_embedded(embedded: EmbeddedPostgres) -> str:
    return embedded.conninfo()


async def _describe_for_once(reader: ConnectionReader, passwords: PasswordSettings | None) -> str:
    """Say how to connect, with a password that is fetched for that: a token lives for minutes."""
    if passwords is None:
        return reader.conninfo()
    # Who has it in a secret need not wait until what fetches passwords is imported.
    from pinakes.postgres.passwords.choice import password_source  # noqa: PLC0415

    # What would be an event is told by the error.
    return await reader.conninfo_from(password_source(passwords, lambda _: None))


def connection_reader(database: ConfiguredDatabase) -> ConnectionReader:
    """Make what reads how the server connects."""
    configuration = Configuration(
        database.environment, database.libpq_environment, needs_tls=database.sends_token
    )
    return ConnectionReader(configuration, PrivateFiles(may_use_disk=database.keys_on_disk))


def migration_reader(database: ConfiguredDatabase) -> ConnectionReader:
    """Make what reads how to connect for migrating: each mount of its own where one is named."""
    mounts = {
        SECRET_DIRECTORY: database.migrate_secret_directory,
        CLIENT_TLS_DIRECTORY: database.migrate_client_tls_directory,
    }
    own = {variable: directory for variable, directory in mounts.items() if directory}
    return connection_reader(replace(database, environment={**database.environment, **own}))
