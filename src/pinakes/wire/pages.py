"""A page of a listing, as JSON of bounded size."""

from collections.abc import Callable, Sequence
from itertools import accumulate, takewhile

import msgspec

from pinakes.catalog.listing import PAGE_BYTES

ENVELOPE_BYTES = 64 * 1024
"""What of the page's bytes is kept free for all but its entries, the longest token included."""

_encoder = msgspec.json.Encoder()


def write_page(
    name: str, *, entries: Sequence[object], more: bool, token_behind: Callable[[int], str]
) -> bytes:
    """Write the entries under ``name``, and the token of the next page where anything is left.

    The page ends before an entry that would make it too large, though never before its first.
    ``token_behind`` makes the token of the page that begins behind the entry of an index.
    """
    token = token_behind(len(entries) - 1) if more else ""
    page = _encoder.encode({name: entries, "nextPageToken": token})
    if len(page) <= PAGE_BYTES or len(entries) == 1:
        return page
    fitting = entries[: _count_fitting(entries)]
    return write_page(name, entries=fitting, more=True, token_behind=token_behind)


def _count_fitting(entries: Sequence[object]) -> int:
    """Count those that a page has room for, at least one."""
    sizes = accumulate(len(_encoder.encode(entry)) + 1 for entry in entries)
    fitting = takewhile(lambda size: size <= PAGE_BYTES - ENVELOPE_BYTES, sizes)
    return max(1, len([*fitting]))
