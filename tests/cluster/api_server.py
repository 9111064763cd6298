"""An API server of our own: HTTPS, one namespaced resource, and a Role for each request.

It answers as Kubernetes does: what it serves, one secret by its name, lists by field selector,
streams with bookmarks, versions that are forgotten (410), server-side apply that changes no version
where it changes nothing.
"""

import json
import ssl
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import yaml

from tls.authority import Authority

Json = dict[str, Any]
Place = tuple[str, str]
"""A secret by its namespace and name."""

PATIENCE_SECONDS = 30
TOKEN = "of this pod"

SECRETS = {"name": "secrets", "singularName": "secret", "namespaced": True, "kind": "Secret"}
DISCOVERY: Mapping[str, Json] = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {"kind": "APIGroupList", "groups": []},
    "/api/v1": {
        "kind": "APIResourceList",
        "groupVersion": "v1",
        "resources": [SECRETS | {"verbs": ["get", "list", "watch", "patch", "create"]}],
    },
}
"""What kubectl asks for first: everybody may know it."""


@dataclass(frozen=True)
class Allowed:
    """A rule of a Role: verbs on one secret by its name."""

    place: Place
    verbs: frozenset[str]


@dataclass
class Cluster:
    """What is in the cluster, and what was asked of it; every change is told to who waits."""

    role: list[Allowed]
    token: str = TOKEN
    version: int = 100
    oldest: int = 0
    """The oldest version that changes are known from."""
    secrets: dict[Place, Json] = field(default_factory=dict)
    applied: dict[Place, set[str]] = field(default_factory=dict)
    """The keys that were applied, which are the manager's."""
    changes: list[tuple[int, Place, Json]] = field(default_factory=list)
    asked: list[tuple[str, Place]] = field(default_factory=list)
    refused: list[tuple[str, Place]] = field(default_factory=list)
    streams: int = 0
    """How many are open, and which generation of them may live on."""
    generation: int = 0
    is_away: bool = False
    changed: threading.Condition = field(default_factory=threading.Condition)

    def put(self, place: Place, **parts: Any) -> None:
        """Make or change a secret, as an operator does."""
        with self.changed:
            self._keep("MODIFIED" if place in self.secrets else "ADDED", place, parts)

    def delete(self, place: Place) -> None:
        with self.changed:
            gone = self.secrets.pop(place)
            self.version += 1
            self._tell("DELETED", place, stamped(gone, self.version))

    def forget(self) -> None:
        """Know no more what changed before now."""
        with self.changed:
            self.oldest = self.version + 1
            self.version += 1

    def bookmark(self, place: Place) -> None:
        with self.changed:
            metadata = {"resourceVersion": str(self.version)}
            self._tell("BOOKMARK", place, {"kind": "Secret", "metadata": metadata})

    def fail_streams(self, place: Place, code: int) -> None:
        """End streams as the server does where it cannot go on."""
        with self.changed:
            self._tell("ERROR", place, status(code))

    def drop_streams(self) -> None:
        """Break every stream off in the middle of a line."""
        with self.changed:
            self.generation += 1
            self.changed.notify_all()

    def wait_until(self, is_so: Callable[[], object]) -> None:
        with self.changed:
            assert self.changed.wait_for(is_so, PATIENCE_SECONDS)

    def note(self, verb: str, place: Place) -> bool:
        """Remember what was asked, and say whether the Role allows it."""
        with self.changed:
            is_allowed = any(one.place == place and verb in one.verbs for one in self.role)
            (self.asked if is_allowed else self.refused).append((verb, place))
            self.changed.notify_all()
            return is_allowed

    def apply(self, place: Place, wanted: Json) -> tuple[int, Json]:
        """Apply as one manager who forces: what he applied before is his, what others put stays."""
        if place not in self.secrets and not self.note("create", place):
            return 403, status(403)
        with self.changed:
            there = self.secrets.get(place)
            merged = merged_with(there or {}, wanted, self.applied.get(place, set()))
            self.applied[place] = set(wanted["data"])
            if there is None or unstamped(there) != unstamped(merged):
                self._keep("MODIFIED" if there else "ADDED", place, merged)
            return (200 if there else 201), self.secrets[place]

    def _keep(self, event: str, place: Place, parts: Json) -> None:
        self.version += 1
        namespace, name = place
        metadata = {**parts.get("metadata", {}), "namespace": namespace, "name": name}
        document = {"apiVersion": "v1", "kind": "Secret", **parts, "metadata": metadata}
        self.secrets[place] = stamped(document, self.version)
        self._tell(event, place, self.secrets[place])

    def _tell(self, event: str, place: Place, document: Json) -> None:
        self.changes.append((self.version, place, {"type": event, "object": document}))
        self.changed.notify_all()


def stamped(document: Json, version: int) -> Json:
    return {**document, "metadata": {**document["metadata"], "resourceVersion": str(version)}}


def unstamped(document: Json) -> Json:
    metadata = {k: v for k, v in document["metadata"].items() if k != "resourceVersion"}
    return {**document, "metadata": metadata}


def merged_with(there: Json, wanted: Json, ours: set[str]) -> Json:
    metadata = {**there.get("metadata", {}), **wanted["metadata"]}
    others = {key: value for key, value in there.get("data", {}).items() if key not in ours}
    return {**there, **wanted, "metadata": metadata, "data": others | wanted["data"]}


def status(code: int) -> Json:
    reasons = {
        401: "Unauthorized",
        403: "Forbidden",
        404: "NotFound",
        410: "Expired",
        500: "InternalError",
    }
    message = "it may quote what was sent: hunter2"
    return {"kind": "Status", "code": code, "reason": reasons.get(code, ""), "message": message}


class Server(ThreadingHTTPServer):
    """Serves a cluster over TLS, a thread for each connection."""

    daemon_threads = True

    def __init__(self, cluster: Cluster, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.cluster = cluster
        self.socket = context.wrap_socket(self.socket, server_side=True)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that end in the middle: it is what is tested."""


class Handler(BaseHTTPRequestHandler):
    server: Server  # pyright: ignore[reportIncompatibleVariableOverride] - it serves no other
    protocol_version = "HTTP/1.1"

    @property
    def cluster(self) -> Cluster:
        return self.server.cluster

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path in DISCOVERY:
            self.answer(200, DISCOVERY[path])
        elif path.endswith("/secrets"):
            self.answer_many()
        elif (place := self.admitted("get", path.rpartition("/")[2])) is not None:
            found = self.cluster.secrets.get(place)
            self.answer(200 if found else 404, found or status(404))

    def answer_many(self) -> None:
        query = dict(parse_qsl(urlsplit(self.path).query))
        verb = "watch" if query.get("watch") == "true" else "list"
        name = query.get("fieldSelector", "").removeprefix("metadata.name=")
        if (place := self.admitted(verb, name)) is None:
            return
        if verb == "watch":
            self.stream(place, query)
        else:
            self.answer(200, self.listing(place))

    def do_PATCH(self) -> None:
        query = dict(parse_qsl(urlsplit(self.path).query))
        name = urlsplit(self.path).path.rpartition("/")[2]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if (place := self.admitted("patch", name)) is None:
            return
        assert self.headers["Content-Type"] == "application/apply-patch+yaml"
        assert query == {"fieldManager": "pinakes", "force": "true"}
        wanted = yaml.safe_load(body)
        assert (wanted["metadata"]["namespace"], wanted["metadata"]["name"]) == place
        self.answer(*self.cluster.apply(place, wanted))

    def admitted(self, verb: str, name: str) -> Place | None:
        """Return which secret is asked for by who may, or answer why he may not."""
        _, api, v1, namespaces, namespace, secrets, *_ = urlsplit(self.path).path.split("/")
        assert (api, v1, namespaces, secrets) == ("api", "v1", "namespaces", "secrets")
        if self.cluster.is_away:
            self.answer(503, {"not": "a status"})
        elif self.headers["Authorization"] != f"Bearer {self.cluster.token}":
            self.answer(401, status(401))
        elif not self.cluster.note(verb, (namespace, name)):
            self.answer(403, status(403))
        else:
            return namespace, name
        return None

    def answer(self, code: int, document: Json) -> None:
        body = json.dumps(document).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def listing(self, place: Place) -> Json:
        """List without the kind of each, as Kubernetes does."""
        with self.cluster.changed:
            found = [self.cluster.secrets[place]] if place in self.cluster.secrets else []
            items = [{k: v for k, v in one.items() if k != "kind"} for one in found]
            metadata = {"resourceVersion": str(self.cluster.version)}
            return {"kind": "SecretList", "metadata": metadata, "items": items}

    def stream(self, place: Place, query: Mapping[str, str]) -> None:
        """Send what changes after a version, until the streams are dropped."""
        assert query["allowWatchBookmarks"] == "true"
        since, generation = int(query["resourceVersion"]), self.cluster.generation
        if since < self.cluster.oldest:
            return self.answer(410, status(410))
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.count_streams(+1)
        try:
            for event in self.events(place, since, generation):
                self.send_chunk(json.dumps(event, ensure_ascii=False).encode() + b"\n")
            self.send_chunk(b'{"type": "MODI')
        finally:
            self.count_streams(-1)
            self.close_connection = True
        return None

    def events(self, place: Place, since: int, generation: int) -> Iterator[Json]:
        cluster, sent = self.cluster, 0
        with cluster.changed:
            while True:
                news = cluster.changes[sent:]
                sent += len(news)
                for version, whose, event in news:
                    if whose == place and version > since:
                        yield event
                cluster.changed.wait_for(
                    lambda sent=sent: len(cluster.changes) > sent or cluster.generation > generation
                )
                if cluster.generation > generation:
                    return

    def send_chunk(self, content: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(content), content))

    def count_streams(self, by: int) -> None:
        with self.cluster.changed:
            self.cluster.streams += by
            self.cluster.changed.notify_all()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        pass


@contextmanager
def serving(cluster: Cluster, account: Path, namespace: str) -> Generator[str]:
    """Serve a cluster, and write into ``account`` what a pod of it has; yield the URL."""
    root = Authority.root("a cluster's authority")
    pair = root.issue("kubernetes", "127.0.0.1")
    files = {"ca.crt": root.pem, "token": f"{cluster.token}\n".encode()}
    for name, content in (files | {"namespace": namespace.encode()}).items():
        (account / name).write_bytes(content)
    (account / "pair").write_bytes(pair.certificate + pair.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(account / "pair")
    server = Server(cluster, context)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_address[1]}"
    finally:
        cluster.drop_streams()
        server.shutdown()
        thread.join()
        server.socket.close()
