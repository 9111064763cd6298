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

SUBJECT = "sub"
EMAIL = "email"
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

    His id is in the first of the claims of users, of service accounts, and the subject, that is
    there at all. Raises TokenRefused where that is no name, or one that was not his to choose: an
    address that nobody verified, a name of Kubernetes that Kubernetes did not give.
    """
    user = _id_of(claims, names)
    return Caller(
        id=user,
        name=_text(claims, names.name) or user,
        email=_text(claims, names.email),
        groups=tuple(_groups(claims.get(names.groups))),
    )


def _id_of(claims: Mapping[str, object], names: ClaimNames) -> str:
    claim = next(
        (one for one in (names.user, names.service_account, SUBJECT) if one in claims), SUBJECT
    )
    text = _text(claims, claim)
    if not text:
        raise TokenRefused(f"its claim {claim!r} names nobody")
    if text.startswith(KUBERNETES) and claim != SUBJECT:
        raise TokenRefused(f"its claim {claim!r} has a name that only Kubernetes gives")
    if claim == EMAIL and claims.get("email_verified") is False:
        raise TokenRefused("its address was not verified")
    return text


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
