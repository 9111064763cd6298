"""Start the private PostgreSQL, keep it alive, and stop it."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from psycopg.conninfo import make_conninfo

from pinakes.postgres.embedded.directory import DataDirectory
from pinakes.postgres.embedded.errors import EmbeddedError
from pinakes.postgres.embedded.programs import Programs, find_programs
from pinakes.postgres.embedded.server import HOST, Server

NAME = "pinakes"
"""The PostgreSQL user, and the database."""

INITDB = (
    f"--username={NAME}",
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--set=max_connections=50",
    "--set=shared_buffers=128MB",
    "--set=timezone=UTC",
    "--set=log_timezone=UTC",
)
"""What is settled when the data is made; the settings may be tuned in its ``postgresql.conf``."""

CONNECT_SECONDS = 3

PATIENCE_SECONDS = 30.0
"""How long ``start`` tries again when it meets what passes by itself."""

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0
STEADY_SECONDS = 10.0
"""A server that lived this long did not die of its start: the next pause is short again."""


def _ignore(_exit_code: int) -> None:
    pass


class EmbeddedPostgres:
    """A PostgreSQL of our own on the data in ``directory``, kept alive until it is stopped.

    ``on_death`` is told the exit code each time the server dies unasked and is about to be started
    again; it must not raise. A server that outlives this process, as it may where no ``setpriv``
    ties the two together, is stopped by the next start. No way in is trusted: the server listens
    on the loopback address only, on no Unix socket, and asks for the password in ``directory``.
    """

    def __init__(self, directory: Path, on_death: Callable[[int], None] = _ignore) -> None:
        self._path = directory.resolve()
        self._on_death = on_death
        self._undo = AsyncExitStack()
        self._server: Server | None = None
        self._password = ""

    async def start(self) -> None:
        """Return when the server accepts connections, its data made or recovered where needed.

        Raises EmbeddedError, and leaves nothing running, when there is no hope that it will.
        """
        try:
            await self._start()
        except PermissionError as error:
            raise EmbeddedError(
                f"cannot keep PostgreSQL's data in {self._path}: {error}:"
                " start Pinakes as an ordinary user who may write there"
            ) from error
        except OSError as error:
            raise EmbeddedError(
                f"cannot keep PostgreSQL's data in {self._path}: {error}"
            ) from error

    def conninfo(self) -> str:
        """Say how to connect; the port may be another one after the server died.

        A stranger who took the port of a dead server does not learn the password from it.
        """
        if self._server is None:
            raise EmbeddedError(f"the embedded PostgreSQL in {self._path} was not started")
        return make_conninfo(
            host=HOST,
            port=self._server.port,
            user=NAME,
            password=self._password,
            dbname=NAME,
            require_auth="scram-sha-256",
            sslmode="disable",
            gssencmode="disable",
            connect_timeout=CONNECT_SECONDS,
        )

    async def stop(self) -> None:
        """Shut the server down and wait until it is gone; where there is none, do nothing."""
        await self._undo.aclose()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    async def _start(self) -> None:
        async with AsyncExitStack() as undo:
            directory = DataDirectory(self._path)
            undo.callback(directory.release)
            directory.claim()
            programs = await find_programs(directory.user, directory.path)
            if not directory.is_initialised():
                await _initialise(directory, programs)
            directory.check_data(await programs.major_version())
            self._password = directory.read_password()
            server = Server(directory, programs)
            undo.push_async_callback(server.stop)
            await _launch_patiently(server)
            undo.push_async_callback(_cancel, asyncio.create_task(self._keep_alive(server)))
            self._server = server
            self._undo = undo.pop_all()

    async def _keep_alive(self, server: Server) -> None:
        pause = FIRST_PAUSE_SECONDS
        launched = time.monotonic()
        while True:
            exit_code = await server.wait()
            if time.monotonic() - launched > STEADY_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            self._on_death(exit_code)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            launched = time.monotonic()
            # A full disk or process table must not end the watch: the next round finds the server
            # as dead as before, and says so.
            with suppress(EmbeddedError, OSError):
                await server.launch()


async def _initialise(directory: DataDirectory, programs: Programs) -> None:
    """Make the data: complete, or, whenever we are killed, not at all."""
    place = directory.begin()
    await programs.run("initdb", *INITDB, f"--pwfile={directory.password}", f"--pgdata={place}")
    # Not over a connection later, as then data without its database could be left behind.
    single_user = ("--single", "-D", str(place), "-c", "exit_on_error=on", "postgres")
    await programs.run("postgres", *single_user, text=f"CREATE DATABASE {NAME}\n")
    directory.finish(place)


async def _launch_patiently(server: Server) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not await server.launch():
        if not server.may_pass() or time.monotonic() > deadline:
            raise EmbeddedError(f"the embedded PostgreSQL does not start:\n{server.complaint()}")
        await asyncio.sleep(FIRST_PAUSE_SECONDS)


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
