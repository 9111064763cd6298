"""The embedded server as a child process: launched, listened to, stopped."""

import asyncio
import signal
import socket
from asyncio.subprocess import DEVNULL, Process
from contextlib import suppress

from pinakes.postgres.embedded import postmaster
from pinakes.postgres.embedded.directory import DataDirectory
from pinakes.postgres.embedded.programs import Programs, last_lines

HOST = "127.0.0.1"

PROMISES = ("-c", f"listen_addresses={HOST}", "-c", "unix_socket_directories=", "-c", "fsync=on")
"""What no ``postgresql.conf`` changes."""

PORT_IS_TAKEN = "could not bind"
MEMORY_IS_HELD = "is still in use"
"""PostgreSQL's words for what passes by itself. The second it says while processes of a killed
server are still about to notice its death."""


class Server:
    """A server on the data in ``directory``, which may be launched again and again."""

    def __init__(self, directory: DataDirectory, programs: Programs) -> None:
        self._directory = directory
        self._programs = programs
        self._process: Process | None = None
        self._complaint = ""
        self.port = free_port()

    async def launch(self) -> bool:
        """Start the server, and return whether it came to accept connections before it died.

        However long it recovers is waited for. The port stays the same as long as it is free.
        """
        data = self._directory.data
        await postmaster.clear(data)
        with self._directory.open_log() as log:
            start = log.tell()
            arguments = (*postmaster.known_by(data), *PROMISES, "-c", f"port={self.port}")
            self._process = await self._programs.spawn(
                "postgres", *arguments, stdin=DEVNULL, output=log
            )
        while self._process.returncode is None:
            if postmaster.is_ready(data, self._process.pid):
                return True
            await asyncio.sleep(postmaster.POLL_SECONDS)
        self._complaint = self._directory.read_log(start)
        if PORT_IS_TAKEN in self._complaint:
            self.port = free_port()
        return False

    def may_pass(self) -> bool:
        """Whether what killed the last launch may be gone at the next one."""
        return PORT_IS_TAKEN in self._complaint or MEMORY_IS_HELD in self._complaint

    def complaint(self) -> str:
        """Return the last words of a launch that failed."""
        return last_lines(self._complaint)

    async def wait(self) -> int:
        """Wait for the death of the server and return its exit code."""
        return await self._process.wait() if self._process else 0

    async def stop(self) -> None:
        """Shut the server down, in ever less polite ways, and wait until it is gone."""
        for shutdown, seconds in (*postmaster.SHUTDOWNS, (signal.SIGKILL, None)):
            if self._process is None or self._process.returncode is not None:
                return
            self._process.send_signal(shutdown)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), seconds)


def free_port() -> int:
    """Find a port that nobody listens on; it may be taken before it is used."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
