"""What a source of passwords promises to who connects."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from pinakes.catalog.errors import CatalogUnavailable
from pinakes.telemetry.readings import Reading


@dataclass(frozen=True, slots=True)
class Login:
    """Who wants to come in, and where: the first host, where there are several."""

    host: str
    port: int
    user: str


@dataclass(frozen=True, slots=True)
class Password:
    """A password, and for how long from now it opens the door."""

    text: str = field(repr=False)
    seconds: float


class PasswordUnavailable(CatalogUnavailable):
    """There is no password to connect with; the message names no output, token, host or user."""


Fetch = Callable[[Login], Awaitable[Password]]
"""Get a new password. Raises PasswordUnavailable; ends by itself, and before long."""


class PasswordSource(Protocol):
    """Knows the password to connect with, and gets the next one before that expires."""

    async def password(self, login: Login) -> str:
        """Return the password to connect with now. Raises PasswordUnavailable."""
        ...

    def refuse(self) -> None:
        """Hear that the server refused the last one: the next is to be a new one."""
        ...

    async def keep_fresh(self) -> None:
        """Renew passwords in time, without end, so that no connection waits for one."""
        ...

    def readings(self) -> Iterator[Reading]:
        """Tell how old the password is, when it expires, and how often none was to be had."""
        ...
