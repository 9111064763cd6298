"""A line of the log is one line, whatever an event holds."""

import json
from io import StringIO

import pytest

from pinakes.telemetry.events import TokenRefused
from pinakes.telemetry.formats import LogFormat
from pinakes.telemetry.log import Log

HOSTILE = (
    "plain",
    "two\nlines",
    'a quote " and a \\ backslash',
    "\x1b[2J and \x9b2J clear the screen",
    "\x7f deletes",
    "\u2028 ends a line for some",
    "é and 模型",
    "half of a character: \udcff",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_line_of_json_is_printable_ascii_and_loses_nothing(text: str) -> None:
    stream = StringIO()
    Log(LogFormat.JSON, stream).notice(TokenRefused(text, "an-id"))
    line = stream.getvalue()
    assert line.endswith("\n")
    assert line[:-1].isascii()
    assert line[:-1].isprintable()
    told = json.loads(line)
    assert told.pop("time").endswith("Z")
    assert told == {"event": "TokenRefused", "reason": text, "request_id": "an-id"}


@pytest.mark.parametrize("text", HOSTILE)
def test_a_line_of_text_is_printable(text: str) -> None:
    stream = StringIO()
    Log(LogFormat.TEXT, stream).notice(TokenRefused(text, "an-id"))
    assert stream.getvalue()[:-1].isprintable()
