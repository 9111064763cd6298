"""Read what a password command printed: the password alone, or JSON that says when it expires."""

import re
from datetime import UTC, datetime
from typing import Annotated

import msgspec

from pinakes.postgres.passwords.source import Password, PasswordUnavailable

PLAIN_SECONDS = 300.0
"""How long a password is good of which nobody says it."""
MAX_SECONDS = 86400.0
"""However long it is good: once a day it is asked for anew."""

LINE_END = re.compile(r"\r?\n\Z")
FORBIDDEN = frozenset("\0\r\n")

EXPECTED = (
    "expected a JSON object of password and one of expiresAt (RFC 3339 with an offset) and"
    " expiresIn (seconds), and nothing else"
)


class _Answer(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    password: str
    expires_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    expires_in: Annotated[float, msgspec.Meta(gt=0)] | None = None


def read_answer(output: bytes) -> Password:
    """Read an output; what begins with a brace is JSON, and anything else the password itself.

    Raises PasswordUnavailable, which never repeats a part of the output.
    """
    try:
        text = LINE_END.sub("", output.decode())
    except UnicodeDecodeError:  # which quotes the output
        raise _unusable("is not UTF-8") from None
    answer = _read_json(text) if text.lstrip().startswith("{") else _Answer(text)
    if not answer.password:
        raise _unusable("has no password in it")
    if not FORBIDDEN.isdisjoint(answer.password):
        raise _unusable("has a NUL or a line end in the password")
    return Password(answer.password, _life_of(answer))


def _read_json(text: str) -> _Answer:
    try:
        answer = msgspec.json.decode(text, type=_Answer)
    except msgspec.MsgspecError:  # which may quote the output
        raise _unusable(f"looks like JSON and is not as {EXPECTED}") from None
    if answer.expires_at is not None and answer.expires_in is not None:
        raise _unusable("has both expiresAt and expiresIn")
    return answer


def _life_of(answer: _Answer) -> float:
    seconds = answer.expires_in or PLAIN_SECONDS
    if answer.expires_at is not None:
        seconds = (answer.expires_at - datetime.now(UTC)).total_seconds()
        if seconds <= 0:
            raise _unusable("has a password that has expired already")
    return min(seconds, MAX_SECONDS)


def _unusable(problem: str) -> PasswordUnavailable:
    return PasswordUnavailable(f"what the password command printed {problem}")
