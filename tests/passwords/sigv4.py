"""Amazon's Signature Version 4 of a URL, computed from its documentation and from nothing else."""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote

ALGORITHM = "AWS4-HMAC-SHA256"
EMPTY = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True)
class Presigned:
    """A URL that was signed: where it leads to, what it asks, and by what it is vouched for."""

    host: str
    path: str
    asked: Mapping[str, str]
    signature: str

    @classmethod
    def read(cls, text: str) -> "Presigned":
        """Take a token of RDS apart, which is a URL without a scheme."""
        place, _, query = text.partition("?")
        host, _, path = place.partition("/")
        asked = dict(parse_qsl(query, strict_parsing=True, keep_blank_values=True))
        return cls(host, f"/{path}", asked, asked.pop("X-Amz-Signature"))


def sign(url: Presigned, secret: str, payload: str = EMPTY) -> str:
    """Return what the signature of a URL is to be."""
    time = url.asked["X-Amz-Date"]
    _, date, region, service, _ = url.asked["X-Amz-Credential"].split("/")
    scope = f"{date}/{region}/{service}/aws4_request"
    request = "\n".join(_canonical(url, payload))
    digest = hashlib.sha256(request.encode()).hexdigest()
    text = f"{ALGORITHM}\n{time}\n{scope}\n{digest}"
    return _hmac(signing_key(secret, date, region, service), text).hex()


def signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = _hmac(key, part)
    return key


def _canonical(url: Presigned, payload: str) -> Iterable[str]:
    pairs = sorted(
        (quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in url.asked.items()
    )
    yield "GET"
    yield url.path
    yield "&".join(f"{name}={value}" for name, value in pairs)
    yield f"host:{url.host}\n"
    yield "host"
    yield payload


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
