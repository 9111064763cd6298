"""The HTTP server around the application: bounded in what it reads, waits for and keeps.

uvicorn answers what it cannot read in plain text and lets a head grow and wait without end; here
both are answered in the words of the contract.
"""

import asyncio
import socket
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from pinakes.telemetry import RequestUnreadable, Telemetry
from pinakes.wire.errors import (
    BadRequest,
    HeadersTooLarge,
    PathTooLong,
    RequestError,
    RequestTooSlow,
    TooManyRequests,
)
from pinakes.wire.status import status_of, write_error

MAX_PATH = 64 * 1024
MAX_HEADERS = 64 * 1024
MAX_HEAD = MAX_PATH + MAX_HEADERS
MAX_CONNECTIONS = 1024
BACKLOG = 1024
HEAD_SECONDS = 10.0
KEEP_ALIVE_SECONDS = 65
SEND_SECONDS = 60.0
"""A client that takes nothing of its answer for so long is left."""
SHUTDOWN_SECONDS = 25


class BoundedProtocol(HttpToolsProtocol):
    """One connection, whose request head is bounded in size and time, and its answer in time."""

    telemetry: Telemetry

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self._refusal: RequestError = BadRequest("", "this is not HTTP/1.1")
        self._is_in_head = False
        self._head_bytes = 0
        self._header_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._send_timer: asyncio.TimerHandle | None = None

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self._restart_head_timer()
        if len(self.connections) > MAX_CONNECTIONS:
            self._refusal = TooManyRequests()
            self.send_400_response("")

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        for timer in (self._head_timer, self._send_timer):
            if timer:
                timer.cancel()

    @override
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._is_in_head and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD:
                self._refusal = HeadersTooLarge()
                self.send_400_response("")

    @override
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_in_head, self._head_bytes, self._header_bytes = True, 0, 0
        self._restart_head_timer()

    @override
    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._bound(len(self.url), MAX_PATH, PathTooLong())

    @override
    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._header_bytes += len(name) + len(value)
        self._bound(self._header_bytes, MAX_HEADERS, HeadersTooLarge())

    @override
    def on_headers_complete(self) -> None:
        self._is_in_head = False
        if self._head_timer:
            self._head_timer.cancel()
        super().on_headers_complete()

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        self._send_timer = self.loop.call_later(SEND_SECONDS, self.transport.abort)

    @override
    def resume_writing(self) -> None:
        super().resume_writing()
        if self._send_timer:
            self._send_timer.cancel()

    @override
    def send_400_response(self, msg: str) -> None:
        """Refuse what cannot be read, and close; ``msg`` is uvicorn's word for it."""
        status = status_of(self._refusal).http
        self.telemetry.notice(RequestUnreadable(status))
        is_answering = bool(self.cycle) and not self.cycle.response_complete
        if not is_answering:
            self.transport.write(_raw_answer(status, write_error(self._refusal)))
        self.transport.close()

    def _bound(self, size: int, limit: int, refusal: RequestError) -> None:
        if size > limit:
            self._refusal = refusal
            raise refusal  # ends the parser, which ends in send_400_response

    def _restart_head_timer(self) -> None:
        if self._head_timer:
            self._head_timer.cancel()
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._head_is_late)

    def _head_is_late(self) -> None:
        if self.transport.is_closing():
            return
        if not self._is_in_head:
            self.transport.close()
            return
        self._refusal = RequestTooSlow()
        self.send_400_response("")


def _raw_answer(status: int, body: bytes) -> bytes:
    head = (
        b"content-type: application/json\r\n"
        b"content-length: %d\r\n"
        b"connection: close\r\n\r\n" % len(body)
    )
    return STATUS_LINE[status] + head + body


class Server(uvicorn.Server):
    """uvicorn, on a socket that listens already, stopped by whoever started it."""

    def __init__(self, application: ASGIApp, telemetry: Telemetry) -> None:
        protocol = type("Protocol", (BoundedProtocol,), {"telemetry": telemetry})
        super().__init__(
            uvicorn.Config(
                application,
                http=protocol,
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="critical",  # its warnings are events of ours
                access_log=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=SHUTDOWN_SECONDS,
            )
        )

    @override
    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals alone: they stop more than this server."""
        yield

    def stop(self) -> None:
        """Take no more requests, answer those under way, and return from ``serve``."""
        self.should_exit = True


def listen(host: str, port: int) -> socket.socket:
    """Listen on an address; port 0 is any free one.

    The socket is told that it is TCP: only then do asyncio's connections send small answers at
    once, instead of holding them back for 40 ms (github.com/Kludex/uvicorn/issues/3149).
    Raises OSError.
    """
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(address)
    listener.listen(BACKLOG)
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the URL at which a listening socket is reached."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
