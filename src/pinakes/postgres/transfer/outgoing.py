"""Everything that a catalogue holds at one moment, in the order of its keys."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import TypeVar

from pinakes.catalog.runtime import RuntimeMetadata
from pinakes.catalog.stored import StoredModel, StoredRevision
from pinakes.postgres import rows
from pinakes.postgres.rows import Row
from pinakes.postgres.transfer.session import Session, transaction

Entry = TypeVar("Entry")


class Outgoing:
    """A catalogue as it was when it was first looked at; one listing is read at a time."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def revisions(self) -> AsyncGenerator[list[StoredRevision], None]:
        """Yield all of history in the order in which it was made, a batch at a time."""
        return self._batches("export_revisions", rows.stored_revision_of)

    def models(self) -> AsyncGenerator[list[StoredModel], None]:
        """Yield every model, a batch at a time."""
        return self._batches("export_models", rows.stored_model_of)

    def runtime(self) -> AsyncGenerator[list[RuntimeMetadata], None]:
        """Yield all runtime metadata, a batch at a time."""
        return self._batches("export_runtime", rows.runtime_of)

    async def _batches(
        self, name: str, read: Callable[[Row], Entry]
    ) -> AsyncGenerator[list[Entry], None]:
        async with aclosing(self._session.batches(name)) as batches:
            async for batch in batches:
                yield [read(row) for row in batch]


@asynccontextmanager
async def outgoing(conninfo: str, schema: str) -> AsyncGenerator[Outgoing, None]:
    """Open a catalogue for reading all of it. Raises CatalogUnavailable, or TransferError."""
    async with transaction(conninfo, schema, read_only=True) as session:
        yield Outgoing(session)
