"""A connection on which whole statements run, one after the other, by the calls of libpq itself.

psycopg makes the connection and turns values into rows and back; what lies between, its cursor and
its way to wait, is left out: with them and a pool a get costs the server twice the CPU (decision
0029). Nothing else may use the connection meanwhile.
"""

import asyncio
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

import psycopg
from psycopg import abc, adapt, capabilities, postgres
from psycopg.adapt import PyFormat
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, Format
from psycopg.pq.abc import PGresult

from pinakes.postgres.errors import Silent
from pinakes.postgres.hosts import Connection
from pinakes.postgres.prepared import Prepared
from pinakes.postgres.statement import Row, Statement, Values

CHUNK_ROWS = 24
"""Rows taken from the server at a time: a bound on the memory that one page may need. A page of
twenty and the row that tells of more come at once."""

STOP_SECONDS = 2.0
"""How long the server is asked to stop a statement before the connection is given up."""

LOOK_SECONDS = 0.1
"""Between looks at a connection that has not answered: of a socket that was reset uvloop tells
nobody, for libuv stops watching one that has an error."""

READS = 3
"""Times that the socket is read when something has come: libpq reads 16 kB of a page's 50 at once,
and of the rest of a TLS record no event tells. To come back by the loop is ten times as dear."""

SILENCE_SECONDS = 5.0
"""The server stops a read before: one that has not ended by then is not there any more."""

PLAN_OUTDATED = "0A000"
OUTDATED = {PLAN_OUTDATED, "26000"}
"""SQLSTATEs of a prepared statement that is no longer what it was: nothing has happened yet."""

NOTHING = Statement(b"", (), is_fixed=False)

FAILED = {ExecStatus.FATAL_ERROR, ExecStatus.BAD_RESPONSE}
JSON = {postgres.types[kind].oid for kind in ("json", "jsonb")}
"""What a row is measured by: of other texts none is longer than some hundred characters."""


class Bounds(NamedTuple):
    """What one read may bring: rows, and so many bytes of JSON in them."""

    rows: int
    json_bytes: int


class Found(NamedTuple):
    """The rows of a read, and whether its bounds left any out."""

    rows: list[Row]
    more: bool


class _Reading:
    """What comes of a statement while it runs."""

    def __init__(self, bounds: Bounds | None, transformer: abc.Transformer) -> None:
        self.rows: list[Row] = []
        self.changed = 0
        self.is_cut = False
        self.error: Exception | None = None
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._bounds = bounds
        self._room = bounds.json_bytes if bounds else 0
        self._transformer = transformer

    def take(self, result: PGresult) -> None:
        """Take a result, which may be one of several."""
        if result.status in FAILED:
            self.error = self.error or error_from_result(result, encoding="utf-8")
        elif result.ntuples and self._bounds and not self.is_cut:
            self._transformer.set_pgresult(result)
            rows = self._transformer.load_rows(0, result.ntuples, tuple)
            self._keep(rows, [n for n in range(result.nfields) if result.ftype(n) in JSON])
        self.changed = result.command_tuples or 0

    def end(self) -> None:
        """Let go on who waits, if somebody still does."""
        if not self.ended.done():
            self.ended.set_result(None)

    def give_up(self) -> None:
        """Let go on who waits where nothing comes; what was asked for may still run."""
        if not self.ended.done():
            self.ended.set_exception(Silent("the database does not answer"))

    def found(self) -> Found:
        """Return the rows within bounds."""
        most = self._bounds.rows if self._bounds else 0
        return Found(self.rows[:most], more=self.is_cut or len(self.rows) > most)

    def _keep(self, rows: list[Row], sized: list[int]) -> None:
        """Keep rows while there is room, and the first one in any case."""
        size = _bytes_of(rows, sized)
        if size <= self._room:  # nearly always, and asked once for many rows
            self._room -= size
            self.rows += rows
            return
        for row in rows:
            self._room -= _bytes_of([row], sized)
            self.is_cut = bool(self.rows) and self._room < 0
            if self.is_cut:
                return
            self.rows.append(row)


def _bytes_of(rows: list[Row], sized: list[int]) -> int:
    return sum([len(row[n] or "") for n in sized for row in rows])


class Channel:
    """Asks one server one thing at a time. Every failure of the server's is a psycopg.Error.

    ``is_pooled`` says that a pooler stands between, where what was prepared may not be there.
    """

    def __init__(self, connection: Connection, *, is_pooled: bool) -> None:
        self._connection = connection
        self._pgconn = connection.pgconn
        self._socket = connection.pgconn.socket
        self._transformer: abc.Transformer = adapt.Transformer(connection)
        self._may_prepare = not is_pooled
        self._prepared = Prepared()
        self._reading: _Reading | None = None
        self._silent_at = math.inf
        self._stopping: asyncio.Task[None] | None = None
        self._is_writing = False
        self._is_looked_at = False
        self._is_closed = False
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._on_readable)

    @property
    def is_usable(self) -> bool:
        """Whether nothing runs on it and the server has not left, so far as is known."""
        return self._reading is None and self._stopping is None and not self._is_closed

    async def execute(self, statement: Statement, values: Values) -> int:
        """Run a statement; return how many rows it changed."""
        return (await self._run(statement, values, None)).changed

    async def fetch(self, statement: Statement, values: Values, bounds: Bounds) -> Found:
        """Run a statement; return its rows.

        Raises Silent, a CatalogUnavailable, where they do not come in SILENCE_SECONDS.
        """
        self._silent_at = self._loop.time() + SILENCE_SECONDS
        try:
            return (await self._run(statement, values, bounds)).found()
        finally:
            self._silent_at = math.inf

    async def ping(self) -> None:
        """Return when the server has answered."""
        await self._run(NOTHING, {}, None)

    async def close(self) -> None:
        """Stop what runs, in the server too, and leave. Never raises."""
        self._stop_watching()
        if self._reading is not None:
            await self._ask_to_stop()
        await self._connection.close()

    async def _run(self, statement: Statement, values: Values, bounds: Bounds | None) -> _Reading:
        arguments = statement.arranged(values)
        if not (statement.is_fixed and self._may_prepare):
            return await self._run_unprepared(statement.text, arguments, bounds)
        made_before = self._prepared.made
        try:
            return await self._run_prepared(statement.text, arguments, bounds)
        except psycopg.Error as error:
            if error.sqlstate not in OUTDATED:
                raise
            await self._forget_prepared(error)
            if self._prepared.made > made_before:  # what is new is not outdated
                raise
        return await self._run_prepared(statement.text, arguments, bounds)

    async def _forget_prepared(self, error: psycopg.Error) -> None:
        """Have the server forget all plans, if it has them: it would as long as the connection."""
        self._prepared.clear()
        if error.sqlstate == PLAN_OUTDATED:
            await self._ask(lambda: self._pgconn.send_query(b"deallocate all"), None)

    async def _run_unprepared(
        self, text: bytes, arguments: Sequence[object], bounds: Bounds | None
    ) -> _Reading:
        sent, types, formats = self._dumped(arguments)
        return await self._ask(
            lambda: self._pgconn.send_query_params(text, sent, types, formats, Format.BINARY),
            bounds,
        )

    async def _run_prepared(
        self, text: bytes, arguments: Sequence[object], bounds: Bounds | None
    ) -> _Reading:
        sent, types, formats = self._dumped(arguments)
        name = self._prepared.name_of((text, types)) or await self._prepare(text, types)
        return await self._ask(
            lambda: self._pgconn.send_query_prepared(name, sent, formats, Format.BINARY), bounds
        )

    async def _prepare(self, text: bytes, types: Sequence[int]) -> bytes:
        if surplus := self._prepared.pop_surplus():
            await self._ask(lambda: self._pgconn.send_query(b"deallocate " + surplus), None)
        name = self._prepared.new_name()
        await self._ask(lambda: self._pgconn.send_prepare(name, text, types), None)
        self._prepared.add((text, types), name)
        return name

    def _dumped(
        self, arguments: Sequence[object]
    ) -> tuple[Sequence[abc.Buffer | None], tuple[int, ...], Sequence[Format]]:
        """Return values as they are sent, with their types and formats."""
        transformer = self._transformer
        sent = transformer.dump_sequence(arguments, [PyFormat.AUTO] * len(arguments))
        return sent, transformer.types or (), transformer.formats or ()

    async def _ask(self, send: Callable[[], None], bounds: Bounds | None) -> _Reading:
        """Send something, and wait for all that comes of it.

        Where nobody waits any more the channel goes on reading; it is not usable until that ends.
        """
        reading = self._reading = _Reading(bounds, self._transformer)
        try:
            send()
            if bounds:
                self._take_in_parts()
            self._flush()
        except psycopg.Error as error:
            self._end(error)
        self._look_soon()
        await reading.ended
        if self._stopping:
            await asyncio.shield(self._stopping)  # who is cancelled here leaves it as it is
            self._stopping = None
        elif reading.error:
            raise reading.error
        return reading

    def _take_in_parts(self) -> None:
        if capabilities.has_stream_chunked():
            self._pgconn.set_chunked_rows_mode(CHUNK_ROWS)
        else:
            self._pgconn.set_single_row_mode()

    def _flush(self) -> None:
        """Send what has not been sent; go on by itself when the socket takes more."""
        is_left = bool(self._pgconn.flush())
        if is_left and not self._is_writing:
            self._loop.add_writer(self._socket, self._on_writable)
        elif self._is_writing and not is_left:
            self._loop.remove_writer(self._socket)
        self._is_writing = is_left

    def _on_writable(self) -> None:
        try:
            self._flush()
        except psycopg.Error as error:
            self._end(error)

    def _on_readable(self) -> None:
        try:
            for _ in range(READS):
                self._pgconn.consume_input()
                if not self._pgconn.is_busy():
                    self._take_results()
                    break
        except Exception as error:  # noqa: BLE001 - rows that could not be taken were not there
            self._end(error)

    def _look_soon(self) -> None:
        if self._reading and not self._is_looked_at:
            self._is_looked_at = True
            self._loop.call_later(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        self._is_looked_at = False
        if self._is_closed:
            return
        if self._reading:
            self._on_readable()
        if reading := self._reading:
            if self._loop.time() > self._silent_at:
                reading.give_up()
            self._look_soon()

    def _take_results(self) -> None:
        while not self._pgconn.is_busy() and (reading := self._reading):
            if (result := self._pgconn.get_result()) is None:
                self._reading = None
                reading.end()
                return
            reading.take(result)
            if reading.is_cut and not self._stopping:
                self._stopping = asyncio.create_task(self._ask_to_stop())

    async def _ask_to_stop(self) -> None:
        with suppress(psycopg.Error):
            await self._connection.cancel_safe(timeout=STOP_SECONDS)

    def _end(self, error: Exception) -> None:
        """Be of no use any more, as where the server has left, and say why.

        A server that is still there stops when it writes to a connection that was closed.
        """
        self._stop_watching()
        if reading := self._reading:
            reading.error = reading.error or error
            self._reading = None
            reading.end()

    def _stop_watching(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
