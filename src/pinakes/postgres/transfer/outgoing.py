"""Everything that a catalogue holds at one moment, in the order of its keys."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from pinakes.postgres.transfer.session import Session, transaction

Lines = tuple[bytes, int]
"""Lines, each with its end, and how many they are."""


class Outgoing:
    """A catalogue as it was when it was first looked at; one listing is read at a time.

    PostgreSQL writes the lines, which costs less than to make objects of rows here (decision 0026).
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def revisions(self) -> AsyncGenerator[Lines, None]:
        """Yield all of history in the order in which it was made, many lines at a time."""
        return self._session.lines("export_revisions")

    def models(self) -> AsyncGenerator[Lines, None]:
        """Yield every model, many lines at a time."""
        return self._session.lines("export_models")

    def runtime(self) -> AsyncGenerator[Lines, None]:
        """Yield all runtime metadata, many lines at a time."""
        return self._session.lines("export_runtime")


@asynccontextmanager
async def outgoing(conninfo: str, schema: str) -> AsyncGenerator[Outgoing, None]:
    """Open a catalogue for reading all of it. Raises CatalogUnavailable, or TransferError."""
    async with transaction(conninfo, schema, read_only=True) as session:
        await session.run("begin_export", {})
        yield Outgoing(session)
