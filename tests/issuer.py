"""An issuer of tokens without a network: it signs whatever it is asked to, also what is forged."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import digest
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from pinakes.auth.fetch import FetchError

ISSUER = "https://issuer.example/realm"
AUDIENCE = "pinakes"

Json = dict[str, Any]
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True)
class SigningKey:
    """A private key under an id, and the algorithm that it signs with."""

    id: str
    private: PrivateKey
    algorithm: str

    def jwk(self) -> Json:
        """Return the public key as it is published."""
        return self._jwk(self.private.public_key())

    def private_jwk(self) -> Json:
        """Return the private key, for a provider that signs with it."""
        return self._jwk(self.private)

    def _jwk(self, key: Any) -> Json:
        kinds = {"R": RSAAlgorithm, "P": RSAAlgorithm, "E": ECAlgorithm}
        kind = OKPAlgorithm if self.algorithm == "EdDSA" else kinds[self.algorithm[0]]
        written: Json = kind.to_jwk(key, as_dict=True)
        written.pop("key_ops", None)
        return written | {"kid": self.id, "use": "sig", "alg": self.algorithm}

    def sign(self, claims: Mapping[str, Any], **header: Any) -> str:
        """Sign claims; ``header`` adds to what the header says, or takes away where it is None."""
        headers = {"kid": self.id} | header
        kept = {name: value for name, value in headers.items() if value is not None}
        return jwt.encode(dict(claims), self.private, self.algorithm, kept)

    def public_pem(self) -> bytes:
        """Return the public key as everybody may have it."""
        return self.private.public_key().public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
        )


def rsa_key(key_id: str, algorithm: str = "RS256", bits: int = 2048) -> SigningKey:
    """Make a key of RSA."""
    return SigningKey(key_id, rsa.generate_private_key(65537, bits), algorithm)


def ec_key(key_id: str) -> SigningKey:
    """Make a key of the curve P-256."""
    return SigningKey(key_id, ec.generate_private_key(ec.SECP256R1()), "ES256")


def ed25519_key(key_id: str) -> SigningKey:
    """Make a key of the curve Ed25519."""
    return SigningKey(key_id, ed25519.Ed25519PrivateKey.generate(), "EdDSA")


def unsigned(header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    """Write a token up to its signature, as an attacker would."""
    return ".".join(_part(json.dumps(part).encode()) for part in (header, claims))


def without_signature(claims: Mapping[str, Any]) -> str:
    """Forge a token that says it needs no signature."""
    return unsigned({"alg": "none", "typ": "JWT"}, claims) + "."


def signed_with_secret(claims: Mapping[str, Any], secret: bytes, key_id: str) -> str:
    """Forge a token signed symmetrically, with what everybody knows."""
    text = unsigned({"alg": "HS256", "kid": key_id}, claims)
    return f"{text}.{_part(digest(secret, text.encode(), sha256))}"


def _part(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


@dataclass
class Publisher:
    """What an issuer publishes, handed out as ``fetch`` would bring it."""

    keys: list[SigningKey]
    issuer: str = ISSUER
    is_away: bool = False
    reads: int = 0
    discovery: Json = field(default_factory=dict[str, Any])
    """What the discovery document says otherwise than usual."""

    async def fetch(self, url: str) -> bytes:
        """Answer as the issuer would, counting how often its keys are read."""
        if self.is_away:
            raise FetchError(f"{url} does not answer")
        if url == f"{self.issuer}/.well-known/openid-configuration":
            usual = {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys"}
            return json.dumps(usual | self.discovery).encode()
        assert url == f"{self.issuer}/keys"
        self.reads += 1
        return json.dumps({"keys": [key.jwk() for key in self.keys]}).encode()
