"""Pages of large models: bounded, walked to their end, and paid for by nobody else."""

import json
import socket
from contextlib import ExitStack
from urllib.parse import urlsplit

import httpx
import pytest

from parts import API, RunningServer

MODELS = f"{API}/model/metadata"
PAGE_BYTES = 8 * 1024 * 1024
COUNT = 12
CONNECTIONS = 8
"""As many as the server has to its database."""


@pytest.fixture
def full_server(fresh_server: RunningServer) -> RunningServer:
    """A server that holds models of almost a mebibyte each."""
    labels = {str(number): "x" * 1000 for number in range(900)}
    feature = {"name": "x", "type": "CATEGORICAL", "categoryMap": labels}
    schema = {"requests": [feature], "responses": [feature | {"categoryMap": {}}]}
    for number in range(COUNT):
        model = {"URI": f"gs://{number:02}", "predictionSchema": schema}
        httpx.post(fresh_server.url + MODELS, json=model).raise_for_status()
    return fresh_server


def test_pages_end_at_their_bytes_and_still_show_everything(full_server: RunningServer) -> None:
    seen: list[str] = []
    token = ""
    while token or not seen:
        answer = httpx.get(full_server.url + MODELS, params={"pageToken": token}, timeout=30)
        assert len(answer.content) <= PAGE_BYTES
        seen += [model["URI"] for model in answer.json()["models"]]
        token = answer.json()["nextPageToken"]
    assert seen == [f"gs://{number:02}" for number in range(COUNT)]


def test_readers_that_do_not_read_hold_no_connection_to_the_database(
    full_server: RunningServer,
) -> None:
    where = urlsplit(full_server.url)
    request = f"GET {MODELS} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    with ExitStack() as stack:
        for _ in range(CONNECTIONS + 1):
            reader = stack.enter_context(socket.create_connection((where.hostname, where.port)))
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            reader.sendall(request)
            assert reader.recv(1)
        model = {"URI": "gs://another"}
        assert httpx.post(full_server.url + MODELS, json=model).status_code == 200
        found = httpx.get(full_server.url + MODELS, params={"URI": "gs://another"})
        assert [each["URI"] for each in json.loads(found.text)["models"]] == ["gs://another"]
