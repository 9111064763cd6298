"""A PostgreSQL of Debian's for the benchmark, and the catalogue in it."""

import asyncio
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from bench.failure import BenchError
from pinakes.catalog.model import Model
from pinakes.postgres.embedded import postmaster
from pinakes.postgres.embedded.server import free_port
from pinakes.postgres.embedded.user import server_user
from pinakes.postgres.migrate import migrate
from pinakes.postgres.rows import values_of_model
from tls.servers import Programs, find_programs, missing_programs

SCHEMA = "pinakes"
ADMINISTRATOR = "postgres"
READY_SECONDS = 60.0
POLL_SECONDS = 0.02
SHARED_BUFFERS = "4GB"
LESS_SHARED_BUFFERS = "512MB"
ENOUGH_MEMORY = 12 * 1024**3

SETTINGS = (
    "max_wal_size=16GB",  # no checkpoint falls into one window and not into another
    "checkpoint_timeout=1h",
    "autovacuum=off",  # as for checkpoints: tables are vacuumed between windows
    "max_connections=100",
    "jit=off",  # as in our sessions: pgbench would compile for longer than its statements run
    "logging_collector=on",  # what the server asks is read here, see capture.py
    "log_destination=jsonlog",
    "log_filename=postgresql.log",
    "log_rotation_age=0",
    "log_rotation_size=0",
)
"""fsync and synchronous_commit stay on."""

COLUMNS = (
    "uri", "project", "name", "version", "artifact_type", "task_type", "tags", "metrics",
    "prediction_schema", "default_protocol",
)  # fmt: skip


@dataclass(frozen=True)
class Database:
    """A running server and how to get into it, over its socket in the file system."""

    programs: Programs
    folder: Path
    process: subprocess.Popen[bytes]
    conninfo: str

    @property
    def pid(self) -> int:
        """The process that all the others descend from."""
        return self.process.pid

    @property
    def log(self) -> Path:
        """Where statements are noted, while they are."""
        return self.folder / "data" / "log" / "postgresql.json"

    def program(self, name: str) -> str:
        """Return the path of one of PostgreSQL's programs."""
        return str(self.programs.folder / name)

    def connect(self, conninfo: str = "") -> psycopg.Connection:
        """Connect, in autocommit."""
        return psycopg.connect(conninfo or self.conninfo, autocommit=True)

    def create(self, name: str) -> str:
        """Create an empty database, in place of one of that name, and return its conninfo."""
        with self.connect() as connection:
            name_in_sql = sql.Identifier(name)
            connection.execute(sql.SQL("drop database if exists {}").format(name_in_sql))
            connection.execute(sql.SQL("create database {}").format(name_in_sql))
        return make_conninfo(self.conninfo, dbname=name)


@contextmanager
def running_database() -> Generator[Database]:
    """Run a new PostgreSQL, until the block ends; its data are then thrown away."""
    if missing := missing_programs():
        raise BenchError(missing)
    with tempfile.TemporaryDirectory(prefix="pinakes-bench-") as folder:
        yield from _run(find_programs(), Path(folder))


def _run(programs: Programs, folder: Path) -> Generator[Database]:
    folder.chmod(0o755)  # the socket is for us and for the user that PostgreSQL runs as
    data = folder / "data"
    _give_away(folder)
    initdb = ("-D", str(data), "-U", ADMINISTRATOR, "-A", "trust", "-E", "UTF8", "--no-sync")
    _check(programs.command("initdb", *initdb, "--locale=C.UTF-8"))
    port = free_port()
    settings = (
        *SETTINGS,
        f"shared_buffers={_shared_buffers()}",
        f"unix_socket_directories={folder}",
    )
    options = [word for setting in settings for word in ("-c", setting)]
    command = programs.command(
        "postgres", "-D", str(data), "-h", "127.0.0.1", "-p", str(port), *options
    )
    conninfo = make_conninfo(
        host=str(folder), port=port, user=ADMINISTRATOR, dbname="postgres", sslmode="disable"
    )
    log = (folder / "server.log").open("wb")
    environment = {"LC_ALL": "C"}
    with (
        log,
        subprocess.Popen(command, stdout=log, stderr=log, cwd="/", env=environment) as process,
    ):
        try:
            _await(lambda: postmaster.is_ready(data, process.pid), process)
            yield Database(programs, folder, process, conninfo)
        finally:
            process.send_signal(signal.SIGQUIT)  # at once: nobody wants the data any more
            process.wait(timeout=READY_SECONDS)


def _shared_buffers() -> str:
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return SHARED_BUFFERS if memory > ENOUGH_MEMORY else LESS_SHARED_BUFFERS


def _give_away(path: Path) -> None:
    user = server_user(Path("/"))
    if not user.is_us():
        os.chown(path, user.uid, user.gid)


def _check(command: list[str]) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd="/")
    if done.returncode:
        raise BenchError(f"{command[-1]}: {done.stderr.strip()}")


def _await(is_so: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + READY_SECONDS
    while not is_so():
        if process.poll() is not None or time.monotonic() > end:
            raise BenchError("PostgreSQL does not become ready")
        time.sleep(POLL_SECONDS)


def environment_of(conninfo: str) -> dict[str, str]:
    """Describe a database in METADATA_PG_*."""
    parts = conninfo_to_dict(conninfo)
    names = ("host", "port", "user", "dbname", "sslmode")
    return {f"METADATA_PG_{name.upper()}": str(parts[name]) for name in names}


def new_catalogue(database: Database, name: str) -> str:
    """Create a database with an empty catalogue in it and return its conninfo."""
    conninfo = database.create(name)
    asyncio.run(migrate(conninfo, SCHEMA))
    return conninfo


def load(conninfo: str, models: Iterable[Model]) -> None:
    """Fill a catalogue by COPY and let PostgreSQL take a look at it.

    Without history: nothing that is measured reads it.
    """
    copy = sql.SQL("copy {}.models ({}) from stdin").format(
        sql.Identifier(SCHEMA), sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
    )
    with psycopg.connect(conninfo) as connection, connection.cursor().copy(copy) as rows:
        for model in models:
            values = values_of_model(model)
            rows.write_row([values[column] for column in COLUMNS])
    tidy(conninfo)


def tidy(conninfo: str) -> None:
    """Take out what was created, vacuum and analyse: one window is no burden of the next."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for statement in TIDY:
            connection.execute(sql.SQL(statement).format(schema=sql.Identifier(SCHEMA)))
    tidy_all(conninfo)


def tidy_all(conninfo: str) -> None:
    """Vacuum and analyse a whole database."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("vacuum (analyze)")


TIDY: Sequence[LiteralString] = (
    "delete from {schema}.models where uri like 'gs://bench/%'",
    "truncate {schema}.model_revisions",
)
"""The revisions are those of the windows alone: the catalogue was loaded without history."""
