"""See a secret change: list, then watch from there."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from pinakes.kubernetes.api_server import ApiServer, Document
from pinakes.kubernetes.errors import VersionGone, refusal, status_in
from pinakes.kubernetes.reference import SecretReference

VERBS = ("watch", "list")


async def states(server: ApiServer, wanted: SecretReference) -> AsyncGenerator[Document | None]:
    """Yield a secret as it is, and as it becomes, for minutes; None where it is not there.

    It ends with the stream, or where the server has forgotten what changed, and is then to be
    called again. It lists anew instead of resuming: one secret by its name costs no more, what was
    missed is seen, and no version is ever too old for long. Raises ClusterError.
    """
    listing = await server.list(wanted)
    yield listing.document
    try:
        async with aclosing(server.watch(wanted, listing.version)) as events:
            async for event in events:
                match event.type:
                    case "ADDED" | "MODIFIED":
                        yield event.object
                    case "DELETED":
                        yield None
                    case "ERROR":
                        raise refusal(VERBS, wanted, status_in(event.object))
                    case _:
                        pass  # a bookmark, of which we need no more than that it came
    except VersionGone:
        return
