"""How what a provider publishes is fetched: from whom, by whom, and what goes with it."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pinakes.auth.fetch import MAX_BYTES, ClusterFetch, Fetch, FetchError, HttpFetch, fetch_for
from tls.authority import Authority

ROOT = Authority.root("a cluster's authority")


class Server(ThreadingHTTPServer):
    """A server that tells which requests it got."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str | None]] = []


class Handler(BaseHTTPRequestHandler):
    server: Server  # pyright: ignore[reportIncompatibleVariableOverride] - it serves no other

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["Authorization"]))
        status = {"/moved": 302, "/absent": 404}.get(self.path, 200)
        body = b"x" * (MAX_BYTES + 1) if self.path == "/huge" else b"keys"
        self.send_response(status)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        pass


@pytest.fixture
def plain() -> Iterator[Server]:
    yield from running(Server())


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Server]:
    """An API server, and in ``tmp_path`` what a pod of its cluster has."""
    pair = ROOT.issue("kubernetes", "127.0.0.1")
    (tmp_path / "pair").write_bytes(pair.certificate + pair.key)
    (tmp_path / "ca.crt").write_bytes(ROOT.pem)
    (tmp_path / "token").write_text("of this pod\n")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "pair")
    server = Server()
    server.socket = context.wrap_socket(server.socket, server_side=True)
    yield from running(server)


def running(server: Server) -> Iterator[Server]:
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def get(fetch: Fetch, url: str) -> bytes:
    async def story() -> bytes:
        return await fetch(url)

    return asyncio.run(story())


def url_of(server: Server, scheme: str = "http") -> str:
    return f"{scheme}://127.0.0.1:{server.server_address[1]}"


def test_a_provider_is_shown_no_token(plain: Server) -> None:
    assert get(HttpFetch(), f"{url_of(plain)}/keys") == b"keys"
    assert plain.asked == [("/keys", None)]


def test_nothing_stands_between_us_and_our_own_machine(
    plain: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert get(HttpFetch(), f"{url_of(plain)}/keys") == b"keys"


@pytest.mark.parametrize(
    ("path", "reason"),
    [("/moved", "answers 302"), ("/absent", "answers 404"), ("/huge", "is larger than")],
)
def test_what_is_of_no_use_is_refused_with_its_reason(
    plain: Server, path: str, reason: str
) -> None:
    with pytest.raises(FetchError, match=reason):
        get(HttpFetch(), url_of(plain) + path)


def test_a_provider_of_an_unknown_authority_is_not_believed(
    cluster: Server, tmp_path: Path
) -> None:
    with pytest.raises(FetchError, match="certificate verify failed"):
        get(HttpFetch(), f"{url_of(cluster, 'https')}/keys")
    assert get(HttpFetch([tmp_path / "ca.crt"]), f"{url_of(cluster, 'https')}/keys") == b"keys"


def test_an_authority_that_cannot_be_read_is_named(plain: Server, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="absent holds no certificates"):
        get(HttpFetch([tmp_path / "absent"]), url_of(plain))


def test_the_api_server_is_shown_the_token_of_the_pod(cluster: Server, tmp_path: Path) -> None:
    fetch = ClusterFetch(url_of(cluster, "https"), tmp_path)
    assert get(fetch, f"{url_of(cluster, 'https')}/openid/v1/jwks") == b"keys"
    assert cluster.asked == [("/openid/v1/jwks", "Bearer of this pod")]


def test_the_token_of_the_pod_goes_to_nobody_else(
    cluster: Server, plain: Server, tmp_path: Path
) -> None:
    fetch = ClusterFetch(url_of(cluster, "https"), tmp_path)
    assert get(fetch, f"{url_of(plain)}/openid/v1/jwks") == b"keys"
    assert cluster.asked == [("/openid/v1/jwks", "Bearer of this pod")]
    assert plain.asked == []


def test_a_pod_without_a_token_says_so(cluster: Server, tmp_path: Path) -> None:
    (tmp_path / "token").unlink()
    with pytest.raises(FetchError, match="the token of this pod cannot be read"):
        get(ClusterFetch(url_of(cluster, "https"), tmp_path), url_of(cluster, "https"))


@pytest.mark.parametrize(
    ("issuer", "is_api_server"),
    [
        ("https://kubernetes.default.svc", True),
        ("https://kubernetes.default.svc.cluster.local", True),
        ("https://kubernetes.default.svc-evil.example", False),
        ("https://issuer.example/kubernetes.default.svc", False),
    ],
)
def test_only_the_api_server_is_asked_as_a_pod(issuer: str, is_api_server: bool) -> None:
    assert isinstance(fetch_for(issuer, ()), ClusterFetch) == is_api_server
