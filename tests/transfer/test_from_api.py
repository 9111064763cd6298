"""Importing from another server of the API: real ones, and ones that misbehave."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from parts import API, RunningServer, migrated, new_database
from pinakes.catalog.model import Model
from pinakes.catalog.revision import Change
from pinakes.catalog.runtime import DeploymentStatus, DeploymentType, RuntimeMetadata
from pinakes.postgres.store import PostgresStore
from pinakes.remote.listings import PAGE_SIZE
from tls.authority import Authority
from transfer.commands import Done, exported, pinakes, tell

SERVED = RuntimeMetadata(
    model_uri="gs://a",
    project="flowers",
    deployment_name="iris",
    deployment_namespace="production",
    deployment_uid="uid-1",
    deployment_type=DeploymentType.SELDON_MODEL,
)

STOPPED = replace(SERVED, deployment_status=DeploymentStatus.STOPPED, node_name="b")

Answer = tuple[int, dict[str, str], Any]
Respond = Callable[[str, dict[str, str], str], Answer]
"""From path, parameters and token to status, headers and JSON; None is no body at all."""


class Platform(ThreadingHTTPServer):
    """A server of the API that answers as it is told, and remembers what it was asked."""

    def __init__(self, respond: Respond) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.respond = respond
        self.asked: list[tuple[str, dict[str, str], str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Platform  # pyright: ignore[reportIncompatibleVariableOverride] - it serves no other

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        parameters = {name: one for name, [one] in parse_qs(asked.query).items()}
        path = asked.path.removeprefix(API)
        token = self.headers.get("Authorization", "")
        self.server.asked.append((path, parameters, token))
        status, headers, body = self.server.respond(path, parameters, token)
        content = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        pass


@pytest.fixture
def platform() -> Iterator[Callable[[Respond], Platform]]:
    running: list[tuple[Platform, threading.Thread]] = []

    def start(respond: Respond) -> Platform:
        server = Platform(respond)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        running.append((server, thread))
        return server

    yield start
    for server, thread in running:
        server.shutdown()
        thread.join()
        server.server_close()


def pages(*several: list[Any] | None) -> Respond:
    """Answer with pages of models, whose tokens count them; of runtime metadata knows nothing."""

    def respond(path: str, parameters: dict[str, str], _: str) -> Answer:
        if path != "/model/metadata":
            return 404, {}, {"code": 5, "message": "Not Found"}
        place = int(parameters.get("pageToken", "0"))
        token = str(place + 1) if place + 1 < len(several) else ""
        return 200, {}, {"models": several[place], "nextPageToken": token}

    return respond


def from_api(conninfo: str, url: str, *words: str | Path) -> Done:
    return pinakes(conninfo, "import", "--from-api", url, *words)


def imported_uris(conninfo: str) -> list[str]:
    found = [json.loads(line) for line in exported(conninfo).splitlines()]
    return [line["URI"] for line in found if "URI" in line]


def test_a_real_server_is_read_to_its_end(
    fresh_server: RunningServer, postgres: str, tmp_path: Path
) -> None:
    flower = Model(uri="gs://a", project="flowers")
    several = [flower] + [
        Model(uri=f"gs://{n:05}", name="ü", tags={"k": "v"}, metrics={"m": n / 7})
        for n in range(PAGE_SIZE + 7)
    ]

    async def fill(store: PostgresStore) -> None:
        for model in several:
            await store.create_model(model, Change(actor="alice", door="test"))
        await store.record_runtime(SERVED)
        await store.record_runtime(STOPPED)

    tell(fresh_server.conninfo, fill)
    target = migrated(new_database(postgres))
    state = tmp_path / "state"
    done = from_api(target, fresh_server.url, "--state", state)
    assert done.returncode == 0, done.stderr
    assert not state.exists()
    assert without_history(exported(target)) == without_history(exported(fresh_server.conninfo))
    again = from_api(target, fresh_server.api)
    assert again.returncode == 0
    assert f"{PAGE_SIZE + 8:,}" in again.stdout.decode().splitlines()[2]


def without_history(export: bytes) -> list[bytes]:
    return [line for line in export.splitlines() if not line.startswith((b'{"rev', b'{"man'))]


def test_what_the_platform_leaves_out_or_sends_as_null_is_empty(
    fresh_database: str, platform: Callable[[Respond], Platform]
) -> None:
    model = {
        "URI": "gs://a",
        "tags": None,
        "metrics": None,
        "predictionSchema": None,
        "runtimeDefaults": {"defaultProtocol": "PROTOCOL_TENSERFLOW"},
        "creationTime": "2022-02-15T15:26:26.630592Z",
        "fieldOfTomorrow": 1,
    }
    server = platform(pages([model], None))
    done = from_api(fresh_database, server.url)
    assert done.returncode == 0, done.stderr
    assert imported_uris(fresh_database) == ["gs://a"]
    assert b'"creationTime":"2022-02-15T15:26:26.630592Z"' in exported(fresh_database)


@pytest.mark.parametrize("answer", [(204, {}, None), (200, {}, {}), (200, {}, {"models": None})])
def test_a_server_without_models_is_empty(
    fresh_database: str, platform: Callable[[Respond], Platform], answer: Answer
) -> None:
    server = platform(lambda *_: answer)
    assert from_api(fresh_database, server.url).returncode == 0


def test_a_model_that_cannot_be_kept_is_named_and_its_page_is_not_kept(
    fresh_database: str, platform: Callable[[Respond], Platform]
) -> None:
    wrong = {"URI": "gs://c", "project": "p", "artifactType": "QUANTUM"}
    server = platform(pages([{"URI": "gs://a"}], [{"URI": "gs://b"}, wrong, {"URI": 7}]))
    done = from_api(fresh_database, server.url)
    assert done.returncode == 1
    told = done.stderr.decode()
    assert "model 'gs://c' in project 'p': artifactType: unknown value, expected one of" in told
    assert "model '7' in project '': URI: expected a string, got a number" in told
    assert imported_uris(fresh_database) == ["gs://a"]


def test_an_import_goes_on_where_it_stopped(
    fresh_database: str, platform: Callable[[Respond], Platform], tmp_path: Path
) -> None:
    broken = [{"URI": "gs://c", "artifactType": "QUANTUM"}]
    server = platform(pages([{"URI": "gs://a"}], [{"URI": "gs://b"}], broken))
    state = tmp_path / "state"
    done = from_api(fresh_database, server.url, "--state", state)
    assert done.returncode == 1
    assert done.stderr.endswith(
        b"\n2 entries of this run are kept: run the same command again to go on there\n"
    )
    assert state.stat().st_mode & 0o777 == 0o600
    server.respond = pages([], [], [{"URI": "gs://c"}])
    server.asked.clear()
    done = from_api(fresh_database, server.url, "--state", state)
    assert done.returncode == 0, done.stderr
    assert server.asked[0][1]["pageToken"] == "2"
    assert imported_uris(fresh_database) == ["gs://a", "gs://b", "gs://c"]
    assert not state.exists()


def test_what_is_kept_of_an_import_without_a_state_is_told(
    fresh_database: str, platform: Callable[[Respond], Platform]
) -> None:
    server = platform(pages([{"URI": "gs://a"}], [{"URI": ""}]))
    done = from_api(fresh_database, server.url)
    assert b"\n1 entries of this run are kept: run again, it begins anew" in done.stderr
    assert b"are kept" not in from_api(fresh_database, server.url, "--dry-run").stderr


def test_a_state_of_another_import_is_not_followed(
    fresh_database: str,
    empty_database: str,
    platform: Callable[[Respond], Platform],
    tmp_path: Path,
) -> None:
    server = platform(pages([], [{"URI": ""}]))
    state = tmp_path / "state"
    assert from_api(fresh_database, server.url, "--state", state).returncode == 1
    other = from_api(migrated(empty_database), server.url, "--state", state)
    assert b"remembers an import from another server, or into another catalogue" in other.stderr
    state.write_text("{}")
    assert (
        b"is no state of an import" in from_api(fresh_database, server.url, "--state", state).stderr
    )


def test_a_server_that_is_busy_is_asked_again_when_it_says(
    fresh_database: str, platform: Callable[[Respond], Platform]
) -> None:
    statuses = iter([429, 503, 502, 504])
    answered = pages([], [{"URI": "gs://a"}])

    def respond(path: str, parameters: dict[str, str], token: str) -> Answer:
        if len(server.asked) == 1:  # who has answered once is worth more patience
            return answered(path, parameters, token)
        status = next(statuses, 0)
        return (status, {"Retry-After": "0"}, {}) if status else answered(path, parameters, token)

    server = platform(respond)
    done = from_api(fresh_database, server.url)
    assert done.returncode == 0, done.stderr
    assert b"answers 503; trying again in 0 s" in done.stderr
    assert imported_uris(fresh_database) == ["gs://a"]


def test_a_server_that_never_answers_is_given_up_soon(fresh_database: str) -> None:
    done = from_api(fresh_database, "http://127.0.0.1:9")
    assert done.returncode == 1
    assert b"cannot be reached" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((401, {}, {}), "it wants a token that it accepts: --token-file"),
        ((403, {}, {}), "the token may not read there"),
        ((404, {}, {}), "there is no catalogue of models"),
        ((302, {"Location": "http://127.0.0.1:9"}, {}), "answers 302: it refuses"),
        ((500, {}, {}), "answers 500: it refuses"),
        ((599, {}, {}), "answers 599: it refuses"),
        ((200, {}, []), "is no listing"),
        ((200, {}, {"models": {}}), "is no listing: models: expected an array"),
        ((200, {}, {"nextPageToken": 1}), "is no listing: nextPageToken: expected a string"),
    ],
)
def test_an_answer_of_no_use_is_told(
    fresh_database: str, platform: Callable[[Respond], Platform], answer: Answer, told: str
) -> None:
    done = from_api(fresh_database, platform(lambda *_: answer).url)
    assert done.returncode == 1
    assert told in done.stderr.decode()


def test_a_listing_without_end_is_left(
    fresh_database: str, platform: Callable[[Respond], Platform]
) -> None:
    server = platform(lambda *_: (200, {}, {"nextPageToken": "again"}))
    done = from_api(fresh_database, server.url)
    assert b"its listing has no end" in done.stderr


def test_the_token_is_read_for_every_request_and_never_told(
    fresh_database: str, platform: Callable[[Respond], Platform], tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("first-token\n")
    answered = pages([{"URI": "gs://a"}], [])

    def respond(path: str, parameters: dict[str, str], token: str) -> Answer:
        file.write_text("second-token\n")
        return answered(path, parameters, token)

    server = platform(respond)
    done = from_api(fresh_database, server.url, "--token-file", file)
    assert done.returncode == 0
    tokens = [token for _, _, token in server.asked]
    assert tokens[:2] == ["Bearer first-token", "Bearer second-token"]
    file.write_text("two words")
    done = from_api(fresh_database, server.url, "--token-file", file)
    assert done.returncode == 1
    assert b"holds no token" in done.stderr
    assert b"two words" not in done.stderr


def test_only_a_trusted_certificate_is_believed(
    fresh_database: str, platform: Callable[[Respond], Platform], tmp_path: Path
) -> None:
    root = Authority.root("an authority")
    pair = root.issue("platform", "127.0.0.1")
    (tmp_path / "pair").write_bytes(pair.certificate + pair.key)
    (tmp_path / "ca.crt").write_bytes(root.pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "pair")
    server = platform(pages([{"URI": "gs://a"}]))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    url = server.url.replace("http:", "https:")
    done = from_api(fresh_database, url)
    assert done.returncode == 1
    assert b"--ca-file names another authority" in done.stderr
    assert b"trying again" not in done.stderr
    assert from_api(fresh_database, url, "--ca-file", tmp_path / "ca.crt").returncode == 0
    assert imported_uris(fresh_database) == ["gs://a"]


def test_a_dry_run_reads_a_server_and_keeps_nothing(
    fresh_database: str, platform: Callable[[Respond], Platform]
) -> None:
    server = platform(pages([{"URI": "gs://a"}]))
    done = from_api(fresh_database, server.url, "--dry-run")
    assert done.stdout.decode().startswith("create  model  'gs://a' 'default'\n")
    assert imported_uris(fresh_database) == []
