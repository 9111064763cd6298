"""The keys of an OpenID provider, made while the tests run."""

import base64
from dataclasses import dataclass, field
from typing import Any, Self
from uuid import uuid4

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

Json = dict[str, Any]
PrivateKey = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey
PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey

COORDINATE = 32
"""Bytes of a coordinate, and of either half of a signature, on P-256."""


@dataclass(frozen=True)
class Key:
    """A private key that signs tokens by one algorithm, under an id of its own."""

    private: PrivateKey = field(repr=False)
    id: str = field(default_factory=lambda: uuid4().hex)

    @classmethod
    def rsa(cls) -> Self:
        return cls(generate_rsa(public_exponent=65537, key_size=2048))

    @classmethod
    def ec(cls) -> Self:
        return cls(generate_ec(SECP256R1()))

    @classmethod
    def ed25519(cls) -> Self:
        return cls(Ed25519PrivateKey.generate())

    @property
    def algorithm(self) -> str:
        """The name that tokens give to how this key signs."""
        match self.private:
            case RSAPrivateKey():
                return "RS256"
            case EllipticCurvePrivateKey():
                return "ES256"
            case Ed25519PrivateKey():
                return "EdDSA"

    def public_jwk(self) -> Json:
        """Return what a provider publishes of this key."""
        members = _public_members(self.private.public_key())
        return {"kid": self.id, "use": "sig", "alg": self.algorithm} | members

    def private_jwk(self) -> Json:
        """Return what a provider signs with."""
        return self.public_jwk() | _private_members(self.private)

    def public_pem(self) -> bytes:
        """Return the public key as anybody may take it for a shared secret."""
        public = self.private.public_key()
        return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def sign(self, message: bytes) -> bytes:
        """Return the signature that a token carries."""
        match self.private:
            case RSAPrivateKey() as key:
                return key.sign(message, PKCS1v15(), SHA256())
            case EllipticCurvePrivateKey() as key:
                halves = decode_dss_signature(key.sign(message, ECDSA(SHA256())))
                return b"".join(half.to_bytes(COORDINATE) for half in halves)
            case Ed25519PrivateKey() as key:
                return key.sign(message)

    def has_signed(self, message: bytes, signature: bytes) -> bool:
        """Tell whether a signature is this key's, of this very message."""
        try:
            _verify(self.private.public_key(), message, signature)
        except InvalidSignature:
            return False
        return True


def encoded(octets: bytes) -> str:
    """Encode octets as tokens and JWKs do."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """Decode what ``encoded`` has encoded."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _verify(key: PublicKey, message: bytes, signature: bytes) -> None:
    match key:
        case RSAPublicKey():
            key.verify(signature, message, PKCS1v15(), SHA256())
        case EllipticCurvePublicKey():
            halves = signature[:COORDINATE], signature[COORDINATE:]
            pair = encode_dss_signature(*map(int.from_bytes, halves))
            key.verify(pair, message, ECDSA(SHA256()))
        case Ed25519PublicKey():
            key.verify(signature, message)


def _public_members(key: PublicKey) -> Json:
    match key:
        case RSAPublicKey():
            numbers = key.public_numbers()
            return {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
        case EllipticCurvePublicKey():
            point = key.public_numbers()
            return {
                "kty": "EC",
                "crv": "P-256",
                "x": _coordinate(point.x),
                "y": _coordinate(point.y),
            }
        case Ed25519PublicKey():
            return {"kty": "OKP", "crv": "Ed25519", "x": encoded(key.public_bytes_raw())}


def _private_members(key: PrivateKey) -> Json:
    match key:
        case RSAPrivateKey():
            numbers = key.private_numbers()
            return {
                "d": _number(numbers.d),
                "p": _number(numbers.p),
                "q": _number(numbers.q),
                "dp": _number(numbers.dmp1),
                "dq": _number(numbers.dmq1),
                "qi": _number(numbers.iqmp),
            }
        case EllipticCurvePrivateKey():
            return {"d": _coordinate(key.private_numbers().private_value)}
        case Ed25519PrivateKey():
            return {"d": encoded(key.private_bytes_raw())}


def _number(value: int) -> str:
    return encoded(value.to_bytes((value.bit_length() + 7) // 8))


def _coordinate(value: int) -> str:
    return encoded(value.to_bytes(COORDINATE))
