"""``pinakes doctor``: why it does not connect, or what would be unwise."""

import argparse
import sys
from collections.abc import Iterator
from itertools import tee

from pinakes.cli.environment import read_environment
from pinakes.cli.failure import CommandFailed
from pinakes.cli.terminal import printable
from pinakes.doctor.examination import examine, misread
from pinakes.doctor.finding import Finding, Status
from pinakes.doctor.report import as_json, as_table

DESCRIPTION = """\
Walk from the keys of the secret to a row that is written and rolled back, and say for each check
what was seen and, where it fails, the one thing to do. Nothing is changed, and no password is ever
printed. The exit code is 0 where no check failed, else 1.

Every check is described in docs/reference/checks.md.
"""

EPILOG = """\
examples:
  pinakes doctor            a line a check, and what to do below it
  pinakes doctor --json     one list of {check, status, message, fix}
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def run(arguments: argparse.Namespace) -> None:
    """Examine, print what is found as it is found, and exit with 1 where a check failed."""
    printed, judged = tee(_examine())
    for text in [as_json(printed)] if arguments.json else as_table(printed):
        print(printable(text), flush=True)
    if any(finding.status is Status.FAILED for finding in judged):
        sys.exit(1)


def _examine() -> Iterator[Finding]:
    try:
        settings = read_environment()
    except CommandFailed as failure:
        return misread(str(failure))
    return examine(settings, _tell)


def _tell(notice: str) -> None:
    """Tell one who sits there and waits; ``stderr`` is None where it was closed."""
    if sys.stderr and sys.stderr.isatty():
        print(notice, file=sys.stderr)
