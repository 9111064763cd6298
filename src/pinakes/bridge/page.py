"""The secret that Pinakes mounts, made by the rules that the server reads it with."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pinakes.bridge.errors import BridgeError
from pinakes.bridge.manifest import Manifest
from pinakes.postgres.connection import write_conninfo
from pinakes.postgres.files import PrivateFiles
from pinakes.postgres.origin import KEY, Origin
from pinakes.postgres.secret import ConfigurationError, Secret
from pinakes.postgres.sources import ALIASES, Trust, secret_source
from pinakes.postgres.tls import default_mode

PRIVATE_KEY = b"PRIVATE KEY-----"
DEFAULT_PORT = "5432"

SOURCE = "pinakes/source"
SOURCE_VERSION = "pinakes/source-resource-version"
"""The annotations of a copy."""


@dataclass(frozen=True, slots=True)
class Login:
    """How to connect, by the keys of the page, and the authorities that vouch for the server."""

    values: Mapping[str, str] = field(repr=False)
    ca: bytes | None = None
    origin: Origin | None = None
    """The secret that the password is a copy of."""

    def overruled_by(self, options: Mapping[str, str]) -> "Login":
        """Put other values in place; a password stays only with the user whose it is."""
        values = {**self.values, **options}
        if values.get("user") != self.values.get("user"):
            values.pop("password", None)
            return Login(values, self.ca)
        return replace(self, values=values)


def page_manifest(name: str, namespace: str | None, login: Login) -> Manifest:
    """Return the secret, which tells of a copy where it came from. Raises BridgeError."""
    origin = login.origin
    annotations = {SOURCE: origin.place, SOURCE_VERSION: origin.version} if origin else {}
    return Manifest(name, page_secret(name, login), namespace, annotations=annotations)


def page_secret(name: str, login: Login) -> dict[str, bytes]:
    """Return the keys of the secret, port and sslmode written out as the page has them.

    A server that mounts it connects with exactly these values. Raises BridgeError for what it
    would refuse, or would not read as it was given.
    """
    usual = {"port": DEFAULT_PORT, "sslmode": default_mode(login.ca).value}
    values = usual | dict(login.values)
    files = {key: _line(key, values[key]) for key in ALIASES if key in values}
    if login.ca is not None:
        files["ca.crt"] = _without_key(login.ca)
    if login.origin is not None:
        files[KEY] = login.origin.words().encode()
    _check(Secret(Path(name), files))
    return files


def _line(key: str, value: str) -> bytes:
    """Encode a value of which nothing would be lost: one line end at its end would be."""
    if not value:
        raise BridgeError(f"{key} is empty")
    if not {"\0", "\r", "\n"}.isdisjoint(value):
        raise BridgeError(f"{key} has a NUL or a line end inside its value")
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise BridgeError(f"{key} is not UTF-8") from None


def _without_key(ca: bytes) -> bytes:
    if PRIVATE_KEY in ca:
        raise BridgeError(
            "a private key stands among the certificates of the authority: it belongs to nobody but"
            " the authority; give the certificates alone"
        )
    return ca


def _check(secret: Secret) -> None:
    """Ask the server's own rules, which need no server.

    Only certificates of authorities may come to lie on the disk meanwhile.
    """
    trust = Trust(secret.files.get("ca.crt"))
    try:
        source = secret_source(secret, lambda: trust)
        write_conninfo([source], PrivateFiles(may_use_disk=True))
    except ConfigurationError as error:
        raise BridgeError(str(error)) from error
