"""Servers that only seem to be PostgreSQL: one that says a chosen thing, one that says nothing."""

import socket
import struct
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

from tls.servers import HOST

WITHOUT_TLS = b"N"
LENGTH = struct.Struct(">i")
SSL_REQUEST = 80877103


def refusal(sqlstate: str) -> bytes:
    """Return what a server says before it closes: FATAL."""
    fields = {"S": "FATAL", "V": "FATAL", "C": sqlstate, "M": f"chosen {sqlstate}"}
    return _message(b"E", b"".join(_text(key + value) for key, value in fields.items()) + b"\0")


def welcome(**parameters: str) -> bytes:
    """Return what a server says to a login that it lets in without a question."""
    statuses = [_message(b"S", _text(name) + _text(value)) for name, value in parameters.items()]
    entered, ready = _message(b"R", LENGTH.pack(0)), _message(b"Z", b"I")
    return entered + b"".join(statuses) + ready


@contextmanager
def saying(words: bytes) -> Generator[int]:
    """Run a server that says ``words`` to everybody; yields its port."""
    with _serving(lambda connection: _answer(connection, words)) as port:
        yield port


@contextmanager
def _serving(answer: Callable[[socket.socket], None]) -> Generator[int]:
    with socket.create_server((HOST, 0)) as listener:
        thread = threading.Thread(target=_serve, args=(listener, answer))
        thread.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@contextmanager
def silent() -> Generator[int]:
    """Listen, so that the kernel accepts connections, and never look at one."""
    with socket.create_server((HOST, 0)) as listener:
        yield int(listener.getsockname()[1])


@contextmanager
def slamming() -> Generator[int]:
    """Run a server that resets every connection at once."""
    with _serving(_slam) as port:
        yield port


@contextmanager
def closed() -> Generator[int]:
    """Hold a port on which nobody listens."""
    with socket.socket() as holder:
        holder.bind((HOST, 0))
        yield int(holder.getsockname()[1])


def _serve(listener: socket.socket, answer: Callable[[socket.socket], None]) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            with connection, suppress(struct.error):  # who only knocks says nothing
                connection.settimeout(10)
                answer(connection)


def _slam(connection: socket.socket) -> None:
    """Let the end of the block reset the connection, where it would else only close it."""
    connection.recv(1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _answer(connection: socket.socket, words: bytes) -> None:
    if _read_start(connection) == SSL_REQUEST:
        connection.sendall(WITHOUT_TLS)
        _read_start(connection)
    connection.sendall(words)
    while connection.recv(1024):
        pass


def _read_start(connection: socket.socket) -> int:
    [length] = LENGTH.unpack(connection.recv(4, socket.MSG_WAITALL))
    body = connection.recv(length - 4, socket.MSG_WAITALL)
    return int(LENGTH.unpack(body[:4])[0])


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + LENGTH.pack(len(body) + 4) + body


def _text(text: str) -> bytes:
    return text.encode() + b"\0"


STANDBY = welcome(server_version="15.0", in_hot_standby="on", default_transaction_read_only="off")
"""A standby, from which nothing more can be had."""
