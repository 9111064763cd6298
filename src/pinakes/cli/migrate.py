"""``pinakes migrate``: bring the database's schema up to date."""

import argparse
import asyncio
from functools import partial

from pinakes.catalog.errors import CatalogUnavailable
from pinakes.cli.environment import read_environment
from pinakes.cli.failure import CommandFailed
from pinakes.database import migration_reader
from pinakes.postgres.migrate import (
    EMPTY,
    MigrationError,
    State,
    look,
    migrate,
    objection,
    pending,
    shipped,
    write_plan,
)
from pinakes.postgres.passwords.choice import fetch_once
from pinakes.settings.database import ConfiguredDatabase
from pinakes.settings.environment import Settings

DESCRIPTION = """\
Apply the migrations that the database described by METADATA_PG_* lacks, one after another, while
servers run. What was applied stays applied: it may be stopped at any moment and run again, also by
several at once, and running it twice changes nothing. Nothing is ever undone by a migration.

Migrations named .pre.sql are for before the servers of this version start, those named .post.sql
for after: they wait for --post, or for the first migration of a later version.

The embedded PostgreSQL needs no such step: 'pinakes serve' migrates it.
"""

EPILOG = """\
examples:
  pinakes migrate --plan    what would be run, and what each statement locks
  pinakes migrate           before the servers of this version are started
  pinakes migrate --post    when no server of an older version runs any more
  pinakes migrate --check   exit code 0 where nothing is pending, else 1
"""

FOR_AN_EMPTY_DATABASE = "-- No database is configured: this is the plan for an empty one."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    only = parser.add_mutually_exclusive_group()
    only.add_argument(
        "--plan", action="store_true", help="print the SQL and its locks; change nothing"
    )
    only.add_argument("--check", action="store_true", help="exit with 1 where something is pending")
    parser.add_argument(
        "--post", action="store_true", help="also what is for after the servers are replaced"
    )


def run(arguments: argparse.Namespace) -> None:
    """Migrate, or only look."""
    settings = read_environment()
    try:
        if arguments.plan:
            _plan(settings, post=arguments.post)
        elif arguments.check:
            _check(settings, post=arguments.post)
        else:
            _migrate(settings, post=arguments.post)
    except (CatalogUnavailable, MigrationError) as error:
        raise CommandFailed(str(error)) from error


def _migrate(settings: Settings, *, post: bool) -> None:
    told = partial(print, flush=True)
    applied = migrate(_conninfo(settings), settings.schema, post=post, notice=told)
    if not asyncio.run(applied):
        print("the schema is up to date")


def _plan(settings: Settings, *, post: bool) -> None:
    """Print what would be run; of a database that is configured but away nothing is known."""
    state = EMPTY
    if isinstance(settings.database, ConfiguredDatabase):
        state = _look(settings)
    else:
        print(FOR_AN_EMPTY_DATABASE)
    missing = pending(shipped(), state.applied, post=post)
    print(write_plan(missing, state, settings.schema) or "-- the schema is up to date")


def _check(settings: Settings, *, post: bool) -> None:
    applied = _look(settings).applied
    missing = pending(shipped(), applied, post=post)
    print("\n".join(f"pending {one.name}" for one in missing) or "nothing is pending")
    if missing:
        raise CommandFailed("the schema is behind: run 'pinakes migrate'")
    if problem := objection(shipped(), applied):
        raise CommandFailed(problem)


def _look(settings: Settings) -> State:
    return asyncio.run(look(_conninfo(settings), settings.schema))


def _conninfo(settings: Settings) -> str:
    """Say where to migrate and as whom: the one place that chooses the credentials."""
    database = settings.database
    if not isinstance(database, ConfiguredDatabase):
        raise CommandFailed("there is no database to migrate: set METADATA_PG_HOST and the rest")
    reader = migration_reader(database)
    if database.password_source is None:
        return reader.conninfo()
    return reader.conninfo(fetch_once(database.password_source, reader.login()))
