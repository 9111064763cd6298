"""The log: one line an event."""

import json
import sys
import traceback
from contextlib import suppress
from datetime import UTC, datetime
from typing import TextIO

import msgspec

from pinakes.telemetry.events import Event
from pinakes.telemetry.formats import LogFormat

_encoder = msgspec.json.Encoder()


class Log:
    """Writes one line an event; no character of an event ends a line or moves a cursor."""

    def __init__(self, log_format: LogFormat, stream: TextIO = sys.stderr) -> None:
        self._write = _as_json if log_format is LogFormat.JSON else _as_text
        self._stream = stream

    def notice(self, event: Event) -> None:
        """Write the event."""
        values = {name: getattr(event, name) for name in type(event).__dataclass_fields__}
        self._stream.write(self._write(datetime.now(UTC), type(event).__name__, values) + "\n")
        self._stream.flush()


def _as_json(time: datetime, event: str, values: dict[str, object]) -> str:
    """Write JSON in printable ASCII; json.dumps, which escapes all else, costs eight times more."""
    line = {"time": f"{time.isoformat()[:-6]}Z", "event": event, **values}
    with suppress(UnicodeEncodeError):  # half of a character, as of a broken file name
        written = _encoder.encode(line).decode()
        if written.isascii() and written.isprintable():
            return written
    return json.dumps(line, separators=(",", ":"))


def _as_text(time: datetime, event: str, values: dict[str, object]) -> str:
    shown = (f"{name}={_on_one_line(value)}" for name, value in values.items())
    return f"{time:%H:%M:%S} {event} {' '.join(shown)}"


def _on_one_line(value: object) -> str:
    text = f"{value:.4f}" if isinstance(value, float) else str(value)
    return text if text.isprintable() else repr(text)


def traceback_of(error: BaseException) -> str:
    """Write where an error came from, without what it says: a driver's message names hosts."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = (f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in frames)
    return "; ".join([type(error).__name__, *lines])
