"""Export, joined: our database on one side, the lines of a file on the other."""

from collections.abc import Callable
from contextlib import aclosing

from pinakes.database import opened_database
from pinakes.postgres.transfer.outgoing import outgoing
from pinakes.settings.environment import Settings
from pinakes.transfers.progress import Progress
from pinakes.wire.portable.manifest import Kind, Sections
from pinakes.wire.portable.writing import PortableWriter


async def export_catalogue(
    settings: Settings, write: Callable[[bytes], object], progress: Progress
) -> Sections:
    """Write everything that the catalogue holds at one moment; return what the manifest says.

    Raises CatalogError, TransferError, or what the embedded PostgreSQL does.
    """
    async with (
        opened_database(settings) as describe,
        outgoing(await describe(), settings.schema) as catalogue,
    ):
        writer = PortableWriter(write)
        count = 0
        for kind, batches in (
            (Kind.REVISIONS, catalogue.revisions()),
            (Kind.MODELS, catalogue.models()),
            (Kind.RUNTIME, catalogue.runtime()),
        ):
            async with aclosing(batches):
                async for lines, how_many in batches:
                    writer.add(kind, lines, how_many)
                    count += how_many
                    progress("lines", count)
        return writer.finish()
