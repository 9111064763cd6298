"""``pinakes import``: make a catalogue what a file says."""

import argparse
import getpass
import json
import os
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from pinakes.catalog.revision import Change
from pinakes.catalog.stored import StoredModel
from pinakes.cli.carrying import (
    ProgressLine,
    Stopped,
    add_database,
    read_settings,
    run_to_the_end,
    table,
)
from pinakes.cli.failure import CommandFailed, WrongUsage
from pinakes.cli.terminal import printable
from pinakes.postgres.transfer.order import Count, Difference, Mode, Order, Outcome
from pinakes.settings.environment import Settings
from pinakes.transfers.files import FileRefused, import_file
from pinakes.wire.names import json_path
from pinakes.wire.portable.reading import UnreadableFormat

DOOR = "import"

Reader = Callable[[argparse.Namespace, Settings, Order, ProgressLine], Outcome]

WHOLE = "a file is imported wholly or not at all; the same command may be run again"

DESCRIPTION = """\
Read what 'pinakes export' wrote, or lines that are each a model as the API writes it, and make the
catalogue so: what is missing is created, what differs is updated, what is the same is left alone.
Everything is checked by the rules of the API, and all of it is kept in one transaction, or nothing:
an import that was stopped has changed nothing and is simply run again.

Revisions are restored as they were. What comes without any gets one, through the door 'import'.

With --from-api the models, and where the server has it the runtime metadata, are read page by page
from any server of this API, that of the vendor's platform too: the history there stays there. Each
page is kept as it comes, and --state remembers the next one, for an import that is run again.
"""

EPILOG = """\
examples:
  pinakes import --dry-run catalogue.ndjson       what would change; nothing does
  pinakes import catalogue.ndjson
  pinakes import --mode replace catalogue.ndjson  also deletes what the file lacks
  gunzip -c catalogue.ndjson.gz | pinakes import -
  pinakes import --data-dir new catalogue.ndjson  makes a catalogue of its own for a look

  pinakes import --from-api https://platform.example --token-file token --state import.state

exit codes: 0 the catalogue is as the file says, 1 it could not be read or kept (of a file nothing
then, of a server the pages before), 2 asked wrongly
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument(
        "file", metavar="FILE", nargs="?", help="what to import; - is standard input"
    )
    parser.add_argument("--from-api", metavar="URL", help="read this server instead of a file")
    parser.add_argument(
        "--token-file", metavar="FILE", type=Path, help="where the token for it is, read each time"
    )
    parser.add_argument(
        "--ca-file", metavar="FILE", type=Path, help="authorities to trust beside the usual ones"
    )
    parser.add_argument(
        "--state", metavar="FILE", type=Path, help="where to remember how far the server was read"
    )
    parser.add_argument(
        "--mode",
        choices=[mode.value for mode in Mode],
        default=Mode.MERGE.value,
        help="merge leaves alone what the file lacks, replace deletes it (%(default)s)",
    )
    parser.add_argument("--dry-run", action="store_true", help="print what differs, change nothing")
    parser.add_argument("--json", action="store_true", help="print it as lines of JSON")
    parser.add_argument(
        "--actor",
        default=_user(),
        help="who is said to have made the changes (the user of the system: %(default)s)",
    )
    add_database(parser)


def run(arguments: argparse.Namespace) -> None:
    """Import, and say what became of everything."""
    _check_usage(arguments)
    settings = read_settings(arguments)
    progress = ProgressLine()
    report = _Report(progress, as_json=arguments.json)
    order = Order(
        change=Change(actor=arguments.actor, door=DOOR, request_id=uuid4().hex),
        mode=Mode(arguments.mode),
        is_dry=arguments.dry_run,
        on_difference=report.difference if arguments.dry_run else _ignore,
    )
    try:
        outcome = _reader_of(arguments)(arguments, settings, order, progress)
    except _NotPrinted as stopped:
        raise stopped.error from None
    finally:
        progress.clear()
    report.outcome(outcome)


def _check_usage(arguments: argparse.Namespace) -> None:
    """Refuse what does not go together."""
    if (arguments.file is None) is (arguments.from_api is None):
        raise WrongUsage("name either a FILE (- is standard input) or a server, with --from-api")
    if not _is_text(arguments.actor):
        raise WrongUsage("--actor is no text in UTF-8")
    for name in ("token_file", "ca_file", "state"):
        if getattr(arguments, name) and not arguments.from_api:
            raise WrongUsage(f"--{name.replace('_', '-')} goes with --from-api")
    if not arguments.from_api:
        return
    if arguments.mode == Mode.REPLACE.value:
        raise WrongUsage(
            "--mode replace does not go with --from-api: a server lists only what its caller may"
            " read, and the rest would be deleted here"
        )
    if arguments.dry_run and arguments.state:
        raise WrongUsage("--state does not go with --dry-run, which keeps nothing")


def _reader_of(arguments: argparse.Namespace) -> Reader:
    """Choose what is read."""
    if not arguments.from_api:
        return _read_file
    # Who reads a file need not wait until what speaks HTTP is imported.
    from pinakes.cli.from_api import read_server  # noqa: PLC0415

    return read_server


def _read_file(
    arguments: argparse.Namespace, settings: Settings, order: Order, progress: ProgressLine
) -> Outcome:
    try:
        with _opened(arguments.file) as file:
            return run_to_the_end(import_file(settings, file, order, progress.show))
    except Stopped as stopped:
        raise CommandFailed(str(stopped) if order.is_dry else f"{stopped}\n{WHOLE}") from stopped
    except FileRefused as refused:
        raise CommandFailed(_told(arguments.file, refused)) from refused
    except UnreadableFormat as error:
        raise CommandFailed(str(error)) from error
    except OSError as error:
        raise CommandFailed(f"{arguments.file} cannot be read: {error.strerror}") from error


def _user() -> str:
    """Return who runs the command; a container may have given him no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _is_text(argument: str) -> bool:
    """Tell a text from bytes that are none, which Python keeps as lone surrogates."""
    try:
        argument.encode()
    except UnicodeEncodeError:
        return False
    return True


@contextmanager
def _opened(name: str) -> Generator[BinaryIO, None, None]:
    if name == "-":
        if sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison]
            raise WrongUsage("the standard input is closed: name a FILE")
        # Not sys.stdin, and never closed: both wait for whoever still reads from it.
        yield os.fdopen(os.dup(sys.stdin.fileno()), "rb", closefd=False)
    else:
        with Path(name).open("rb") as file:
            yield file


def _told(name: str, refused: FileRefused) -> str:
    lines = [
        f"line {problem.line}: {problem.told}" if problem.line else problem.told
        for problem in refused.problems
    ]
    if refused.untold:
        lines.append(f"and {refused.untold} more")
    return "\n".join([f"nothing was imported, {name} cannot be:", *lines])


def _ignore(_: Difference) -> None: ...


class _NotPrinted(Exception):
    """The standard output does not take what is printed, which is no fault of what is read."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


class _Report:
    """Prints what differs, while it is found, and what became of everything."""

    def __init__(self, progress: ProgressLine, *, as_json: bool) -> None:
        self._progress = progress
        self._as_json = as_json

    def difference(self, found: Difference) -> None:
        """Print a difference."""
        self._progress.clear()
        try:
            self._print(found)
        except OSError as error:
            raise _NotPrinted(error) from error

    def _print(self, found: Difference) -> None:
        kind = "model" if found.kind is StoredModel else "runtime metadata"
        names = [json_path([name]) for name in found.fields]
        if self._as_json:
            told = {"change": found.verb.value, "kind": kind, "key": found.place, "fields": names}
            print(json.dumps(told, ensure_ascii=False))
        else:
            key = " ".join(repr(part) for part in found.place)
            print(printable(f"{found.verb.value}  {kind}  {key}  {', '.join(names)}".rstrip()))

    def outcome(self, outcome: Outcome) -> None:
        """Print what became of everything."""
        if self._as_json:
            print(json.dumps({"outcome": asdict(outcome)}))
            return
        counts = (
            ("revisions", outcome.revisions),
            ("models", outcome.models),
            ("runtime metadata", outcome.runtime),
        )
        heads = ("", "created", "updated", "deleted", "unchanged")
        print(table([heads, *((name, *_cells(count)) for name, count in counts)]))
        if outcome.told:
            print(f"{outcome.told:,} revisions were added through the door {DOOR!r}")


def _cells(count: Count) -> list[str]:
    numbers = (count.created, count.updated, count.deleted, count.unchanged)
    return [f"{number:,}" for number in numbers]
