"""Everything that a catalogue holds at one moment, in the order of its keys."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import TypeVar

from pinakes.catalog.model import Model
from pinakes.catalog.revision import Revision
from pinakes.catalog.runtime import RuntimeMetadata
from pinakes.postgres import rows
from pinakes.postgres.rows import Row
from pinakes.postgres.transfer.session import Session, transaction

BATCH = 500

Entry = TypeVar("Entry")


class Outgoing:
    """A catalogue as it was when it was first looked at; one listing is read at a time."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def revisions(self) -> AsyncGenerator[list[Revision], None]:
        """Yield all of history in the order in which it was made, a batch at a time."""
        return self._batches("export_revisions", rows.revision_of)

    def models(self) -> AsyncGenerator[list[Model], None]:
        """Yield every model, a batch at a time."""
        return self._batches("export_models", rows.model_of)

    def runtime(self) -> AsyncGenerator[list[RuntimeMetadata], None]:
        """Yield all runtime metadata, a batch at a time."""
        return self._batches("export_runtime", rows.runtime_of)

    async def _batches(
        self, name: str, read: Callable[[Row], Entry]
    ) -> AsyncGenerator[list[Entry], None]:
        batch: list[Entry] = []
        async with aclosing(self._session.stream(name)) as stream:
            async for row in stream:
                batch.append(read(row))
                if len(batch) >= BATCH:
                    yield batch
                    batch = []
        yield batch


@asynccontextmanager
async def outgoing(conninfo: str, schema: str) -> AsyncGenerator[Outgoing, None]:
    """Open a catalogue for reading all of it. Raises CatalogUnavailable, or TransferError."""
    async with transaction(conninfo, schema, read_only=True) as session:
        yield Outgoing(session)
