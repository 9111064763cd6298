"""A page of a listing, as JSON of bounded size."""

from collections.abc import Callable, Iterable

import msgspec

from pinakes.catalog.listing import PAGE_BYTES

ENVELOPE_BYTES = 64 * 1024
"""What of the page's bytes is kept free for all but its entries, the longest token included."""


def write_page(
    name: str, *, entries: Iterable[bytes], more: bool, token_behind: Callable[[int], str]
) -> bytes:
    """Write the entries under ``name``, and the token of the next page where anything is left.

    The page ends before an entry that would make it too large, though never before its first.
    ``token_behind`` makes the token of the page that begins behind the entry of an index.
    """
    written: list[bytes] = []
    room = PAGE_BYTES - ENVELOPE_BYTES
    for entry in entries:
        room -= len(entry) + 1
        if written and room < 0:
            more = True
            break
        written.append(entry)
    token = token_behind(len(written) - 1) if more else ""
    return b'{"%b":[%b],"nextPageToken":%b}' % (
        name.encode(),
        b",".join(written),
        msgspec.json.encode(token),
    )
