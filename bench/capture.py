"""What a server asks its database, word for word: read from PostgreSQL's own log.

So pgbench runs the very statements of this version, whatever way they are made in, and never a
copy of them that has grown old.
"""

import json
import re
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.database import Database
from bench.failure import BenchError

EXECUTE = re.compile(r"execute [^:]*: (?P<sql>.*)", re.DOTALL)
PARAMETER = re.compile(r"\$\d+ = (NULL|'(?:[^']|'')*')")
SETTLE_SECONDS = 0.3
"""What sessions need to see a setting."""
WRITTEN_SECONDS = 0.02
"""What the log needs to be written."""
LATE_SECONDS = 3.0
"""What it needs at most, on a machine that has other work."""
FRAMES = ("begin", "commit", "set ", "rollback")


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement with its parameters as text, None for NULL."""

    sql: str
    parameters: tuple[str | None, ...]


def capture(database: Database, asks: Iterable[Callable[[], object]]) -> list[list[Statement]]:
    """Return what our server asks of the database for each ask, in its order."""
    with _noting(database):
        captured = [_asked_by(ask, database.log) for ask in asks]
    if not all(captured):
        raise BenchError("the server answered without asking its database with parameters")
    return captured


def _asked_by(ask: Callable[[], object], log: Path) -> list[Statement]:
    offset = log.stat().st_size
    ask()
    end = time.monotonic() + LATE_SECONDS
    while not any(_statements(log, offset)) and time.monotonic() < end:
        time.sleep(WRITTEN_SECONDS)
    time.sleep(WRITTEN_SECONDS)
    return list(_statements(log, offset))


@contextmanager
def _noting(database: Database) -> Generator[None]:
    with database.connect() as connection:
        connection.execute("alter system set log_statement = 'all'")
        connection.execute("select pg_reload_conf()")
        time.sleep(SETTLE_SECONDS)
        yield
        connection.execute("alter system reset log_statement")
        connection.execute("select pg_reload_conf()")


def _statements(log: Path, offset: int) -> Iterator[Statement]:
    with log.open("rb") as lines:
        lines.seek(offset)
        for line in lines:
            if line.endswith(b"\n"):  # else it is still being written
                yield from _statement(json.loads(line))


def _statement(entry: dict[str, Any]) -> Iterator[Statement]:
    is_ours = entry.get("application_name", "").startswith("pinakes/")
    executed = EXECUTE.match(entry["message"])
    if not is_ours or not executed or executed["sql"].lower().startswith(FRAMES):
        return
    parameters = PARAMETER.findall(entry.get("detail", ""))
    yield Statement(executed["sql"].strip(), tuple(_text_of(quoted) for quoted in parameters))


def _text_of(quoted: str) -> str | None:
    return None if quoted == "NULL" else quoted[1:-1].replace("''", "'")
