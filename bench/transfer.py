"""Import and export, as the commands do it, beside COPY of the same rows with the same indexes."""

import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from bench.cpu import peak_megabytes
from bench.database import SCHEMA, Database, environment_of, new_catalogue
from bench.failure import BenchError
from parts import clean_environment
from pinakes.catalog.model import Model
from pinakes.wire.models import write_model

TABLES = ("models", "model_revisions", "runtime_metadata")
"""What is carried; tables that are derived from these are filled as these are."""
CHUNK = 1024 * 1024
LOOK_SECONDS = 0.01
"""Between looks at a command: the measured time is as coarse."""


@dataclass(frozen=True, slots=True)
class Carried:
    """How long the command and COPY took for the same rows, and what the command needed."""

    models: int
    command_seconds: float
    copy_seconds: float
    command_megabytes: float


def write_lines(models: Iterable[Model], file: Path) -> None:
    """Write models as the lines that ``pinakes import`` takes: by URI and project."""
    in_order = sorted(models, key=lambda model: (model.uri, model.project))
    with file.open("wb") as lines:
        lines.writelines(write_model(model) + b"\n" for model in in_order)


def measure_import(database: Database, file: Path) -> Carried:
    """Import into an empty catalogue; then copy the rows that came of it into another."""
    imported = new_catalogue(database, "bench_imported")
    seconds, megabytes = _run(["import", str(file)], imported)
    tables = _rows(imported)
    copied = new_catalogue(database, "bench_copied")
    os.sync()  # what was written before is no burden of what comes
    started = time.perf_counter()
    with psycopg.connect(copied) as connection:
        for table, rows in tables.items():
            _copy_in(connection, table, rows)
    copy_seconds = time.perf_counter() - started
    count = _count(imported)
    if _count(copied) != count:
        raise BenchError("COPY and the import did not bring the same rows")
    return Carried(count, seconds, copy_seconds, megabytes)


def measure_export(conninfo: str, file: Path) -> Carried:
    """Export a catalogue; then copy its rows out."""
    seconds, megabytes = _run(["export", "--output", str(file)], conninfo)
    os.sync()
    started = time.perf_counter()
    _copy_out(conninfo, file.with_suffix(".copied"))
    copy_seconds = time.perf_counter() - started
    return Carried(_count(conninfo), seconds, copy_seconds, megabytes)


def _run(arguments: Sequence[str], conninfo: str) -> tuple[float, float]:
    """Run a command of ours; return its seconds and the most memory that it had."""
    command = [sys.executable, "-m", "pinakes", *arguments]
    environment = clean_environment() | environment_of(conninfo)
    peak = 0.0
    os.sync()
    with tempfile.TemporaryFile("w+") as told:
        started = time.perf_counter()
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=told)
        while process.poll() is None:
            peak = max(peak, peak_megabytes(process.pid))
            time.sleep(LOOK_SECONDS)
        seconds = time.perf_counter() - started
        if process.returncode:
            told.seek(0)
            raise BenchError(f"pinakes {arguments[0]}: {told.read().strip()[-2000:]}")
    return seconds, peak


def _rows(conninfo: str) -> Mapping[str, bytes]:
    """Return every table as COPY writes it."""
    found: dict[str, bytes] = {}
    with psycopg.connect(conninfo) as connection:
        for table in TABLES:
            rows = io.BytesIO()
            with connection.cursor().copy(_copy(table, "to stdout")) as copy:
                rows.writelines(copy)
            found[table] = rows.getvalue()
    return found


def _copy_in(connection: psycopg.Connection, table: str, rows: bytes) -> None:
    with connection.cursor().copy(_copy(table, "from stdin")) as copy:
        for start in range(0, len(rows), CHUNK):
            copy.write(rows[start : start + CHUNK])


def _copy_out(conninfo: str, file: Path) -> None:
    with file.open("wb") as rows, psycopg.connect(conninfo) as connection:
        for table in TABLES:
            with connection.cursor().copy(_copy(table, "to stdout")) as copy:
                rows.writelines(copy)
        rows.flush()
        os.fsync(rows.fileno())  # as the command does


def _copy(table: str, where: str) -> sql.Composed:
    ways = {"to stdout": sql.SQL("to stdout"), "from stdin": sql.SQL("from stdin")}
    return sql.SQL("copy {} {}").format(sql.Identifier(SCHEMA, table), ways[where])


def _count(conninfo: str) -> int:
    statement = sql.SQL("select count(*) from {}").format(sql.Identifier(SCHEMA, "models"))
    with psycopg.connect(conninfo) as connection:
        row = connection.execute(statement).fetchone()
    return int(row[0]) if row else 0
