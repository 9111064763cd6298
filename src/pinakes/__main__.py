"""The command ``pinakes``."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from pinakes.cli import doctor, export, import_, migrate, roles, secret, serve
from pinakes.cli.failure import CommandFailed, WrongUsage

COMMANDS = {
    "serve": serve,
    "migrate": migrate,
    "roles": roles,
    "secret": secret,
    "doctor": doctor,
    "export": export,
    "import": import_,
}


def main() -> None:
    """Run one command; exit with 1 where it fails, with 2 where it was asked wrongly.

    Where nobody reads on, as behind ``| head -1``, it ends without a word.
    """
    try:
        try:
            _run(read_arguments())
        finally:
            _flush()  # here, and not at exit, where nothing can be caught
    except BrokenPipeError:
        _print_no_more()
        sys.exit(1)


def read_arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read a command and its options, or exit with 2 and say which one is not understood."""
    return _parser().parse_args(words)


def _run(arguments: argparse.Namespace) -> None:
    try:
        arguments.run(arguments)
    except CommandFailed as failure:
        print(f"pinakes {arguments.command}: {failure}", file=sys.stderr)
        sys.exit(2 if isinstance(failure, WrongUsage) else 1)


def _flush() -> None:
    """Exit with 1 where what was printed finds no room."""
    try:
        print(end="", flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        _print_no_more()
        print(f"pinakes: the standard output cannot be written: {error.strerror}", file=sys.stderr)
        sys.exit(1)


def _print_no_more() -> None:
    """Lead what is still to be flushed at exit to nowhere, as Python's documentation advises."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pinakes", description="Pinakes, the open model metadata store."
    )
    parser.add_argument("--version", action="version", version=f"pinakes {version('pinakes')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        added = commands.add_parser(
            name,
            help=command.HELP,
            description=command.DESCRIPTION,
            epilog=command.EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_arguments(added)
        added.set_defaults(run=command.run)
    return parser


if __name__ == "__main__":
    main()
