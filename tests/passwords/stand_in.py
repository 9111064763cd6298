"""A server on loopback that answers as a cloud would, and remembers what it was asked."""

import json
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Asked:
    """A request."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    form: Mapping[str, list[str]]


@dataclass(frozen=True)
class Answer:
    """What is answered: JSON, or text."""

    content: object
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class StandIn:
    """A server that runs, and what it was asked so far."""

    address: str
    asked: list[Asked]


@contextmanager
def running(answer: Callable[[Asked], Answer]) -> Generator[StandIn, None, None]:
    """Answer requests until the block ends."""
    asked: list[Asked] = []

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            url = urlsplit(self.path)
            one = Asked(
                method=self.command,
                path=url.path,
                query=parse_qs(url.query),
                headers={name.lower(): value for name, value in self.headers.items()},
                form=parse_qs(self.rfile.read(length).decode()),
            )
            asked.append(one)
            self._write(answer(one))

        do_GET = do_POST = _answer  # noqa: N815 - as the standard library calls them

        def _write(self, given: Answer) -> None:
            is_text = isinstance(given.content, str)
            body = given.content if isinstance(given.content, str) else json.dumps(given.content)
            kind = "text/plain" if is_text else "application/json"
            self.send_response(given.status)
            for name, value in {"Content-Type": kind, **given.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            del format, args

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield StandIn(f"127.0.0.1:{server.server_port}", asked)
        finally:
            server.shutdown()
            thread.join()
