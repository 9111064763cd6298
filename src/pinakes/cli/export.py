"""``pinakes export``: everything that a catalogue holds, as lines of JSON."""

import argparse
import os
import stat
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pinakes.cli.appearing import appearing
from pinakes.cli.carrying import ProgressLine, add_database, read_settings, run_to_the_end, table
from pinakes.cli.failure import CommandFailed, WrongUsage
from pinakes.cli.terminal import is_shown
from pinakes.postgres.embedded import has_data
from pinakes.settings.database import EmbeddedDatabase
from pinakes.settings.environment import Settings
from pinakes.transfers.exports import export_catalogue
from pinakes.wire.portable.manifest import Sections

DESCRIPTION = """\
Write every model, every revision and all runtime metadata as lines of JSON, as they are at one
moment, while servers go on; nothing is changed. The last line is a manifest with counts and
digests, so that 'pinakes import' notices a file that was cut or changed. Two exports of the same
catalogue are the same, byte by byte.

The catalogue is that of METADATA_PG_*, as for 'pinakes serve', or that of the embedded PostgreSQL,
which must not be running. The format is described in docs/reference/export-format.md.
"""

EPILOG = """\
examples:
  pinakes export -o catalogue.ndjson            appears when it is complete, readable for you alone
  pinakes export | gzip > catalogue.ndjson.gz
  pinakes export | jq -c 'select(.URI)'         the models alone
  pinakes export --data-dir .pinakes -o catalogue.ndjson

exit codes: 0 all of it was written, 1 it was not, 2 asked wrongly
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument(
        "-o", "--output", metavar="FILE", default="-", help="where to write it (standard output)"
    )
    add_database(parser)


def run(arguments: argparse.Namespace) -> None:
    """Export, and say how much it was."""
    if arguments.output == "-" and is_shown():
        raise WrongUsage("a whole catalogue is too long for a terminal: give -o FILE, or a pipe")
    settings = read_settings(arguments)
    _check_there(settings)
    progress = ProgressLine()
    try:
        with _opened(arguments.output) as file:
            sections = run_to_the_end(export_catalogue(settings, file.write, progress.show))
    except BrokenPipeError:
        raise
    except OSError as error:
        name = "the standard output" if arguments.output == "-" else arguments.output
        raise CommandFailed(f"{name} cannot be written: {error.strerror}") from error
    finally:
        progress.clear()
    if sys.stderr:
        print(_summary(sections), file=sys.stderr)


def _check_there(settings: Settings) -> None:
    """Refuse a directory without data: there is nothing to export, and nothing to be made."""
    database = settings.database
    if isinstance(database, EmbeddedDatabase) and not has_data(database.directory):
        raise CommandFailed(f"{database.directory} holds no catalogue")


def _summary(sections: Sections) -> str:
    rows = [(kind.value, f"{section.count:,}") for kind, section in sections.items()]
    return table([("exported", "lines"), *rows])


@contextmanager
def _opened(name: str) -> Generator[BinaryIO, None, None]:
    """Open what is written to; a file appears under its name when it is complete."""
    if name == "-":
        if sys.stdout is None:  # pyright: ignore[reportUnnecessaryComparison]
            raise WrongUsage("the standard output is closed: give -o FILE")
        with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as standard_output:
            yield standard_output
    elif _is_special(Path(name)):
        with Path(name).open("wb") as special:
            yield special
    else:
        with appearing(Path(name)) as file:
            yield file


def _is_special(path: Path) -> bool:
    """Tell a pipe or a device, which no file may take the place of."""
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return False
