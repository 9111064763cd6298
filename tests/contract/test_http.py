"""The server as a peer on the wire: what it bounds and refuses, and that it does so in JSON."""

import asyncio
import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from urllib.parse import urlsplit

import httpx
import pytest

from parts import API, RunningServer
from pinakes.api.gate import MAX_REQUESTS
from pinakes.api.server import listen

PROMISED = {"content-type": "application/json", "x-content-type-options": "nosniff"}
MODELS = f"{API}/model/metadata"


def exchange(server: RunningServer, request: bytes) -> tuple[int, dict[str, object]]:
    """Send bytes and read the one answer, up to the end of the connection."""
    where = urlsplit(server.url)
    with closing(socket.create_connection((where.hostname, where.port), timeout=20)) as peer:
        peer.sendall(request)
        head, body = _read_answer(peer)
    assert b"content-type: application/json" in head.lower()
    return int(head.split()[1]), json.loads(body)


def _read_answer(peer: socket.socket) -> tuple[bytes, bytes]:
    received = b""
    while b"\r\n\r\n" not in received:
        received += peer.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(re.search(rb"content-length: (\d+)", head.lower())[1])  # type: ignore[index]
    while len(body) < length:
        body += peer.recv(65536)
    return head, body


def request(path: str, *headers: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", *headers, "", ""]).encode()


LOCAL = "Host: localhost"
JSON_TYPE = "Content-Type: application/json"


def test_an_unknown_path_is_404(server: RunningServer) -> None:
    answer = httpx.get(f"{server.url}/nope")
    assert (answer.status_code, answer.json()["code"]) == (404, 5)
    assert answer.json()["details"] == []


@pytest.mark.parametrize("path", ["/livez/", f"{MODELS}/", "//livez", "/docs/assets/nope.js"])
def test_paths_are_taken_literally(server: RunningServer, path: str) -> None:
    answer = httpx.get(server.url + path)
    assert (answer.status_code, answer.json()["code"]) == (404, 5)


def test_a_wrong_method_is_405_and_told_of_the_right_ones(server: RunningServer) -> None:
    answer = httpx.patch(server.url + MODELS)
    assert (answer.status_code, answer.json()["code"]) == (405, 12)
    assert answer.headers["allow"] == "DELETE, GET, HEAD, POST, PUT"


def test_no_web_page_elsewhere_is_invited(server: RunningServer) -> None:
    headers = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    answer = httpx.options(server.url + MODELS, headers=headers)
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:80",
        "127.0.0.1",
        "127.1.2.3:8000",
        "[::1]",
        "[::1]:8000",
        "localhost.",
        "localhost:",
    ],
)
def test_a_loopback_name_may_ask(server: RunningServer, host: str) -> None:
    assert httpx.get(f"{server.api}/user", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "10.0.0.1", "127.0.0.1.evil.example", "", "[::2]"],
)
def test_another_host_may_not_ask(server: RunningServer, host: str) -> None:
    for path in ("/user", "/model/metadata", "/model/metadata/runtime"):
        status, body = exchange(server, request(API + path, f"Host: {host}"))
        assert (status, body["code"]) == (403, 7)


def test_two_hosts_at_once_may_not_ask(server: RunningServer) -> None:
    status, body = exchange(server, request(f"{API}/user", LOCAL, "Host: evil.example"))
    assert status in (400, 403)
    assert body["code"] in (3, 7)


@pytest.mark.parametrize(
    "path", ["/livez", "/readyz", "/seldon-deploy/api/status", f"{API}/healthcheck/ALL"]
)
def test_health_is_told_to_any_host(server: RunningServer, path: str) -> None:
    assert httpx.get(server.url + path, headers={"Host": "10.0.0.1"}).status_code == 200


def test_metrics_are_told_to_any_host(server: RunningServer) -> None:
    answer = httpx.get(f"{server.url}/metrics", headers={"Host": "10.0.0.1"})
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "# TYPE pinakes_request_seconds histogram" in answer.text


def test_metrics_tell_of_the_pool_and_the_schema(server: RunningServer) -> None:
    httpx.get(f"{server.url}/readyz").raise_for_status()
    lines = httpx.get(f"{server.url}/metrics").text.splitlines()
    metrics = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert float(metrics["pinakes_pool_connections"]) >= 1
    assert float(metrics["pinakes_pool_requests"]) >= 1
    assert float(metrics["pinakes_schema_version"]) >= 1


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonx",
        "",
        "multipart/form-data",
        "application/json; charset=latin-1",
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_body_that_is_not_called_json_is_415(
    server: RunningServer, method: str, content_type: str
) -> None:
    answer = httpx.request(
        method,
        f"{server.url}{MODELS}?URI=x",
        content=b'{"URI":"x"}',
        headers={"Content-Type": content_type},
    )
    assert (answer.status_code, answer.json()["code"]) == (415, 3)


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=UTF-8", "Application/JSON", "application/json;"]
)
def test_json_may_be_named_with_its_charset(server: RunningServer, content_type: str) -> None:
    headers = {"Content-Type": content_type}
    answer = httpx.put(server.url + MODELS, content=b'{"URI":"absent"}', headers=headers)
    assert answer.status_code == 404


def test_a_delete_needs_no_body_and_no_content_type(server: RunningServer) -> None:
    assert httpx.delete(f"{server.url}{MODELS}?URI=absent").status_code == 404


def test_a_body_is_judged_before_its_entry_is_looked_up(server: RunningServer) -> None:
    answer = httpx.put(server.url + MODELS, json={"URI": "absent", "version": 1})
    assert (answer.status_code, answer.json()["message"][:8]) == (400, "version:")


def test_a_body_over_one_mebibyte_is_413(server: RunningServer) -> None:
    json_type = {"Content-Type": "application/json"}
    for content in (b" " * (2**20 + 1), _in_chunks(2**20 + 1)):
        answer = httpx.post(server.url + MODELS, content=content, headers=json_type)
        assert (answer.status_code, answer.json()["code"]) == (413, 3)


def test_a_body_of_one_mebibyte_is_read(server: RunningServer) -> None:
    body = b'{"URI":"mebibyte"}'.ljust(2**20)
    for content in (body, iter([body])):
        answer = httpx.put(
            server.url + MODELS, content=content, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 404


def _in_chunks(size: int) -> Iterator[bytes]:
    yield from (b" " * 1024 for _ in range(size // 1024 + 1))


def test_a_path_too_long_is_414(server: RunningServer) -> None:
    status, body = exchange(server, request(f"{MODELS}?name={'x' * 70_000}", LOCAL))
    assert (status, body["code"]) == (414, 3)


def test_a_path_without_end_is_refused_before_it_ends(server: RunningServer) -> None:
    status, body = exchange(server, b"GET /" + b"x" * 200_000)
    assert (status, body["code"]) == (414, 3)


@pytest.mark.parametrize(
    "headers", [[f"X-Long: {'x' * 70_000}"], [f"X-{n}: {'x' * 100}" for n in range(1000)]]
)
def test_headers_too_large_are_431(server: RunningServer, headers: list[str]) -> None:
    status, body = exchange(server, request("/livez", LOCAL, *headers))
    assert (status, body["code"]) == (431, 3)


def test_a_header_without_end_is_refused_before_it_ends(server: RunningServer) -> None:
    status, body = exchange(server, request("/livez", LOCAL)[:-4] + b"\r\nX: " + b"x" * 200_000)
    assert (status, body["code"]) == (431, 3)


@pytest.mark.parametrize(
    "garbage", [b"garbage\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01"]
)
def test_what_is_not_http_is_400(server: RunningServer, garbage: bytes) -> None:
    status, body = exchange(server, garbage)
    assert (status, body["code"]) == (400, 3)


def test_what_follows_a_request_does_not_swallow_its_answer(server: RunningServer) -> None:
    body = b'{"URI":"gs://followed"}'
    post = request(MODELS, LOCAL, JSON_TYPE, f"Content-Length: {len(body)}", method="POST")
    assert exchange(server, post + body + b"garbage garbage\r\n\r\n") == (200, {})


def test_a_client_that_has_said_all_is_still_answered(server: RunningServer) -> None:
    where = urlsplit(server.url)
    with closing(socket.create_connection((where.hostname, where.port), timeout=20)) as peer:
        peer.sendall(request(f"{MODELS}?name=half-closed", LOCAL))
        peer.shutdown(socket.SHUT_WR)
        _, body = _read_answer(peer)
        assert json.loads(body)["models"] == []
        assert peer.recv(1) == b""


def test_an_offer_of_another_protocol_costs_no_body(server: RunningServer) -> None:
    body = b'{"URI":"absent"}'
    offer = ("Connection: Upgrade, HTTP2-Settings", "upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQ")
    length = f"Content-Length: {len(body)}"
    put = request(MODELS, LOCAL, JSON_TYPE, length, *offer, method="PUT")
    status, answer = exchange(server, put + body)
    assert (status, answer["code"]) == (404, 5)


def test_trailers_of_a_body_are_no_headers(server: RunningServer) -> None:
    chunked = request(MODELS, LOCAL, JSON_TYPE, "Transfer-Encoding: chunked", method="PUT")
    body = b'10\r\n{"URI":"absent"}\r\n0\r\nHost: evil.example\r\n\r\n'
    assert exchange(server, chunked + body)[0] == 404


def test_slow_bodies_take_nobodys_place(server: RunningServer) -> None:
    where = urlsplit(server.url)
    slow = request(MODELS, LOCAL, JSON_TYPE, "Content-Length: 20", method="POST") + b"{"
    with ExitStack() as stack:
        for _ in range(MAX_REQUESTS):
            peer = stack.enter_context(socket.create_connection((where.hostname, where.port)))
            peer.sendall(slow)
        assert httpx.get(f"{server.api}/user").status_code == 200


def test_a_query_of_many_wide_characters_fits_into_a_path(server: RunningServer) -> None:
    parameters = {"query": f'name="{"😀" * 4000}"'}
    assert httpx.get(server.url + MODELS, params=parameters).json()["models"] == []


def test_a_sane_request_id_is_taken_and_echoed(server: RunningServer) -> None:
    answer = httpx.get(f"{server.url}/livez", headers={"X-Request-Id": "trace-1/2:3"})
    assert answer.headers["x-request-id"] == "trace-1/2:3"


@pytest.mark.parametrize(
    "wanted", ["a b", "x" * 129, "<script>", "é".encode().decode("latin-1"), ""]
)
def test_any_other_request_id_is_replaced(server: RunningServer, wanted: str) -> None:
    headers = {b"X-Request-Id": wanted.encode("latin-1")}
    answer = httpx.get(f"{server.url}/livez", headers=headers)
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])


def test_small_answers_are_not_held_back() -> None:
    async def story() -> int:
        accepted: asyncio.Future[asyncio.BaseTransport] = asyncio.Future()

        class Accepting(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                accepted.set_result(transport)

        listener = listen("127.0.0.1", 0)
        loop = asyncio.get_running_loop()
        async with await loop.create_server(Accepting, sock=listener):
            with socket.create_connection(listener.getsockname()):
                connection: socket.socket = (await accepted).get_extra_info("socket")
                return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    assert asyncio.run(story())


def test_stray_bytes_do_not_keep_a_connection_for_ever(server: RunningServer) -> None:
    where = urlsplit(server.url)
    with closing(socket.create_connection((where.hostname, where.port), timeout=30)) as peer:
        peer.sendall(request("/livez", LOCAL))
        _read_answer(peer)
        peer.sendall(b"\r\n")
        assert peer.recv(1) == b""


def test_a_head_that_never_ends_is_408(server: RunningServer) -> None:
    status, body = exchange(server, request(MODELS, LOCAL)[:-2])
    assert (status, body["code"]) == (408, 4)


def test_a_malformed_chunk_is_400(server: RunningServer) -> None:
    head = request(
        MODELS, LOCAL, "Content-Type: application/json", "Transfer-Encoding: chunked", method="POST"
    )
    status, body = exchange(server, head + b"zz\r\nnot a chunk\r\n")
    assert (status, body["code"]) == (400, 3)


def test_every_answer_is_json_and_not_sniffed(server: RunningServer) -> None:
    for answer in (httpx.get(f"{server.url}/nope"), httpx.get(f"{server.api}/user")):
        assert {name: answer.headers[name] for name in PROMISED} == PROMISED


def test_who_asks_is_nobody_in_particular(server: RunningServer) -> None:
    nobody: dict[str, object] = {"Id": "anonymous", "Name": "anonymous", "Email": "", "Groups": []}
    for headers in ([], ["Authorization: Bearer "], ["Authorization: Bearer x"]):
        assert exchange(server, request(f"{API}/user", LOCAL, *headers)) == (200, nobody)


def test_the_health_of_postgres_is_reported_as_the_platform_does(server: RunningServer) -> None:
    for dependency in ("POSTGRES", "ALL"):
        health = httpx.get(f"{server.api}/healthcheck/{dependency}").json()
        [postgres] = health["dependenciesHealth"]
        assert (postgres["dependency"], postgres["status"]) == ("POSTGRES", "ENABLED_AND_REACHABLE")
        assert postgres["lastActiveFetchedAt"] == postgres["fetchedAt"]
    answer = httpx.get(f"{server.api}/healthcheck/KAFKA")
    assert (answer.status_code, answer.json()["code"]) == (404, 5)


def test_every_request_is_one_log_line_without_its_values(server: RunningServer) -> None:
    secret = {"query": "name=hush-value", "tags[hush-key]": "x"}
    headers = {"Authorization": "Bearer hush-token", "X-Request-Id": "log-test"}
    httpx.get(server.url + MODELS, params=secret, headers=headers)
    entry = json.loads(wait_for_line(server, "log-test"))
    assert entry.pop("time").endswith("Z")
    assert 0 < entry.pop("duration") < 20
    assert entry == {
        "event": "RequestAnswered",
        "method": "GET",
        "route": MODELS,
        "status": 200,
        "actor": "anonymous",
        "request_id": "log-test",
    }
    assert "hush" not in server.log.read_text()


def wait_for_line(server: RunningServer, part: str) -> str:
    """Wait for a line of the log, which is written behind the answer."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for line in server.log.read_text().splitlines():
            if part in line:
                return line
    raise AssertionError(f"{part} is never logged")


def test_the_documentation_needs_nothing_from_outside(server: RunningServer) -> None:
    page = httpx.get(f"{server.url}/docs")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    resources = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert not [link for link in resources if "//" in link]
    for link in resources:
        if link.startswith("/"):
            assert httpx.get(server.url + link).status_code == 200


def test_the_contract_is_served(server: RunningServer) -> None:
    answer = httpx.get(f"{server.url}/openapi.yaml")
    assert answer.headers["content-type"] == "application/yaml"
    assert answer.text.startswith("openapi:")
