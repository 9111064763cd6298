"""Import from another server, joined: its listings on one side, our database on the other."""

from typing import Protocol

from pinakes.database import opened_database
from pinakes.postgres.transfer.incoming import identify, incoming
from pinakes.postgres.transfer.order import Order, Outcome
from pinakes.remote.listings import Place, read_page
from pinakes.remote.server import Remote, remote_server
from pinakes.settings.environment import Settings
from pinakes.transfers.progress import Progress


class Course(Protocol):
    """Remembers how far the listings of another server were read."""

    def begin(self, catalogue: str) -> Place | None:
        """Say where to begin for a catalogue of ours; None where all was read before."""
        ...

    def reach(self, place: Place | None) -> None:
        """Remember where to go on; None at the end."""
        ...

    def notice(self, told: str) -> None:
        """Tell what is waited for."""
        ...


async def import_from(
    settings: Settings, remote: Remote, order: Order, progress: Progress, course: Course
) -> Outcome:
    """Make the catalogue what another server lists: each page in a transaction of its own.

    Raises RemoteError, CatalogError, TransferError, or what the embedded PostgreSQL does; the pages
    before that are kept.
    """
    outcome = Outcome()
    async with (
        opened_database(settings) as describe,
        remote_server(remote, course.notice) as server,
    ):
        place = course.begin(await identify(await describe(), settings.schema))
        count = 0
        while place is not None:
            page = await read_page(server, place)
            async with incoming(await describe(), settings.schema, order, outcome) as catalogue:
                await catalogue.take(models=page.models, runtime=page.runtime)
                await catalogue.finish()
            place = page.next
            count += len(page.models) + len(page.runtime)
            progress("entries", count)
            course.reach(place)
    return outcome
