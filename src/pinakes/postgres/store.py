"""The one implementation of Store."""

import asyncio
import random
import sys
from collections.abc import AsyncGenerator, Coroutine, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, NamedTuple, TypeVar, cast

from psycopg import capabilities
from psycopg.errors import UniqueViolation

from pinakes.catalog.errors import (
    CatalogUnavailable,
    ModelAlreadyExists,
    ModelNotFound,
    SchemaMismatch,
)
from pinakes.catalog.listing import (
    PAGE_BYTES,
    ModelListing,
    ModelPage,
    RuntimeListing,
    RuntimePage,
)
from pinakes.catalog.model import Model, ModelKey
from pinakes.catalog.revision import Change, Revision
from pinakes.catalog.runtime import RuntimeMetadata
from pinakes.postgres import rows
from pinakes.postgres.errors import AnswerLost, TakesNoWrites, TryAgain, in_catalogue_words
from pinakes.postgres.hosts import Connection
from pinakes.postgres.migrate import Applied, latest, objection, shipped
from pinakes.postgres.pages import select_page
from pinakes.postgres.pool import Connections
from pinakes.postgres.rows import Row
from pinakes.postgres.statements import load_statements
from pinakes.telemetry import Reading

ANSWER_SECONDS = 9.0
"""No method takes longer: the API promises an answer within ten seconds."""

AGAIN_SECONDS = 0.1
SETTLE_SECONDS = 0.2

CHUNK = 16 if capabilities.has_stream_chunked() else 1
"""Rows taken from the server at a time: a bound on the memory that one page may need."""


class Bounds(NamedTuple):
    """What one read may bring: rows, and about so many characters in them."""

    rows: int
    characters: int


UNBOUNDED = Bounds(sys.maxsize, sys.maxsize)


def page_of(size: int) -> Bounds:
    """Bound a page: where it ends to the byte is for ``wire``, this is for our memory."""
    return Bounds(size, PAGE_BYTES)


Values = Mapping[str, object]
Result = TypeVar("Result")


class PostgresStore:
    """Keeps the catalogue in one schema of a PostgreSQL database."""

    def __init__(self, connections: Connections, schema: str) -> None:
        self._connections = connections
        self._schema = schema
        self._statements = load_statements(schema)
        self._shipped = shipped()
        self._schema_version = 0
        self._running: set[asyncio.Task[Any]] = set()

    async def check(self) -> Sequence[str]:
        """Return if the database answers and this version works with its schema."""
        found = await self._read(self._statements["list_migrations"], {})
        applied = [Applied(*row) for row in found.rows]
        self._schema_version = latest(applied)
        if problem := objection(self._shipped, applied):
            raise SchemaMismatch(problem)
        return self._connections.warnings()

    def readings(self) -> Iterator[Reading]:
        """Tell how far the schema was when it was last looked at; 0 before that."""
        description = "The number of the last migration that was seen to be applied"
        yield Reading("pinakes_schema_version", description, self._schema_version)

    async def create_model(self, model: Model, change: Change) -> None:
        """Keep a new model."""
        values = rows.values_of_model(model) | rows.values_of_change(change)
        try:
            await self._change("create_model", values)
        except UniqueViolation as error:
            raise ModelAlreadyExists(model.uri, model.project) from error

    async def update_model(self, model: Model, change: Change) -> None:
        """Replace all of a model but its key and creation time."""
        values = rows.values_of_model(model) | rows.values_of_change(change)
        if not await self._change("update_model", values):
            raise ModelNotFound(model.uri, model.project)

    async def delete_model(self, key: ModelKey, change: Change) -> None:
        """Forget a model."""
        values = rows.values_of_key(key) | rows.values_of_change(change)
        if not await self._change("delete_model", values):
            raise ModelNotFound(key.uri, key.project)

    async def list_models(self, listing: ModelListing) -> ModelPage:
        """Return one page of a listing."""
        statement, bindings = select_page(listing, self._schema)
        found = await self._read(statement.as_bytes(), bindings.values, page_of(listing.size))
        return ModelPage([rows.model_of(row) for row in found.rows], found.more)

    async def list_revisions(self, key: ModelKey) -> list[Revision]:
        """Return every revision of a model, the oldest first."""
        found = await self._read(self._statements["list_revisions"], rows.values_of_key(key))
        return [rows.revision_of(row) for row in found.rows]

    async def record_runtime(self, runtime: RuntimeMetadata) -> None:
        """Record that a node of a predictor runs a model, or what of it is new."""
        await self._write("record_runtime", rows.values_of_runtime(runtime))

    async def list_runtime(self, listing: RuntimeListing) -> RuntimePage:
        """Return one page of a listing of runtime metadata."""
        values = rows.values_of_runtime_listing(listing)
        statement = self._statements["list_runtime"]
        found = await self._read(statement, values, page_of(listing.size))
        return RuntimePage([rows.record_of(row) for row in found.rows], found.more)

    async def _change(self, name: str, values: Values) -> int:
        """Change a model by one statement, which is one transaction; return how many changed.

        Where its answer is lost, what became of it is found out. Raises CatalogUnavailable, which
        says so, where that cannot be known in time.
        """
        try:
            return await self._in_time(self._make(self._statements[name], values))
        except AnswerLost as error:
            raise CatalogUnavailable(f"{error}; whether the change was made is unknown") from error

    async def _make(self, statement: bytes, values: Values) -> int:
        try:
            return await self._execute_again(statement, values)
        except AnswerLost:
            return await self._settle(statement, values)

    async def _settle(self, statement: bytes, values: Values) -> int:
        """Find out whether a change was made, and make it if it was not, until time is up.

        The lost one may still be under way, but both cannot be made: the id of a change is unique,
        so the later of the two waits for the earlier, and then fails.
        """
        while True:
            try:
                return await self._make_unless_made(statement, values)
            except CatalogUnavailable:
                await asyncio.sleep(SETTLE_SECONDS)

    async def _make_unless_made(self, statement: bytes, values: Values) -> int:
        if await self._was_made(values):
            return 1
        try:
            made = await self._execute_again(statement, values)
        except UniqueViolation:
            if not await self._was_made(values):
                raise
            return 1
        return made or int(await self._was_made(values))

    async def _was_made(self, values: Values) -> bool:
        found = await self._fetch(self._statements["find_change"], values, UNBOUNDED)
        return bool(found.rows)

    async def _write(self, name: str, values: Values) -> None:
        """Run a statement that may be run twice."""
        try:
            await self._in_time(self._execute_again(self._statements[name], values))
        except AnswerLost:
            await self._in_time(self._execute_again(self._statements[name], values))

    async def _execute_again(self, statement: bytes, values: Values) -> int:
        """Execute; once more where nothing happened but may happen now."""
        try:
            return await self._execute(statement, values)
        except TakesNoWrites:
            if not await self._connections.renew():
                raise
        except TryAgain:
            await asyncio.sleep(random.uniform(0, AGAIN_SECONDS))  # noqa: S311 - apart from others
        return await self._execute(statement, values)

    async def _execute(self, statement: bytes, values: Values) -> int:
        async with self._connections.connection() as connection:
            with in_catalogue_words():
                cursor = await connection.execute(statement, values)
                return cursor.rowcount

    async def _read(self, statement: bytes, values: Values, bounds: Bounds = UNBOUNDED) -> "_Found":
        return await self._in_time(self._fetch_again(statement, values, bounds))

    async def _fetch_again(self, statement: bytes, values: Values, bounds: Bounds) -> "_Found":
        """Fetch; once more where it failed for a reason that passes: a read may be repeated."""
        try:
            return await self._fetch(statement, values, bounds)
        except (AnswerLost, TryAgain):
            return await self._fetch(statement, values, bounds)

    async def _fetch(self, statement: bytes, values: Values, bounds: Bounds) -> "_Found":
        async with self._connections.connection() as connection:
            with in_catalogue_words():
                return await _take(connection, statement, values, bounds)

    async def _in_time(self, answer: Coroutine[Any, Any, Result]) -> Result:
        """Wait for an answer, but no longer than promised.

        What is late is cancelled, in the server too; that may itself hang, so nobody waits for it.
        """
        task = asyncio.create_task(answer)
        self._running.add(task)
        task.add_done_callback(self._forget)
        await asyncio.wait({task}, timeout=ANSWER_SECONDS)
        if not task.done():
            task.cancel()
            raise AnswerLost("the database did not answer in time")
        return task.result()

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # else asyncio complains of one that nobody waited for


class _Found(NamedTuple):
    rows: list[Row]
    more: bool


async def _take(connection: Connection, statement: bytes, values: Values, bounds: Bounds) -> _Found:
    """Take rows within bounds, and say whether any was left."""
    found: list[Row] = []
    room = bounds.characters
    stream = connection.cursor().stream(statement, values, size=CHUNK)
    async with aclosing(cast("AsyncGenerator[Row, None]", stream)):
        async for row in stream:
            room -= sum(len(value) for value in row if isinstance(value, bytes | str))
            if found and room < 0:
                return _Found(found, more=True)
            found.append(row)
    return _Found(found[: bounds.rows], more=len(found) > bounds.rows)
