"""TLS of our own: a certificate that follows its directory."""

import ssl
from collections.abc import Callable
from functools import partial
from pathlib import Path

from pinakes.mounted import Mounted, UnusableError
from pinakes.telemetry.events import CertificateRead, CertificateRefused, Event


class ServerCertificate:
    """Shows the certificate in a directory, as it is at each handshake.

    A changed one that cannot be used is reported, and the last good one is shown.
    """

    def __init__(self, directory: Path, notice: Callable[[Event], None]) -> None:
        """Read the certificate. Raises UnusableError."""

        def refuse(reason: str) -> None:
            notice(CertificateRefused(str(directory), reason))

        files = directory / "tls.crt", directory / "tls.key"
        self._current = Mounted(files, partial(_read, *files, notice), refuse)
        self._context = _new_context()
        self._context.sni_callback = self._choose

    def hand_out(self, *_: object) -> ssl.SSLContext:
        """Return what a server makes its handshakes with; as uvicorn asks for it."""
        return self._context

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _: ssl.SSLContext) -> None:
        connection.context = self._current.content()


def _read(certificate: Path, key: Path, notice: Callable[[Event], None]) -> ssl.SSLContext:
    context = _new_context()
    try:
        context.load_cert_chain(certificate, key, _no_word)
    except ssl.SSLError as error:
        reason = f" ({error.reason})" if error.reason else ""
        raise UnusableError(f"tls.crt and tls.key are no pair that can be used{reason}") from None
    notice(CertificateRead(str(certificate.parent)))
    return context


def _new_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def _no_word() -> str:
    """Give no password for an encrypted key, where OpenSSL would ask the terminal."""
    return ""
