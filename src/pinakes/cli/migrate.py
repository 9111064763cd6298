"""``pinakes migrate``: bring the database's schema up to date."""

import argparse
import asyncio
import os

from pinakes.catalog.errors import CatalogUnavailable
from pinakes.cli.failure import CommandFailed
from pinakes.postgres.connection import conninfo_of
from pinakes.postgres.migrate import MigrationError, migrate
from pinakes.settings import ConfiguredDatabase, SettingsError, read_settings

HELP = "create the catalogue's schema in the database, or bring it up to date"

DESCRIPTION = """\
Apply the migrations that the database described by METADATA_PG_* lacks, all of them or, where one
fails, none. Nothing is ever undone by a migration, and running this twice changes nothing.

The embedded PostgreSQL needs no such step: 'pinakes serve' migrates it.
"""

EPILOG = ""


def add_arguments(_: argparse.ArgumentParser) -> None:
    """Say what the command takes: nothing, it is all in the environment."""


def run(_: argparse.Namespace) -> None:
    """Migrate, and say what was done."""
    try:
        settings = read_settings(os.environ, data_directory=None, embedded_installed=False)
        if not isinstance(settings.database, ConfiguredDatabase):
            raise CommandFailed(
                "there is no database to migrate: set METADATA_PG_HOST and the rest"
            )
        conninfo = conninfo_of(settings.database.environment)
        applied = asyncio.run(migrate(conninfo, settings.schema))
    except (SettingsError, CatalogUnavailable, MigrationError) as error:
        raise CommandFailed(str(error)) from error
    print("\n".join(f"applied {name}" for name in applied) or "the schema is up to date")
