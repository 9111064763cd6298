"""What a request passes before it is looked at: each route says which way it goes."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache

from starlette.requests import Request
from starlette.responses import Response

from pinakes.api.body import read_body
from pinakes.api.context import notes_of, telemetry_of
from pinakes.auth.admission import Admission
from pinakes.auth.errors import ProviderUnreachable, TokenRefused
from pinakes.catalog.errors import CatalogError
from pinakes.settings.auth import is_loopback
from pinakes.telemetry.events import TokenRefused as TokenWasRefused
from pinakes.wire.errors import (
    CallerUnknown,
    ForeignHost,
    InvalidToken,
    TooManyRequests,
    Unauthenticated,
)

MAX_REQUESTS = 256
"""Requests being worked on at once in one process; more are turned away."""

KNOWN_HOSTS = 32
"""Host headers that are remembered: to read one takes longer than all else at the gate."""

BEARER = "bearer"

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Way:
    """An endpoint behind the decision who gets there: nothing else can be put into a route."""

    endpoint: Endpoint


def open_to_all(endpoint: Endpoint) -> Way:
    """Let everybody in, also who says nothing of himself."""
    return Way(endpoint)


class Gate:
    """Guards endpoints.

    A Host header must be a name of this machine or one that is allowed: else any web page could
    make its visitor's browser ask us, by a name of its own that resolves to us. ``closed`` is why
    no operation on the catalogue is possible at all.
    """

    def __init__(
        self,
        allowed_hosts: frozenset[str],
        admission: Admission,
        closed: CatalogError | None = None,
    ) -> None:
        self._allowed_hosts = allowed_hosts
        self._is_ours = lru_cache(KNOWN_HOSTS)(self._names_us)
        self._admission = admission
        self._closed = closed
        self._running = 0

    def to_callers(self, endpoint: Endpoint) -> Way:
        """Let in who can be told by his token."""

        async def guarded(request: Request) -> Response:
            await self.admit(request)
            return await endpoint(request)

        return Way(guarded)

    def to_api(self, endpoint: Endpoint) -> Way:
        """Let in callers who ask us by our name, and not too many at once.

        The body is read before, so that a slow one takes nobody's place, but not of a stranger.
        """

        async def guarded(request: Request) -> Response:
            await self.admit(request)
            self._check_host(request)
            notes_of(request)["body"] = await read_body(request)
            if self._running >= MAX_REQUESTS:
                raise TooManyRequests
            self._running += 1
            try:
                return await endpoint(request)
            finally:
                self._running -= 1

        return Way(guarded)

    def to_catalog(self, endpoint: Endpoint) -> Way:
        """Let in callers of the API, where there is a catalogue."""

        async def guarded(request: Request) -> Response:
            if self._closed is not None:
                raise self._closed.with_traceback(None)
            return await endpoint(request)

        return self.to_api(guarded)

    async def admit(self, request: Request) -> None:
        """Find out who asks and what he may do.

        Raises Unauthenticated, which says nothing of why, and CallerUnknown.
        """
        notes = notes_of(request)
        token = _token_of(request) if self._admission.needs_token else ""
        try:
            admitted = await self._admission.admit(token)
        except TokenRefused as error:
            notice = telemetry_of(request).notice
            notice(TokenWasRefused(str(error), notes["request_id"]))
            raise InvalidToken from error
        except ProviderUnreachable as error:
            raise CallerUnknown from error
        notes["admitted"] = admitted
        notes["actor"] = admitted.caller.id

    def _check_host(self, request: Request) -> None:
        hosts = request.headers.getlist("host")
        if len(hosts) != 1 or not self._is_ours(hosts[0]):
            raise ForeignHost

    def _names_us(self, given: str) -> bool:
        host = given.lower()
        name = _without_port(host)
        return is_loopback(name.removeprefix("[").removesuffix("]")) or (
            not self._allowed_hosts.isdisjoint({name, host})
        )


def _token_of(request: Request) -> str:
    """Return the bearer token. Raises Unauthenticated where there is none, or no single one."""
    headers = request.headers.getlist("authorization")
    scheme, _, token = headers[0].partition(" ") if len(headers) == 1 else ("", "", "")
    if scheme.lower() != BEARER or not token.strip():
        raise Unauthenticated
    return token.strip()


def _without_port(host: str) -> str:
    name, _, port = host.rpartition(":")
    has_port = ":" in host and not host.endswith("]") and (port.isdecimal() or not port)
    return (name if has_port else host).removesuffix(".")
