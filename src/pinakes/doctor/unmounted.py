"""A secret that is not mounted yet: key by key, and by the checks that need no server."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pinakes.doctor import certificates, secret
from pinakes.doctor.finding import Check, Evidence, Finding, Status
from pinakes.doctor.walk import walk
from pinakes.postgres.diagnosis.description import Description, describe_pair, describe_secret
from pinakes.postgres.files import PrivateFiles
from pinakes.postgres.origin import KEY, read_origin
from pinakes.postgres.secret import Secret
from pinakes.postgres.sources import ALIASES, CA_KEYS, URI_KEYS

NAMES = {**ALIASES, "connection string": URI_KEYS, "authorities": CA_KEYS}
"""What a key may give, and what it may be called: the first that is there is read."""

PRIVATE_KEY = b"PRIVATE KEY-----"
OUT_OF_HERE = "take it out of this secret; a client certificate and its key have one of their own"

OF_A_LOGIN = (
    Check("secret.keys", secret.keys),
    Check("secret.values", secret.values, needs=["secret.keys"]),
    Check("cert.authorities", certificates.authorities, needs=["secret.values"]),
    Check("cert.expiry", certificates.expiry, needs=["secret.values", "cert.authorities"]),
)
OF_A_PAIR = (
    Check("cert.pair", certificates.pair),
    Check("cert.expiry", certificates.expiry, needs=["cert.pair"]),
)


def examine_login(name: str, files: Mapping[str, bytes]) -> list[Finding]:
    """Say of each key whether it is read, then whether all of them say how to connect."""
    keys = [_judge(key, files) for key in sorted(files)]
    described = describe_secret(Secret(Path(name), files), PrivateFiles(may_use_disk=True))
    return [*keys, *_walk(OF_A_LOGIN, described)]


def examine_pair(name: str, files: Mapping[str, bytes]) -> list[Finding]:
    """Say whether a client certificate and its key can be used."""
    described = describe_pair(Secret(Path(name), files), PrivateFiles())
    return list(_walk(OF_A_PAIR, described))


def _walk(checks: Sequence[Check], described: Description) -> Iterator[Finding]:
    return walk(
        checks, Evidence(schema="", now=datetime.now(UTC), description=described, login=None)
    )


def _judge(key: str, files: Mapping[str, bytes]) -> Finding:
    """Say what a key gives, or why nobody reads it."""
    if PRIVATE_KEY in files[key]:
        return Finding(key, Status.WARNING, "there is a private key in it", OUT_OF_HERE)
    for what, names in NAMES.items():
        if key in names:
            read = next((name for name in names if files.get(name)), key)
            if read != key:
                return Finding(key, Status.SKIPPED, f"not read, since {read} is there")
            told = "read" if what == key else f"read as {what}"
            return Finding(key, Status.OK, told if files[key] else f"{told}, but empty")
    if key == KEY and read_origin(files):
        return Finding(key, Status.SKIPPED, "says where this copy came from")
    return Finding(key, Status.SKIPPED, "nobody reads it")
