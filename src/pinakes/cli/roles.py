"""``pinakes roles``: the two roles that a catalogue is owned and served by."""

import argparse
import os

from pinakes.cli.failure import CommandFailed
from pinakes.postgres.roles import RoleNameError, write_roles
from pinakes.settings.environment import read_settings
from pinakes.settings.values import SettingsError

DESCRIPTION = """\
Print the SQL that an administrator of the database runs once, so that one role owns the catalogue
and migrates it, and another, which serves it, may only read and write rows, and of the history only
add some. It connects to nothing, holds no password and may be run again.

A catalogue works with a single role as well: then there is nothing to run.
"""

EPILOG = """\
examples:
  pinakes roles --sql | psql -v ON_ERROR_STOP=1 -d metadata
  pinakes roles --sql --owner metadata-owner --runtime metadata-app
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("--sql", action="store_true", required=True, help="print the SQL")
    parser.add_argument(
        "--owner", default="pinakes_owner", help="the role that migrates (%(default)s)"
    )
    parser.add_argument(
        "--runtime", default="pinakes_runtime", help="the role that serves (%(default)s)"
    )
    parser.add_argument(
        "--schema", help="the schema of the catalogue (PINAKES_PG_SCHEMA, else pinakes)"
    )


def run(arguments: argparse.Namespace) -> None:
    """Print the script."""
    given = {"PINAKES_PG_SCHEMA": arguments.schema} if arguments.schema else {}
    try:
        settings = read_settings(
            {**os.environ, **given}, data_directory=None, embedded_installed=False
        )
        print(write_roles(settings.schema, arguments.owner, arguments.runtime), end="")
    except (SettingsError, RoleNameError) as error:
        raise CommandFailed(str(error)) from error
