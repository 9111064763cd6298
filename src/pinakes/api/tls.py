"""TLS of our own: a certificate that follows its directory."""

import ssl
from collections.abc import Callable
from pathlib import Path

from pinakes.settings.files import state_of
from pinakes.telemetry import CertificateRead, CertificateRefused, Event

CERTIFICATE, KEY = "tls.crt", "tls.key"


class TlsError(Exception):
    """There is no certificate to show; the message says why."""


class ServerCertificate:
    """Shows the certificate in a directory, as it is at each handshake.

    A handshake costs a look at the directory, and no more unless it was changed; a changed
    certificate that cannot be used is reported, and the last good one is shown.
    """

    def __init__(self, directory: Path, notice: Callable[[Event], None]) -> None:
        """Read the certificate. Raises TlsError."""
        self._directory = directory
        self._files = directory / CERTIFICATE, directory / KEY
        self._notice = notice
        self._state = state_of(*self._files)
        self._current = self._read()
        self._context = _context()
        self._context.sni_callback = self._choose

    def hand_out(self, *_: object) -> ssl.SSLContext:
        """Return what a server makes its handshakes with; as uvicorn asks for it."""
        return self._context

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _: ssl.SSLContext) -> None:
        self._follow()
        connection.context = self._current

    def _follow(self) -> None:
        state = state_of(*self._files)
        if state == self._state:
            return
        self._state = state
        try:
            self._current = self._read()
        except TlsError as error:
            self._notice(CertificateRefused(str(self._directory), str(error)))

    def _read(self) -> ssl.SSLContext:
        context = _context()
        try:
            context.load_cert_chain(*self._files, _no_word)
        except ssl.SSLError as error:
            problem = f"{CERTIFICATE} and {KEY} in {self._directory} are no pair that can be used"
            raise TlsError(f"{problem} ({error.reason})") from error
        except OSError as error:
            problem = f"{CERTIFICATE} or {KEY} in {self._directory} cannot be read"
            raise TlsError(f"{problem}: {error.strerror}") from error
        self._notice(CertificateRead(str(self._directory)))
        return context


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def _no_word() -> str:
    """Give no password for an encrypted key, where OpenSSL would ask the terminal."""
    return ""
