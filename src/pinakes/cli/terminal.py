"""The person before the terminal: what can be shown to him, and whether he can be asked."""

import getpass
import os
import sys

from pinakes.cli.failure import CommandFailed


def printable(text: str) -> str:
    """Replace what the terminal has no letters for, such as the marks."""
    encoding = sys.stdout.encoding if sys.stdout else "utf-8"
    return text.encode(encoding, errors="replace").decode(encoding)


def is_shown() -> bool:
    """Say whether what is printed comes to a screen."""
    return sys.stdout is not None and sys.stdout.isatty()  # None where it was closed


def is_typed() -> bool:
    """Say whether what is read would have to be typed, and be seen."""
    return sys.stdin is not None and sys.stdin.isatty()


def ask_password(prompt: str, otherwise: str) -> str:
    """Ask for a password without showing it, also where stdin and stdout are pipes.

    Raises CommandFailed, with what to do otherwise, where nobody is there or nobody answers.
    """
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
        return getpass.getpass(prompt)
    except (OSError, EOFError, KeyboardInterrupt):
        raise CommandFailed(otherwise) from None
