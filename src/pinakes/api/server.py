"""The HTTP server around the application: bounded in what it reads, waits for and keeps.

uvicorn answers what it cannot read in plain text and lets a head grow and wait without end; here
both are answered in the words of the contract.
"""

import asyncio
import re
import socket
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

import uvicorn
from starlette.responses import Response
from starlette.types import ASGIApp
from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from pinakes.api.answers import error_answer
from pinakes.api.joined import JoinedWrites
from pinakes.api.tls import ServerCertificate
from pinakes.telemetry.events import RequestUnreadable
from pinakes.telemetry.process import Telemetry
from pinakes.wire.errors import (
    BadRequest,
    HeadersTooLarge,
    PathTooLong,
    RequestError,
    RequestTooSlow,
    TooManyRequests,
)
from pinakes.wire.status import status_of

UPGRADE = re.compile(rb"\r\nupgrade:", re.IGNORECASE)

MAX_PATH = 64 * 1024 - 1
MAX_HEADERS = 64 * 1024
MAX_HEAD = MAX_PATH + MAX_HEADERS
MAX_CONNECTIONS = 1024
BACKLOG = 1024
HEAD_SECONDS = 10.0
KEEP_ALIVE_SECONDS = 65
UNREAD_SECONDS = 60.0
"""A client that takes nothing of its answer for so long is left."""
MAX_UNREAD = 64
"""Answers, of 8 MiB at most, that may wait in memory to be taken; a client too many is left."""
SHUTDOWN_SECONDS = 25


class BoundedProtocol(HttpToolsProtocol):
    """One connection: what it sends is bounded in size and time, what it leaves unread as well."""

    telemetry: Telemetry
    unread: "set[BoundedProtocol]"
    """The connections of this server whose answers wait to be taken."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self._refusal: RequestError = BadRequest("", "this cannot be read as a request of HTTP/1.1")
        self._is_last = False
        self._is_in_head = False
        self._head_bytes = 0
        self._header_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._unread_timer: asyncio.TimerHandle | None = None

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self.transport = cast("asyncio.Transport", JoinedWrites(transport, self.loop))
        self._start_head_timer()
        if len(self.connections) > MAX_CONNECTIONS:
            self._refuse(TooManyRequests())

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.unread.discard(self)
        self._stop_head_timer()
        if self._unread_timer:
            self._unread_timer.cancel()

    @override
    def data_received(self, data: bytes) -> None:
        if self._is_last:
            return
        super().data_received(data if self._is_in_body() else _without_upgrade(data))
        if self.transport.is_closing():
            return
        if self._is_in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD:
                self._refuse(HeadersTooLarge())
        if self._head_timer is None and (self._is_in_head or not self._is_answering()):
            self._start_head_timer()  # of stray bytes, too: they have stopped uvicorn's own timer

    @override
    def eof_received(self) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride] - as asyncio
        """Answer a client that has said all it will say, if it has said all of its request."""
        is_awaited = self._is_answering() and not self.cycle.more_body
        if is_awaited:
            self._make_last()
        return is_awaited

    @override
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._stop_head_timer()
        self._is_in_head, self._head_bytes, self._header_bytes = True, 0, 0

    @override
    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._bound(len(self.url), MAX_PATH, PathTooLong())

    @override
    def on_header(self, name: bytes, value: bytes) -> None:
        if self._is_in_head:  # the trailers of a body are nobody's headers
            super().on_header(name, value)
        self._header_bytes += len(name) + len(value)
        self._bound(self._header_bytes, MAX_HEADERS, HeadersTooLarge())

    @override
    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self._stop_head_timer()
        super().on_headers_complete()

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        self.unread.add(self)
        if len(self.unread) > MAX_UNREAD:
            self.loop.call_soon(self.transport.abort)
        self._watch_reader()

    @override
    def resume_writing(self) -> None:
        super().resume_writing()
        self.unread.discard(self)
        if self._unread_timer:
            self._unread_timer.cancel()

    @override
    def send_400_response(self, msg: str) -> None:
        """Refuse what cannot be read, and close; ``msg`` is uvicorn's word for it."""
        status = status_of(self._refusal).http
        self.telemetry.notice(RequestUnreadable(status))
        if self._is_answering() and not self._is_reading_body():
            self._make_last()
            return
        self._give_up_request()
        self.transport.write(_raw_answer(error_answer(self._refusal)))
        self.transport.close()

    def _is_answering(self) -> bool:
        return bool(self.cycle) and not self.cycle.response_complete

    def _is_in_body(self) -> bool:
        return self._is_answering() and self.cycle.more_body

    def _is_reading_body(self) -> bool:
        return self._is_in_body() and not self.cycle.response_started

    def _make_last(self) -> None:
        """Let the request under way be answered, and then close."""
        self._is_last = True
        self.cycle.keep_alive = False

    def _give_up_request(self) -> None:
        """Let whoever waits for the rest of a body know that it will not come."""
        if self._is_answering():
            self.cycle.disconnected = True
            self.cycle.message_event.set()

    def _refuse(self, refusal: RequestError) -> None:
        self._refusal = refusal
        self.send_400_response("")

    def _bound(self, size: int, limit: int, refusal: RequestError) -> None:
        if size > limit:
            self._refusal = refusal
            raise refusal  # ends the parser, which ends in send_400_response

    def _start_head_timer(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._head_is_late)

    def _stop_head_timer(self) -> None:
        if self._head_timer:
            self._head_timer.cancel()
        self._head_timer = None

    def _head_is_late(self) -> None:
        if self.transport.is_closing():
            return
        if self._is_in_head:
            self._refuse(RequestTooSlow())
        else:
            self.transport.close()

    def _watch_reader(self) -> None:
        unread = self.transport.get_write_buffer_size()
        self._unread_timer = self.loop.call_later(UNREAD_SECONDS, self._check_reader, unread)

    def _check_reader(self, unread_before: int) -> None:
        """Leave a client that has taken nothing; one that is merely slow may go on."""
        if self.transport.get_write_buffer_size() < unread_before:
            self._watch_reader()
        else:
            self.transport.abort()


def _without_upgrade(data: bytes) -> bytes:
    """Hide the offer of another protocol, which we do not take: the parser would stop at it."""
    head, end, rest = data.partition(b"\r\n\r\n")
    return UPGRADE.sub(b"\r\nX-Upgrade:", head) + end + rest


def _raw_answer(answer: Response) -> bytes:
    """Write an answer, and that it is the last one, outside of any request."""
    headers = [*answer.raw_headers, (b"connection", b"close")]
    head = b"".join(b"%b: %b\r\n" % header for header in headers)
    return STATUS_LINE[answer.status_code] + head + b"\r\n" + bytes(answer.body)


class Server(uvicorn.Server):
    """uvicorn, on a socket that listens already, stopped by whoever started it."""

    def __init__(
        self,
        application: ASGIApp,
        telemetry: Telemetry,
        certificate: ServerCertificate | None = None,
    ) -> None:
        protocol = type("Protocol", (BoundedProtocol,), {"telemetry": telemetry, "unread": set()})
        super().__init__(
            uvicorn.Config(
                application,
                http=protocol,
                ws="none",
                lifespan="off",
                proxy_headers=False,  # nobody here asks where a request came from
                log_config=None,
                log_level="critical",  # its warnings are events of ours
                access_log=False,
                server_header=False,
                backlog=BACKLOG,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=SHUTDOWN_SECONDS,
                ssl_context_factory=certificate and certificate.hand_out,
            )
        )

    @override
    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals alone: they stop more than this server."""
        yield

    def stop(self) -> None:
        """Take no more requests, answer those under way, and return from ``serve``.

        Asked a second time, do not wait for those either.
        """
        self.force_exit = self.should_exit
        self.should_exit = True


def address_of(host: str, port: int) -> str:
    """Return the address that listening on a host means. Raises OSError."""
    return str(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0])


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


def url_of(listener: socket.socket, scheme: str = "http") -> str:
    """Return the URL at which a listening socket is reached."""
    host, port = listener.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
