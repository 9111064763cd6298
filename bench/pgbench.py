"""pgbench with the statements of our server: the physical limit of what stands on PostgreSQL."""

import re
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from bench.capture import Statement
from bench.cpu import cpu_microseconds
from bench.database import Database
from bench.failure import BenchError
from bench.sample import Load

CLIENTS = 8
"""As many as our server has connections."""
PLACE = re.compile(r"\$(\d+)")
UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}")
TRANSACTIONS = re.compile(r"number of transactions actually processed: (\d+)")
RATE = re.compile(r"tps = ([\d.]+)")
LATENCY = re.compile(r"latency average = ([\d.]+) ms")
FAILED = re.compile(r"number of failed transactions: (\d+)")

DRAWN = "\\set drawn random(1, 9000000000000000000)\n"
A_UUID = "lpad(:drawn ::text, 32, '0')::uuid"
"""What is new at each run is made of a number, the one thing that pgbench can draw."""


@dataclass(frozen=True, slots=True)
class Script:
    """The statements of one request, and the values of their parameters by name."""

    text: str
    values: dict[str, str]


def script_of(statements: Iterable[Statement], name: str, fresh_uri: str = "") -> Script:
    """Write a script: each parameter stays one, with its value beside the script.

    ``fresh_uri``, where a statement has it for a parameter, gives way to one that is new each time;
    so does every id of a change.
    """
    text, values = "", dict[str, str]()
    for number, statement in enumerate(statements):
        terms = [
            _term(f"{name}_{number}_{place}", value, fresh_uri, values)
            for place, value in enumerate(statement.parameters)
        ]
        text += (
            PLACE.sub(lambda match, terms=terms: terms[int(match[1]) - 1], statement.sql) + ";\n"
        )
    return Script(DRAWN + text if ":drawn" in text else text, values)


def _term(variable: str, value: str | None, fresh_uri: str, values: dict[str, str]) -> str:
    if value is None:
        return "null"
    if UUID.fullmatch(value):
        return A_UUID
    if value == fresh_uri:
        values["fresh"] = f"{fresh_uri}/pgbench-"
        return "(:fresh ::text || :drawn ::text)"
    values[variable] = value
    return f":{variable}"


def run(database: Database, conninfo: str, scripts: Sequence[Script], seconds: float) -> Load:
    """Run scripts at random for a while, each statement prepared, over the socket."""
    with tempfile.TemporaryDirectory() as folder:
        command = [*_command(database, conninfo, seconds), *_arguments(scripts, Path(folder))]
        before = cpu_microseconds(database.pid)
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        used = cpu_microseconds(database.pid) - before
    if done.returncode or _number(FAILED, done.stdout):
        raise BenchError(f"pgbench: {done.stderr.strip()[-2000:]}")
    requests = _number(TRANSACTIONS, done.stdout)
    return Load(
        requests=int(requests),
        rate=_number(RATE, done.stdout),
        p50_ms=_number(LATENCY, done.stdout),
        postgres_us=used / requests,
    )


def _command(database: Database, conninfo: str, seconds: float) -> list[str]:
    parts = conninfo_to_dict(conninfo)
    whole = str(max(1, round(seconds)))
    where = ["-h", str(parts["host"]), "-p", str(parts["port"]), "-U", str(parts["user"])]
    how = ["-n", "-M", "prepared", "-c", str(CLIENTS), "-j", "1", "-T", whole]
    return [database.program("pgbench"), *where, *how, str(parts["dbname"])]


def _arguments(scripts: Sequence[Script], folder: Path) -> list[str]:
    values: dict[str, str] = {}
    files: list[str] = []
    for number, script in enumerate(scripts):
        file = folder / f"{number}.sql"
        file.write_text(script.text)
        files += ["-f", str(file)]
        values |= script.values
    return files + [word for name, value in values.items() for word in ("-D", f"{name}={value}")]


def _number(pattern: re.Pattern[str], output: str) -> float:
    found = pattern.search(output)
    return float(found[1]) if found else 0.0
