"""The public keys that a provider publishes: RFC 7517, as OpenID Connect Discovery finds them."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from pinakes.auth.fetch import Fetch, FetchError
from pinakes.settings.auth import is_trustworthy_url

ALGORITHMS = {
    "RSA": ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    "P-256": ("ES256",),
    "P-384": ("ES384",),
    "P-521": ("ES512",),
    "Ed25519": ("EdDSA",),
}
"""What may be signed by a key, by its curve, or else its kind: nothing that is symmetric."""

MIN_RSA_BITS = 2048
WELL_KNOWN = "/.well-known/openid-configuration"


Shape = TypeVar("Shape", bound=msgspec.Struct)


class _Discovery(msgspec.Struct):
    issuer: str
    jwks_uri: str


class _KeySet(msgspec.Struct):
    keys: list[Any]


@dataclass(frozen=True, slots=True)
class Key:
    """A public key, and the algorithms that it may have signed with."""

    public: Any
    algorithms: tuple[str, ...]


async def read_keys(issuer: str, fetch: Fetch) -> Mapping[str, Key]:
    """Read the keys that an issuer signs with, by their ids; a key without one is under "".

    Raises FetchError, which says what is not there or not as it should be.
    """
    discovered = _decode(await fetch(issuer.rstrip("/") + WELL_KNOWN), _Discovery, issuer)
    if discovered.issuer != issuer:
        raise FetchError(f"{issuer} calls itself {discovered.issuer}: name it like that")
    if not is_trustworthy_url(discovered.jwks_uri):
        raise FetchError(f"{issuer} publishes its keys without https")
    published = _decode(await fetch(discovered.jwks_uri), _KeySet, discovered.jwks_uri)
    keys = dict(_usable(published.keys))
    if not keys:
        raise FetchError(f"{discovered.jwks_uri} has no key that can be used")
    return keys


def _decode(content: bytes, shape: type[Shape], whose: str) -> Shape:
    try:
        return msgspec.json.decode(content, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FetchError(f"{whose} answers what cannot be read: {error}") from error


def _usable(published: Iterable[Any]) -> Iterator[tuple[str, Key]]:
    """Yield what can verify signatures; what cannot is for others, or for later times."""
    for jwk in published:
        if isinstance(jwk, dict) and (key := _read_key(cast("dict[str, Any]", jwk))):
            key_id = cast("dict[str, Any]", jwk).get("kid")
            yield key_id if isinstance(key_id, str) else "", key


def _read_key(jwk: dict[str, Any]) -> Key | None:
    algorithms = _algorithms_of(jwk)
    if not algorithms or jwk.get("use", "sig") != "sig":
        return None
    with suppress(jwt.PyJWTError):
        public = jwt.PyJWK(jwk, algorithms[0]).key
        if not isinstance(public, RSAPublicKey) or public.key_size >= MIN_RSA_BITS:
            return Key(public, algorithms)
    return None


def _algorithms_of(jwk: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the algorithms of a public key: the one that it names, where it names one."""
    if "d" in jwk:
        return ()  # a private key, published by mistake, is no secret and proves nothing
    possible = ALGORITHMS.get(str(jwk.get("crv", jwk.get("kty"))), ())
    named = jwk.get("alg")
    return possible if named is None else tuple(one for one in possible if one == named)
