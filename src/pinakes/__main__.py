"""The command ``pinakes``."""

import argparse
import sys
from importlib.metadata import version

from pinakes.cli import doctor, migrate, roles, serve
from pinakes.cli.failure import CommandFailed

COMMANDS = {"serve": serve, "migrate": migrate, "roles": roles, "doctor": doctor}


def main() -> None:
    """Run one command; exit with 1 where it fails, with 2 where it was asked wrongly."""
    arguments = _parser().parse_args()
    try:
        arguments.run(arguments)
    except CommandFailed as failure:
        print(f"pinakes {arguments.command}: {failure}", file=sys.stderr)
        sys.exit(1)


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
