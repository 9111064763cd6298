"""Tokens: made honestly or as an attacker would, and read without asking who signed them."""

import hashlib
import hmac
import json

from oidc.keys import Json, Key, decoded, encoded

Signer = Key | bytes | None
"""A key, whoever knows these bytes (HS256), or nobody (none)."""


def token_of(claims: Json, signer: Signer, *, header: Json | None = None) -> str:
    """Make a token of any claims, with its signer's honest header or with any other."""
    parts = (honest_header(signer) if header is None else header, claims)
    message = ".".join(encoded(json.dumps(part).encode()) for part in parts)
    return f"{message}.{encoded(_signature(message.encode(), signer))}"


def honest_header(signer: Signer) -> Json:
    """Return the header that tells who signs, and how."""
    match signer:
        case Key():
            return {"typ": "JWT", "alg": signer.algorithm, "kid": signer.id}
        case bytes():
            return {"typ": "JWT", "alg": "HS256"}
        case None:
            return {"typ": "JWT", "alg": "none"}


def header_of(token: str) -> Json:
    """Read the header of a token, whoever signed it."""
    header, _, _ = token.split(".")
    return json.loads(decoded(header))


def claims_of(token: str) -> Json:
    """Read the claims of a token, whoever signed it."""
    _, claims, _ = token.split(".")
    return json.loads(decoded(claims))


def is_signed_by(key: Key, token: str) -> bool:
    """Tell whether a key has signed a token just as it is."""
    message, _, signature = token.rpartition(".")
    return key.has_signed(message.encode(), decoded(signature))


def _signature(message: bytes, signer: Signer) -> bytes:
    match signer:
        case Key():
            return signer.sign(message)
        case bytes():
            return hmac.digest(signer, message, hashlib.sha256)
        case None:
            return b""
