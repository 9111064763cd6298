"""Make a catalogue what a file, or another server, says that it is: in one transaction."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from pinakes.catalog.runtime import RuntimeMetadata
from pinakes.catalog.stored import StoredModel, StoredRevision
from pinakes.postgres.transfer.history import IncomingHistory
from pinakes.postgres.transfer.keyed import IncomingEntries
from pinakes.postgres.transfer.order import Order, Outcome
from pinakes.postgres.transfer.session import Session, transaction
from pinakes.postgres.transfer.tables import MODELS, RUNTIME


class Incoming:
    """A catalogue that takes entries, a batch at a time.

    The history of models comes before them: what came with this very transaction tells of their
    change, and what has no such revision gets one.
    """

    def __init__(self, session: Session, order: Order, now: datetime, outcome: Outcome) -> None:
        self.outcome = outcome
        self._history = IncomingHistory(session, order, self.outcome.revisions)
        self._models = IncomingEntries(MODELS, session, order, self.outcome.models, now)
        self._runtime = IncomingEntries(RUNTIME, session, order, self.outcome.runtime, now)

    async def take(
        self,
        revisions: Sequence[StoredRevision] = (),
        models: Sequence[StoredModel] = (),
        runtime: Sequence[RuntimeMetadata] = (),
    ) -> None:
        """Take a batch. Raises TransferError, or CatalogUnavailable."""
        await self._history.take(revisions)
        await self._models.take(models)
        await self._runtime.take(runtime)

    async def finish(self) -> None:
        """Do what only the end allows: nothing more comes."""
        await self._models.finish()
        await self._runtime.finish()
        self.outcome.told += self._models.told + await self._history.finish()


@asynccontextmanager
async def incoming(
    conninfo: str, schema: str, order: Order, outcome: Outcome
) -> AsyncGenerator[Incoming, None]:
    """Open a catalogue for entries; all of them are kept where the block ends well, else none.

    What became of them is added to an outcome.

    Raises CatalogUnavailable, or TransferError.
    """
    async with transaction(conninfo, schema, read_only=order.is_dry) as session:
        await session.run("insist_on_indexes", {})
        [(now,)] = await session.run("transfer_time", {})
        yield Incoming(session, order, now, outcome)


async def identify(conninfo: str, schema: str) -> str:
    """Tell a catalogue from others on the same server, and from one that was made anew."""
    async with transaction(conninfo, schema, read_only=True) as session:
        [(identity,)] = await session.run("identify_catalogue", {})
        return identity
