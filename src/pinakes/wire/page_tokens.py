"""Page tokens: where a page ended, tied to the listing that it is a page of."""

import base64
import hashlib
from functools import lru_cache

import msgspec

from pinakes.catalog.listing import Position
from pinakes.wire.errors import BadRequest

DIGEST_BYTES = 12

KNOWN_LISTINGS = 128
"""Listings whose text is remembered, for it takes as long to write as all else of a token."""


def write_token(position: object, listing: object) -> str:
    """Write a position in a listing as an opaque text."""
    payload = msgspec.json.encode(position)
    return base64.urlsafe_b64encode(_digest(payload, listing) + payload).decode()


def read_token(token: str, length: int, listing: object) -> Position:
    """Read a position of so many texts in a listing.

    Raises BadRequest for what no page of this very listing gave out. A token is no secret and no
    authority: it only says where to go on.
    """
    try:
        content = base64.b64decode(token, altchars=b"-_", validate=True)
        digest, payload = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
        position = msgspec.json.decode(payload, type=tuple[str, ...])
    except (ValueError, msgspec.DecodeError) as error:
        raise _wrong_token() from error
    if digest != _digest(payload, listing) or write_token(position, listing) != token:
        raise _wrong_token()
    if len(position) != length or "\0" in "".join(position):
        raise _wrong_token()
    return position


def _wrong_token() -> BadRequest:
    """Make the error for a token that no page of the listing gave out."""
    return BadRequest(
        "pageToken",
        "belongs to no page of this listing; only pageSize and listMask may change between pages",
    )


def _digest(payload: bytes, listing: object) -> bytes:
    return hashlib.sha256(_text_of(listing) + b"\0" + payload).digest()[:DIGEST_BYTES]


@lru_cache(KNOWN_LISTINGS)
def _text_of(listing: object) -> bytes:
    return repr(listing).encode()
