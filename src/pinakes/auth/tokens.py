"""Verify bearer tokens: JSON Web Tokens (RFC 7519) signed by an issuer that is trusted.

ID tokens and access tokens are told apart by nobody: what counts is who signed for whom, and till
when. The rules are those of RFC 8725: algorithms from a list, and never the token's own choice of
what a key is good for.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain
from math import isfinite
from typing import Any

import jwt
import msgspec
from jwt.exceptions import InvalidSubjectError
from jwt.types import Options

from pinakes.auth.caller import Caller, caller_of
from pinakes.auth.errors import TokenRefused
from pinakes.auth.keys import ALGORITHMS, Key
from pinakes.auth.provider import MAX_SHOWN, Provider
from pinakes.settings.auth import ClaimNames

EVERY_ALGORITHM = frozenset(chain.from_iterable(ALGORITHMS.values()))

KINDS = ("jwt", "at+jwt", "application/at+jwt")
"""What a token may call itself; others, such as a logout token, are no proof of who asks."""

CLOCK_SECONDS = 10
"""How far the clock of an issuer may be ahead of ours. No token is good after its expiry."""

NO_TIMES: Options = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
"""The times are compared here, by the clock that also ends what is remembered."""

KEPT = 4096
"""Tokens that are remembered as good; the one that was longest not seen is forgotten first."""

REASONS: Mapping[type[Exception], str] = {
    jwt.InvalidAudienceError: "it is for another audience",
    jwt.InvalidSignatureError: "its signature is wrong",
    jwt.InvalidAlgorithmError: "its key is not for its algorithm",
    jwt.InvalidKeyError: "its key is not for its algorithm",
    InvalidSubjectError: "its subject is no text",
    jwt.MissingRequiredClaimError: "it lacks its audience or expiry",
}
MALFORMED = "it is no token that can be read"

UNREADABLE = (
    jwt.PyJWTError,
    msgspec.ValidationError,
    ValueError,
    TypeError,
    OverflowError,
    RecursionError,
)
"""What a reader of JSON and numbers may raise at what an attacker has made up."""


class _Payload(msgspec.Struct):
    iss: str


class _Header(msgspec.Struct):
    alg: str
    kid: str | None = None
    typ: str | None = None


@dataclass(frozen=True, slots=True)
class _Verified:
    caller: Caller
    expiry: float
    issuer: str
    generation: int


class Tokens:
    """Verifies tokens; a good one is remembered till it expires, or its issuer's keys change."""

    def __init__(
        self,
        providers: Mapping[str, Provider],
        audiences: Collection[str],
        names: ClaimNames,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._providers = providers
        self._audiences = list(audiences)
        self._names = names
        self._clock = clock
        self._verified: OrderedDict[bytes, _Verified] = OrderedDict()

    async def caller(self, token: str) -> Caller:
        """Return of whom a token speaks.

        Raises TokenRefused, which says why for the log, and ProviderUnreachable.
        """
        digest = sha256(token.encode()).digest()
        known = self._verified.get(digest)
        if known is None or not self._still_holds(known):
            known = await self._verify(token)
            self._remember(digest, known)
        self._verified.move_to_end(digest)
        return known.caller

    def _still_holds(self, known: _Verified) -> bool:
        generation = self._providers[known.issuer].generation
        return known.expiry > self._clock() and known.generation == generation

    def _remember(self, digest: bytes, verified: _Verified) -> None:
        self._verified[digest] = verified
        if len(self._verified) > KEPT:
            self._verified.popitem(last=False)

    async def _verify(self, token: str) -> _Verified:
        header, issuer = _read(token)
        provider = self._providers.get(issuer)
        if provider is None:
            raise TokenRefused(f"its issuer {issuer[:MAX_SHOWN]!r} is not one that is trusted")
        claims = self._check(token, await provider.key(header.kid or ""))
        expiry = self._check_times(claims)
        return _Verified(caller_of(claims, self._names), expiry, issuer, provider.generation)

    def _check(self, token: str, key: Key) -> dict[str, Any]:
        """Check the signature and the audience; return the claims."""
        with _refusing():
            return jwt.decode(
                token,
                key.public,
                algorithms=key.algorithms,
                audience=self._audiences,
                options={"require": ["exp"], **NO_TIMES},
            )

    def _check_times(self, claims: Mapping[str, Any]) -> float:
        """Check that a token is good now; return when it expires."""
        with _refusing():
            expiry, beginning = _time(claims["exp"]), _time(claims.get("nbf", 0))
        now = self._clock()
        if expiry <= now:
            raise TokenRefused("it has expired")
        if beginning > now + CLOCK_SECONDS:
            raise TokenRefused("it is not valid yet")
        return expiry


def _time(value: object) -> float:
    """Read a NumericDate: RFC 7519, section 2."""
    seconds = msgspec.convert(value, float)
    if not isfinite(seconds):
        raise ValueError("a time that is no number")
    return seconds


def _read(token: str) -> tuple[_Header, str]:
    """Read the header of a token, and who is said to have issued it; neither is proven yet."""
    with _refusing():
        unproven = jwt.decode_complete(token, options={"verify_signature": False})
        header = msgspec.convert(unproven["header"], _Header)
        issuer = msgspec.convert(unproven["payload"], _Payload).iss
    if header.alg not in EVERY_ALGORITHM:
        raise TokenRefused("its algorithm is not one that is taken")
    if header.typ is not None and header.typ.lower() not in KINDS:
        raise TokenRefused("it is a token of another kind")
    return header, issuer


@contextmanager
def _refusing() -> Generator[None, None, None]:
    """Say what is wrong with a token in our words: the library's may quote it."""
    try:
        yield
    except UNREADABLE as error:
        raise TokenRefused(_reason_of(error)) from None


def _reason_of(error: Exception) -> str:
    reasons = (REASONS[kind] for kind in type(error).__mro__ if kind in REASONS)
    place = f": {error}" if isinstance(error, msgspec.ValidationError) else ""
    return next(reasons, MALFORMED) + place
