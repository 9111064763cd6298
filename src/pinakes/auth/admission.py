"""The one place that every door asks who somebody is, and what he may do."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pinakes.auth.caller import ANONYMOUS, Caller
from pinakes.catalog.access import Access

Identify = Callable[[str], Awaitable[Caller]]
"""Return of whom a token speaks. Raises AuthError."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """Somebody who was let in, and what he may do."""

    caller: Caller
    access: Access


class Admission:
    """Lets callers in: each by his token, or all as one where nobody is asked for any."""

    def __init__(
        self, access_of: Callable[[Caller], Access], identify: Identify | None = None
    ) -> None:
        self._access_of = access_of
        self._identify = identify

    @property
    def needs_token(self) -> bool:
        """Whether nobody is let in without a token."""
        return self._identify is not None

    async def admit(self, token: str) -> Admitted:
        """Let in whoever shows a token. Raises AuthError where it is not good."""
        caller = await self._identify(token) if self._identify else ANONYMOUS
        return Admitted(caller, self._access_of(caller))
