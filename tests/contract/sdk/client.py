"""A published SDK in an environment and a process of its own, to be called like the SDK itself."""

import json
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
DRIVER = Path(__file__).with_name("driver.py")

Json = dict[str, Any]


@dataclass(frozen=True)
class Login:
    """How the SDK logs in, in the words of its ``Configuration``."""

    oidc_server: str
    oidc_client_id: str
    oidc_client_secret: str = field(repr=False)
    auth_method: str
    username: str = ""
    password: str = field(default="", repr=False)
    scope: str = "openid profile email groups"
    oidc_resource: str | None = None


class Refused(Exception):
    """The SDK raised ApiException, of which every notebook prints this, or could not log in."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Sdk:
    """The calls of one version, answered with what it has decoded."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def create(self, **fields: object) -> None:
        """Create a model from an object of the SDK with these fields."""
        self._take("create", **fields)

    def update(self, **fields: object) -> None:
        """Update a model from an object of the SDK with these fields."""
        self._take("update", **fields)

    def create_dictionary(self, dictionary: Json) -> None:
        """Create a model from a dictionary, which the SDK sends as it is."""
        self._take("create_dictionary", dictionary=dictionary)

    def update_dictionary(self, dictionary: Json) -> None:
        """Update a model from a dictionary, which the SDK sends as it is."""
        self._take("update_dictionary", dictionary=dictionary)

    def delete(self, uri: str, **key: str) -> None:
        """Delete a model."""
        self._take("delete", uri=uri, **key)

    def models(self, **filters: object) -> list[Json]:
        """List models."""
        return self.page(**filters)["models"]

    def page(self, **filters: object) -> Json:
        """List models; return the whole answer."""
        return self._take("list", **filters)

    def runtime(self, **filters: object) -> list[Json]:
        """List runtime metadata."""
        return self.runtime_page(**filters)["runtime_metadata"]

    def runtime_page(self, **filters: object) -> Json:
        """List runtime metadata; return the whole answer."""
        return self._take("list_runtime", **filters)

    def user(self) -> Json:
        """Ask who I am."""
        return self._take("user")

    def health(self, dependency: str) -> list[Json]:
        """Ask how the dependencies of the server are."""
        return self._take("health", dependency=dependency)["dependencies_health"]

    def fields(self, kind: str) -> dict[str, str]:
        """Return the fields of a class of this version, by their types."""
        return self._take("fields", kind=kind)

    def values(self, kind: str) -> list[str]:
        """Return the values of an enum of this version."""
        values = self._take("values", kind=kind)
        assert values, f"{kind} is no enum of this version"
        return values

    def log_in(self, login: Login) -> None:
        """Log in, and again whenever the server answers 401 (needs 1.4 or later)."""
        self._take("log_in", **asdict(login))

    def token(self) -> str:
        """Return the token that every call carries."""
        return self.authorization().removeprefix("Bearer ")

    def authorization(self) -> str:
        """Return the Authorization header that every call carries."""
        return self._take("authorization")

    def _take(self, step: str, **arguments: object) -> Any:
        assert self._process.stdin is not None
        print(
            json.dumps({"step": step, "arguments": arguments}),
            file=self._process.stdin,
            flush=True,
        )
        taken = json.loads(_read_line(self._process))
        if "refused" in taken:
            raise Refused(**taken["refused"])
        assert "failed" not in taken, taken["failed"]
        return taken["answer"]


@contextmanager
def running_sdk(
    version: str, server: str, login: Login | None = None
) -> Generator[Sdk, None, None]:
    """Run one version against a server, logged in or not, until the block ends."""
    command = [_python_of(version), DRIVER, server]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert _read_line(process).strip() == version
        sdk = Sdk(process)
        if login:
            sdk.log_in(login)
        yield sdk


def _read_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, "the driver has ended, see what it wrote to stderr"
    return line


def _python_of(version: str) -> Path:
    """Find the interpreter of a version; fail where what is pinned for it is not installed."""
    pinned = ROOT / "requirements" / f"sdk-{version}.txt"
    environment = ROOT / ".venvs" / f"sdk-{version}"
    installed = environment / f"installed-{pinned.name}"
    if not installed.exists() or installed.read_bytes() != pinned.read_bytes():
        pytest.fail(f"SDK {version} is not installed as it is pinned: run scripts/sdk-environments")
    return environment / "bin" / "python"
