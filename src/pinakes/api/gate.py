"""What a request of the API passes before it is looked at."""

import ipaddress
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from pinakes.api.body import read_body
from pinakes.catalog.errors import CatalogError
from pinakes.wire.errors import ForeignHost, TooManyRequests

MAX_REQUESTS = 256
"""Requests being worked on at once in one process; more are turned away."""

Endpoint = Callable[[Request], Awaitable[Response]]


class Gate:
    """Guards endpoints.

    Nobody says who he is yet, so the Host header must be a name of this machine or one that is
    allowed: else any web page could make its visitor's browser ask us, by a name of its own that
    resolves to us. ``closed`` is why no operation on the catalogue is possible at all.
    """

    def __init__(self, allowed_hosts: frozenset[str], closed: CatalogError | None = None) -> None:
        self._allowed_hosts = allowed_hosts
        self._closed = closed
        self._running = 0

    def guard(self, endpoint: Endpoint) -> Endpoint:
        """Let ``endpoint`` see only the requests that may pass, and not too many at once.

        The body is read before, so that a slow one takes nobody's place.
        """

        async def guarded(request: Request) -> Response:
            self._check_host(request)
            request.state.body = await read_body(request)
            if self._running >= MAX_REQUESTS:
                raise TooManyRequests
            self._running += 1
            try:
                return await endpoint(request)
            finally:
                self._running -= 1

        return guarded

    def guard_catalog(self, endpoint: Endpoint) -> Endpoint:
        """Guard an endpoint that needs the catalogue."""

        async def guarded(request: Request) -> Response:
            if self._closed is not None:
                raise self._closed.with_traceback(None)
            return await endpoint(request)

        return self.guard(guarded)

    def _check_host(self, request: Request) -> None:
        hosts = request.headers.getlist("host")
        if len(hosts) != 1 or not self._is_ours(hosts[0].lower()):
            raise ForeignHost

    def _is_ours(self, host: str) -> bool:
        name = _without_port(host)
        return _is_loopback(name) or not self._allowed_hosts.isdisjoint({name, host})


def _without_port(host: str) -> str:
    name, _, port = host.rpartition(":")
    has_port = ":" in host and not host.endswith("]") and (port.isdecimal() or not port)
    return (name if has_port else host).removesuffix(".")


def _is_loopback(name: str) -> bool:
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False
