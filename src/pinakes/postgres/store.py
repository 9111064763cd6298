"""The one implementation of Store."""

from collections.abc import Iterator, Sequence

from psycopg.errors import UniqueViolation

from pinakes.catalog.errors import ModelAlreadyExists, ModelNotFound, SchemaMismatch, SearchTooWide
from pinakes.catalog.listing import (
    BY_URI,
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
from pinakes.postgres.along import is_of_one
from pinakes.postgres.candidates import names_uri
from pinakes.postgres.channel import Bounds
from pinakes.postgres.errors import NARROW, UTF8, TookTooLong
from pinakes.postgres.migrate import Applied, latest, objection, shipped
from pinakes.postgres.pages import narrowed
from pinakes.postgres.pool import Connections
from pinakes.postgres.runner import Runner
from pinakes.postgres.shapes import Selects
from pinakes.postgres.statement import Statement, Values, numbered
from pinakes.postgres.statements import load_statements
from pinakes.query.conditions import Column, Comparison, Operator
from pinakes.telemetry.readings import Reading

BY_KEY = {
    "list_models_by_uri",
    "create_model",
    "update_model",
    "delete_model",
    "find_change",
    "record_runtime",
}
"""Statements that find what they need by a key: one plan is good for all values."""


def page_of(size: int) -> Bounds:
    """Bound a page: where it ends to the byte is for ``wire``, this is for our memory."""
    return Bounds(size, PAGE_BYTES)


def _is_quick(listing: ModelListing) -> bool:
    """Say whether an index has the page: of all models in its order, or of those with one URI."""
    if listing.condition is None:
        return listing.projects is None and is_of_one(listing.order)
    return names_uri(listing.condition)


def _is_first_by_uri(listing: ModelListing) -> bool:
    return listing.after is None and listing.order == BY_URI


class PostgresStore:
    """Keeps the catalogue in one schema of a PostgreSQL database."""

    def __init__(self, connections: Connections, schema: str) -> None:
        self._connections = connections
        self._selects = Selects(schema)
        self._statements = {
            name: numbered(text, is_fixed=name in BY_KEY)
            for name, text in load_statements(schema).items()
        }
        self._shipped = shipped()
        self._schema_version = 0
        self._runner = Runner(connections, self._statements["find_change"])

    async def check(self) -> Sequence[str]:
        """Return if the database answers and this version works with its schema."""
        try:
            await self._check_schema()
        except SchemaMismatch:
            await self._check_encoding()
            raise
        return self._connections.warnings()

    async def _check_schema(self) -> None:
        found = await self._runner.read(self._statements["list_migrations"], {})
        applied = [Applied(*row) for row in found.rows]
        self._schema_version = latest(applied)
        if problem := objection(self._shipped, applied):
            raise SchemaMismatch(problem)

    async def _check_encoding(self) -> None:
        """Say so where a migration is not what is missing, as none would be applied."""
        found = await self._runner.read(self._statements["find_encoding"], {})
        [(encoding,)] = found.rows
        if encoding != UTF8:
            raise SchemaMismatch(NARROW.format(encoding=encoding))

    def readings(self) -> Iterator[Reading]:
        """Tell how far the schema was when it was last looked at; 0 before that."""
        description = "The number of the last migration that was seen to be applied"
        yield Reading("pinakes_schema_version", description, self._schema_version)

    async def create_model(self, model: Model, change: Change) -> None:
        """Keep a new model."""
        values = rows.values_of_model(model) | rows.values_of_change(change)
        try:
            await self._runner.change(self._statements["create_model"], values)
        except UniqueViolation as error:
            raise ModelAlreadyExists(model.uri, model.project) from error

    async def update_model(self, model: Model, change: Change) -> None:
        """Replace all of a model but its key and creation time."""
        values = rows.values_of_model(model) | rows.values_of_change(change)
        if not await self._runner.change(self._statements["update_model"], values):
            raise ModelNotFound(model.uri, model.project)

    async def delete_model(self, key: ModelKey, change: Change) -> None:
        """Forget a model."""
        values = rows.values_of_key(key) | rows.values_of_change(change)
        if not await self._runner.change(self._statements["delete_model"], values):
            raise ModelNotFound(key.uri, key.project)

    async def list_models(self, listing: ModelListing) -> ModelPage:
        """Return one page of a listing."""
        statement, values = self._page(listing)
        is_quick = _is_quick(listing)
        run = self._runner.read if is_quick else self._runner.search
        try:
            found = await run(statement, values, page_of(listing.size))
        except TookTooLong as error:
            if is_quick or listing.condition is None:  # there is nothing that could be narrower
                raise
            raise SearchTooWide from error
        return ModelPage([*map(rows.stored_model_of, found.rows)], found.more)

    def _page(self, listing: ModelListing) -> tuple[Statement, Values]:
        """Say how to find a page.

        What is asked most, a model by its URI, has a statement of its own: found as any other
        listing it would cost the server 101 us instead of 97.
        """
        match listing.condition:
            case Comparison(Column.URI, Operator.EQUAL, str(uri)) if _is_first_by_uri(listing):
                values = rows.values_of_listing_by_uri(listing, uri)
                return self._statements["list_models_by_uri"], values
            case _:
                return self._selects.of(narrowed(listing))

    async def list_revisions(self, key: ModelKey) -> list[Revision]:
        """Return every revision of a model, the oldest first."""
        found = await self._runner.read(self._statements["list_revisions"], rows.values_of_key(key))
        return [rows.revision_of(row) for row in found.rows]

    async def record_runtime(self, runtime: RuntimeMetadata) -> None:
        """Record that a node of a predictor runs a model, or what of it is new."""
        await self._runner.write(
            self._statements["record_runtime"], rows.values_of_runtime(runtime)
        )

    async def list_runtime(self, listing: RuntimeListing) -> RuntimePage:
        """Return one page of a listing of runtime metadata."""
        values = rows.values_of_runtime_listing(listing)
        statement = self._statements["list_runtime"]
        found = await self._runner.search(statement, values, page_of(listing.size))
        return RuntimePage([rows.record_of(row) for row in found.rows], found.more)
