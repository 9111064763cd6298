"""The command ``pinakes``."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version

from pinakes.cli.failure import CommandFailed, WrongUsage

COMMANDS = {
    "serve": "serve the model metadata API over HTTP",
    "migrate": "create the catalogue's schema in the database, or bring it up to date",
    "roles": "print the SQL that makes the two database roles",
    "secret": "make the secret that Pinakes mounts, or check one",
    "doctor": "say why the database cannot be used, and what to do about it",
    "export": "write everything that the catalogue holds to a file",
    "import": "make the catalogue what a file says",
}
"""What each command does. Its module is imported when it is asked for: all of them take longer to
import than most commands take to run: 0.6 s of CPU, where an export needs 0.2 s."""

MODULES = {"import": "import_"}
"""Where the module is not called as the command is."""


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
    words = sys.argv[1:] if words is None else words
    asked = next((word for word in words if not word.startswith("-")), "")
    return _parser(asked).parse_args(words)


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


def _parser(asked: str) -> argparse.ArgumentParser:
    """Make what reads the options of one command, and knows the others by their names."""
    parser = argparse.ArgumentParser(
        prog="pinakes", description="Pinakes, the open model metadata store."
    )
    parser.add_argument("--version", action="version", version=f"pinakes {version('pinakes')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, purpose in COMMANDS.items():
        added = commands.add_parser(name, help=purpose)
        if name == asked:
            _add_command(name, added)
    return parser


def _add_command(name: str, parser: argparse.ArgumentParser) -> None:
    command = import_module(f"pinakes.cli.{MODULES.get(name, name)}")
    parser.description, parser.epilog = command.DESCRIPTION, command.EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    command.add_arguments(parser)
    parser.set_defaults(run=command.run)


if __name__ == "__main__":
    main()
