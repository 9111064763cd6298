"""What else says how to connect: a connection string, and the environment."""

from collections.abc import Mapping
from pathlib import Path

from pinakes.bridge.errors import BridgeError
from pinakes.bridge.page import Login
from pinakes.postgres.connection import FILLED
from pinakes.postgres.secret import ConfigurationError, Secret
from pinakes.postgres.sources import Source, Trust, libpq_source, secret_source, variables_source


def login_of_uri(content: bytes) -> Login:
    """Read a connection string. Raises BridgeError for what a secret cannot say."""
    try:
        return Login(secret_source(Secret(Path("the file"), {"uri": content}), Trust).values)
    except ConfigurationError as error:
        raise BridgeError(str(error)) from error


def password_of(content: bytes) -> str:
    """Read a file that holds a password, and perhaps a line end behind it. Raises BridgeError."""
    try:
        return Secret(Path("the file"), {"password": content}).text("password")
    except ConfigurationError as error:
        raise BridgeError(str(error)) from error


def login_of_environment(environment: Mapping[str, str]) -> Login:
    """Read METADATA_PG_* and libpq's PG*, as the server does: the first that names a user wins.

    The other fills host, port and database alone. Raises BridgeError.
    """
    try:
        ours, libpq = variables_source(environment, Trust), libpq_source(environment)
        if "user" in ours.values:
            return Login(_places(libpq) | dict(ours.values))
        return Login(dict(libpq.values) | _places(ours), libpq.read_trust().ca)
    except ConfigurationError as error:
        raise BridgeError(str(error)) from error


def _places(source: Source) -> dict[str, str]:
    return {key: value for key, value in source.values.items() if key in FILLED}
