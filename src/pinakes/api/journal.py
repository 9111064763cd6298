"""One log line a request, under an id that the client may choose."""

import re
import time
from collections.abc import Iterator
from secrets import token_hex

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pinakes.api.state import ServerState
from pinakes.auth.caller import ANONYMOUS
from pinakes.telemetry.events import RequestAnswered, RequestCrashed
from pinakes.telemetry.log import traceback_of
from pinakes.telemetry.process import Telemetry

SANE_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")


class Journal:
    """Wraps the application: gives each request its id, and notices its end however it ends."""

    def __init__(self, application: ASGIApp, telemetry: Telemetry, state: ServerState) -> None:
        self._application = application
        self._telemetry = telemetry
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        line = _Line(scope, is_last=self._state.is_stopping)
        try:
            await self._application(scope, receive, line.noting(send))
        except Exception as error:  # noqa: BLE001 - it was answered, and ends here
            self._telemetry.notice(RequestCrashed(line.request_id, traceback_of(error)))
        finally:
            self._telemetry.notice(line.answered())


class _Line:
    """What is noted of one request."""

    def __init__(self, scope: Scope, *, is_last: bool) -> None:
        given = (value for name, value in scope["headers"] if name == b"x-request-id")
        wanted = next(given, b"").decode("latin-1")
        self.request_id = wanted if SANE_ID.fullmatch(wanted) else token_hex(16)
        self.status = 0
        self._is_last = is_last
        self._scope = scope
        self._state = scope.setdefault("state", {})
        self._state |= {"request_id": self.request_id, "route": "unmatched", "actor": ANONYMOUS.id}
        self._started = time.perf_counter()

    def noting(self, send: Send) -> Send:
        """Wrap ``send``: note the status and add the headers that every answer has."""

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]
                message["headers"] = [*message["headers"], *self._headers()]
            await send(message)

        return noted

    def _headers(self) -> Iterator[tuple[bytes, bytes]]:
        yield b"x-request-id", self.request_id.encode()
        yield b"x-content-type-options", b"nosniff"
        if self._is_last:  # so that its client comes back to another server
            yield b"connection", b"close"

    def answered(self) -> RequestAnswered:
        """Sum it up."""
        return RequestAnswered(
            method=self._scope["method"],
            route=self._state["route"],
            status=self.status,
            duration=time.perf_counter() - self._started,
            actor=self._state["actor"],
            request_id=self.request_id,
        )
