"""Who may come in: nobody is asked who he is, or OpenID providers vouch for him."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from urllib.parse import urlsplit

from pinakes.settings.values import SettingsError, read_choice, read_list

IDENTITY = ("PINAKES_OIDC_ISSUER", "PINAKES_OIDC_AUDIENCE", "PINAKES_OIDC_CA_FILE")
RIGHTS = ("PINAKES_POLICY_FILE", "PINAKES_WRITERS")
"""What says who may do something, and so needs to know who asks."""

CA_FILES = ("PINAKES_OIDC_CA_FILE", "PINAKES_EXTRA_CA_FILE")


class Anonymous(Enum):
    """What everybody may do where nobody says who he is."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class NoAuth:
    """Nobody says who he is: PINAKES_AUTH=none.

    Without a word on what is ``allowed``, everything is, but only to who reaches loopback.
    """

    allowed: Anonymous | None = None


@dataclass(frozen=True, slots=True)
class ClaimNames:
    """Which claim of a token says what; the defaults are those of the platform."""

    user: str = "preferred_username"
    service_account: str = "preferred_username"
    groups: str = "groups"
    name: str = "name"
    email: str = "email"


@dataclass(frozen=True, slots=True, kw_only=True)
class Oidc:
    """Callers show tokens of OpenID providers: PINAKES_AUTH=oidc."""

    issuers: tuple[str, ...]
    audiences: tuple[str, ...]
    claims: ClaimNames = ClaimNames()
    writers: tuple[str, ...] = ()
    policy_file: Path | None = None
    ca_files: tuple[Path, ...] = ()
    """What is trusted for issuers beside the usual authorities."""


Auth = NoAuth | Oidc

UNSAID = NoAuth()
"""Nobody has decided who may come in: good for loopback alone."""


def read_auth(environment: Mapping[str, str]) -> Auth:
    """Read how callers are told from each other. Raises SettingsError for what contradicts."""
    if read_choice(environment, "PINAKES_AUTH", "none", "oidc") == "oidc":
        return _read_oidc(environment)
    return _read_no_auth(environment)


def _read_no_auth(environment: Mapping[str, str]) -> NoAuth:
    """Read that nobody is asked; what would need callers is not silently left out."""
    is_said = bool(environment.get("PINAKES_AUTH"))
    problem = "means nothing with PINAKES_AUTH=none" if is_said else "needs PINAKES_AUTH=oidc"
    for name in RIGHTS if is_said else (*RIGHTS, *IDENTITY):
        if environment.get(name):
            raise SettingsError(f"{name} is set, which {problem}")
    allowed = read_choice(environment, "PINAKES_ALLOW_ANONYMOUS", "", "read", "write")
    return NoAuth(Anonymous(allowed)) if allowed else UNSAID


def _read_oidc(environment: Mapping[str, str]) -> Oidc:
    if environment.get("PINAKES_ALLOW_ANONYMOUS"):
        raise SettingsError("PINAKES_ALLOW_ANONYMOUS means nothing while PINAKES_AUTH is oidc")
    if all(environment.get(name) for name in RIGHTS):
        raise SettingsError(f"{' and '.join(RIGHTS)} are both set: the policy says it all")
    return Oidc(
        issuers=_read_issuers(environment),
        audiences=_needed(environment, "PINAKES_OIDC_AUDIENCE"),
        claims=_read_claim_names(environment),
        writers=read_list(environment, "PINAKES_WRITERS"),
        policy_file=_read_path(environment, "PINAKES_POLICY_FILE"),
        ca_files=tuple(Path(environment[name]) for name in CA_FILES if environment.get(name)),
    )


def _needed(environment: Mapping[str, str], name: str) -> tuple[str, ...]:
    items = read_list(environment, name)
    if not items:
        raise SettingsError(f"{name} is missing, which PINAKES_AUTH=oidc needs")
    return items


def _read_issuers(environment: Mapping[str, str]) -> tuple[str, ...]:
    issuers = _needed(environment, "PINAKES_OIDC_ISSUER")
    for issuer in issuers:
        if not is_trustworthy_url(issuer):
            raise SettingsError(
                f"PINAKES_OIDC_ISSUER has {issuer!r}, expected a URL with https"
                " (http for a loopback host only)"
            )
    return issuers


def _read_path(environment: Mapping[str, str], name: str) -> Path | None:
    return Path(environment[name]) if environment.get(name) else None


def _read_claim_names(environment: Mapping[str, str]) -> ClaimNames:
    usual = ClaimNames()
    return ClaimNames(
        user=environment.get("USERID_CLAIM_KEY") or usual.user,
        service_account=environment.get("SA_ID_CLAIM_KEY") or usual.service_account,
        groups=environment.get("GROUPS_CLAIM_KEY") or usual.groups,
        name=environment.get("USERNAME_CLAIM_KEY") or usual.name,
        email=environment.get("EMAIL_CLAIM_KEY") or usual.email,
    )


def is_trustworthy_url(text: str) -> bool:
    """Say whether nobody on the way can change what is at a URL: by TLS, or for lack of a way."""
    try:
        url = urlsplit(text)
        host, _ = url.hostname or "", url.port
    except ValueError:
        return False
    if any(character.isspace() for character in text):
        return False
    if url.query or url.fragment or url.username is not None:
        return False
    return bool(host) and (url.scheme == "https" or (url.scheme == "http" and is_loopback(host)))


def is_loopback(host: str) -> bool:
    """Say whether a name or an address can only mean this very machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
