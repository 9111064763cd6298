"""A caller: who asks, as the claims of his token tell it."""

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from pinakes.auth.errors import TokenRefused
from pinakes.settings.auth import ClaimNames

UNSPEAKABLE = ("Cc", "Cs")
"""Categories of characters in no name: controls, and halves of a character."""

MAX_NAME = 255
"""Code points in a name; the actor of every revision is one."""

KUBERNETES = "system:"
"""How the names begin that Kubernetes gives, and no user may choose."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks; revisions, policies and the log know him by his ``id``."""

    id: str
    name: str = ""
    email: str = ""
    groups: tuple[str, ...] = ()


ANONYMOUS = Caller(id="anonymous", name="anonymous")


def caller_of(claims: Mapping[str, object], names: ClaimNames) -> Caller:
    """Read who a token, which was verified, speaks of.

    His id is the claim of users, else that of service accounts, else the subject, which every token
    has. Raises TokenRefused where none of them is a name.
    """
    user = next(_ids(claims, names), None)
    if user is None:
        raise TokenRefused("no claim of it names anybody")
    return Caller(
        id=user,
        name=_text(claims, names.name) or user,
        email=_text(claims, names.email),
        groups=tuple(_groups(claims.get(names.groups))),
    )


def _ids(claims: Mapping[str, object], names: ClaimNames) -> Iterator[str]:
    for claim in (names.user, names.service_account):
        text = _text(claims, claim)
        if text and not text.startswith(KUBERNETES):
            yield text
    if subject := _text(claims, "sub"):
        yield subject


def _text(claims: Mapping[str, object], claim: str) -> str:
    value = claims.get(claim)
    return value if isinstance(value, str) and _is_clean(value) else ""


def _groups(value: object) -> Iterator[str]:
    """Yield the groups of a list, or the one that is no list."""
    several = cast("list[object]", value) if isinstance(value, list) else [value]
    for one in several:
        if isinstance(one, str) and one and _is_clean(one):
            yield one


def _is_clean(text: str) -> bool:
    return len(text) <= MAX_NAME and not any(
        unicodedata.category(character) in UNSPEAKABLE for character in text
    )
