"""What of a connection's TLS is refused, because libpq would silently do less than was meant."""

import os
import ssl
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

from pinakes.postgres.files import PrivateFiles
from pinakes.postgres.secret import ConfigurationError
from pinakes.postgres.sources import SYSTEM, Certificate

BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where operating systems keep them; the binary psycopg looks in a place that does not exist."""


EXTRA = "PINAKES_EXTRA_CA_FILE"


class SslMode(Enum):
    """libpq's ``sslmode``, from the weakest to the strongest."""

    DISABLE = "disable"
    ALLOW = "allow"
    PREFER = "prefer"
    REQUIRE = "require"
    VERIFY_CA = "verify-ca"
    VERIFY_FULL = "verify-full"


VERIFYING = (SslMode.VERIFY_CA, SslMode.VERIFY_FULL)
OPPORTUNISTIC = (SslMode.ALLOW, SslMode.PREFER)


def default_mode(ca: bytes | None) -> SslMode:
    """Return the mode where none is given: never one that may end in plain text."""
    return SslMode.REQUIRE if ca is None else SslMode.VERIFY_FULL


def read_authorities(mode: SslMode, ca: bytes | None) -> bytes | None:
    """Return the certificates to trust, None where nothing is verified.

    Raises ConfigurationError where libpq would fall back to plain text, or not verify, without a
    word: authorities beside ``allow`` or ``prefer``, or authorities that are named but not there.
    """
    if mode is SslMode.DISABLE:
        return None
    if ca is None:
        if mode in VERIFYING:
            raise ConfigurationError(f"sslmode {mode.value} needs the certificates in ca.crt")
        return None
    if mode in OPPORTUNISTIC:
        raise ConfigurationError(
            f"ca.crt beside sslmode {mode.value}: libpq would go on in plain text where the server"
            " is not the one that was certified; use verify-full, or take ca.crt away"
        )
    if ca.strip() == SYSTEM:
        return _system_authorities(mode)
    _check_authorities("ca.crt", ca)
    return ca


def _check_authorities(what: str, ca: bytes) -> None:
    if not ca.strip():
        raise ConfigurationError(f"{what} is empty")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(
            cadata=ca.decode("ascii", "ignore")
        )
    except (ssl.SSLError, ValueError) as error:
        raise ConfigurationError(f"{what} holds no certificate that can be read") from error


def _system_authorities(mode: SslMode) -> bytes:
    if mode is not SslMode.VERIFY_FULL:
        raise ConfigurationError("the system's certificates are only of use with verify-full")
    named = os.environ.get("SSL_CERT_FILE")
    bundles = [Path(bundle) for bundle in ([named] if named else BUNDLES)]
    try:
        bundle = next((bundle for bundle in bundles if bundle.is_file()), None)
        content = bundle.read_bytes() if bundle else None
    except OSError as error:
        told = f"the system's certificates cannot be read: {error.strerror}"
        raise ConfigurationError(told) from error
    if content is None:
        raise ConfigurationError("the system's certificates are not where systems have them")
    _check_authorities(f"the file of the system's certificates, {bundle},", content)
    return b"\n".join([content, *_extra_authorities()])


def _extra_authorities() -> Iterator[bytes]:
    """Yield those that are trusted beside the system's, if some are named."""
    if not (named := os.environ.get(EXTRA)):
        return
    try:
        content = Path(named).read_bytes()
    except OSError as error:
        told = f"the file that {EXTRA} names cannot be read: {error.strerror}"
        raise ConfigurationError(told) from error
    _check_authorities(f"the file that {EXTRA} names", content)
    yield content


def check_certificate(certificate: Certificate, files: PrivateFiles) -> None:
    """Raise ConfigurationError unless a client certificate and its key are there and are a pair."""
    for name, content in [("tls.crt", certificate.certificate), ("tls.key", certificate.key)]:
        if not content.strip():
            raise ConfigurationError(f"{name} is missing or empty; a client certificate needs both")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_cert_chain(
            files.path_of(certificate.certificate),
            files.path_of(certificate.key),
            password=_refuse_password,
        )
    except ssl.SSLError as error:
        raise ConfigurationError(_explain_pair(error)) from error


def _refuse_password() -> str:
    raise ConfigurationError("tls.key is encrypted; it must be readable without a password")


def _explain_pair(error: ssl.SSLError) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return "tls.crt and tls.key are no pair"
    return "tls.crt or tls.key holds nothing that can be read as PEM"
