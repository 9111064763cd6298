"""What ``pinakes export`` and ``pinakes import`` have in common."""

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

import uvloop

from pinakes.catalog.errors import CatalogError
from pinakes.cli.environment import read_environment
from pinakes.cli.failure import CommandFailed, WrongUsage
from pinakes.postgres.embedded import EmbeddedError
from pinakes.postgres.migrate import MigrationError
from pinakes.postgres.transfer.session import TransferError
from pinakes.settings.database import EmbeddedDatabase
from pinakes.settings.environment import Settings

Result = TypeVar("Result")

PROGRESS_SECONDS = 0.2


class Stopped(CommandFailed):
    """Not at the end, and perhaps it comes there when it is run again."""


def add_database(parser: argparse.ArgumentParser) -> None:
    """Say which catalogue is meant."""
    parser.add_argument(
        "--data-dir",
        type=Path,
        help="the catalogue of the embedded PostgreSQL in this directory (without it, and where"
        " METADATA_PG_* describe none: PINAKES_DATA_DIR, else ~/.local/share/pinakes)",
    )


def read_settings(arguments: argparse.Namespace) -> Settings:
    """Read the settings that the server reads, and which catalogue is meant."""
    settings = read_environment(arguments.data_dir)
    if arguments.data_dir and not isinstance(settings.database, EmbeddedDatabase):
        raise WrongUsage(
            "--data-dir names a catalogue of the embedded PostgreSQL, but the environment says to"
            " use another or none: unset METADATA_PG_*, or leave --data-dir out"
        )
    return settings


def run_to_the_end(work: Coroutine[Any, Any, Result]) -> Result:
    """Run. Raises Stopped, in words, where it fails, or where SIGINT or SIGTERM come."""
    try:
        return uvloop.run(_until_told(work))
    except (CatalogError, EmbeddedError, MigrationError, TransferError) as error:
        raise Stopped(str(error)) from error
    except asyncio.CancelledError:
        raise Stopped("stopped before the end") from None


async def _until_told(work: Coroutine[Any, Any, Result]) -> Result:
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    return await task


class ProgressLine:
    """One line at the terminal, if there is one, that says how far the work is."""

    def __init__(self) -> None:
        self._is_seen = bool(sys.stderr and sys.stderr.isatty())
        self._next = 0.0
        self.count = 0

    def show(self, what: str, count: int) -> None:
        """Say how much was done so far."""
        self.count = count
        if self._is_seen and time.monotonic() >= self._next:
            print(f"\r{count:,} {what}", end="", file=sys.stderr, flush=True)
            self._next = time.monotonic() + PROGRESS_SECONDS

    def clear(self) -> None:
        """Leave the line to others."""
        if self._is_seen:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def table(rows: Sequence[Sequence[str]]) -> str:
    """Write rows below each other: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
