"""The real parts that tests are built of: databases, and the server as a process of its own."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pinakes.api.gate import Gate
from pinakes.auth.admission import Admission
from pinakes.catalog.access import FULL_ACCESS
from pinakes.postgres.migrate import migrate

API = "/seldon-deploy/api/v1alpha1"
SCHEMA = "pinakes"


@dataclass(frozen=True)
class RunningServer:
    """A Pinakes process: where it answers, what it logs, and which database is behind it."""

    url: str
    log: Path
    process: subprocess.Popen[str]
    conninfo: str = ""

    @property
    def admin_url(self) -> str:
        """Where the admin port answers, as the log tells it."""
        events = map(json.loads, self.log.read_text().splitlines())
        listening = next(event for event in events if event["event"] == "ServerListening")
        return listening["admin_url"]

    @property
    def api(self) -> str:
        return self.url + API


def open_gate(*allowed_hosts: str) -> Gate:
    """Return a gate that lets everybody in, to do anything."""
    return Gate(frozenset(allowed_hosts), Admission(lambda _: FULL_ACCESS))


def new_database(administrator: str) -> str:
    """Create an empty database and return its conninfo."""
    name = f"test_{uuid4().hex}"
    with psycopg.connect(administrator, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    return make_conninfo(administrator, dbname=name)


def migrated(conninfo: str) -> str:
    """Migrate a database and return its conninfo."""
    asyncio.run(migrate(conninfo, SCHEMA))
    return conninfo


def environment_of(conninfo: str) -> dict[str, str]:
    """Describe a database as a user would: in METADATA_PG_*."""
    parts = conninfo_to_dict(conninfo)
    names = ("host", "port", "user", "password", "dbname")
    return {"METADATA_PG_SSLMODE": "disable"} | {
        f"METADATA_PG_{name.upper()}": str(parts[name]) for name in names
    }


def clean_environment() -> dict[str, str]:
    """Return the environment without anything that Pinakes reads."""
    ours = ("METADATA_PG_", "PINAKES_", "KUBERNETES_", "PG")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


@contextmanager
def running_server(
    directory: Path, environment: dict[str, str], *arguments: str
) -> Generator[RunningServer, None, None]:
    """Run ``pinakes serve`` on a free port, until the block ends."""
    log = directory / "server.log"
    command = [sys.executable, "-m", "pinakes", "serve", "--port", "0", *arguments]
    with (
        log.open("w") as errors,
        subprocess.Popen(
            command,
            env=clean_environment() | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("Pinakes serves"), log.read_text()
        url = next(word for word in line.split() if word.startswith("http"))
        try:
            yield RunningServer(url, log, process)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=30)
