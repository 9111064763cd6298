"""What COPY gives out in its binary format, rows of one text each, made lines of.

It is read by the calls of libpq itself, and waited for without the event loop: to wake that for
every few rows costs more than the rows do, and an export has nothing else to do (decision 0026).
"""

import select
import time

from psycopg.pq.abc import PGconn

CHUNK_BYTES = 128 * 1024
"""So many bytes are handed on at a time: with more, PostgreSQL waits while they are."""

TURN_SECONDS = 0.1
"""The longest that the event loop waits for its turn, and Ctrl-C with it."""

HEADER = 19
"""Bytes that come before the first row, in its message."""

BEFORE_TEXT = 6
"""Bytes of a row before its text: how many fields there are, which is one, and how long it is."""


class CopiedOut:
    """Takes what a connection gives out, once COPY has begun there."""

    def __init__(self, connection: PGconn) -> None:
        self._connection = connection
        self._socket = select.poll()
        self._socket.register(connection.socket, select.POLLIN)
        self._skipped = HEADER
        self.has_ended = False
        """Whether nothing more comes; why, the result of the statement tells."""

    def texts(self) -> list[memoryview]:
        """Return the texts of some CHUNK_BYTES of rows, or of those that came in a turn, if any."""
        rows: list[memoryview] = []
        size = 0
        end = time.monotonic() + TURN_SECONDS
        while size < CHUNK_BYTES and not self.has_ended:
            length, row = self._connection.get_copy_data(1)
            if length == 0:  # and once more, for of what TLS holds no socket tells
                self._connection.consume_input()
                length, row = self._connection.get_copy_data(1)
            if length > 0:
                rows.append(row)
                size += length
            elif length < 0:
                self.has_ended = True
            elif not self._wait(end):
                break
        return self._texts_of(rows)

    def _wait(self, end: float) -> bool:
        """Wait for something to come until then; return whether it is not over yet."""
        left = end - time.monotonic()
        self._socket.poll(max(left, 0) * 1000)
        return left > 0

    def _texts_of(self, rows: list[memoryview]) -> list[memoryview]:
        """Leave out what is around the texts: the header, and the trailer, which is shorter."""
        if rows:
            rows[0] = rows[0][self._skipped :]
            self._skipped = 0
        return [row[BEFORE_TEXT:] for row in rows if len(row) >= BEFORE_TEXT]


def lines_of(texts: list[memoryview]) -> bytes:
    """Join texts of JSON, each with a line end; one that a text holds becomes a space, as good.

    Between them stands at first what no text can hold, so that nothing is looked at one by one.
    """
    joined = b"\0".join([*texts, b""])
    return joined.replace(b"\n", b" ").replace(b"\r", b" ").replace(b"\0", b"\n")
