"""A constant load of reads and writes, and what came of every single request."""

import threading
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import httpx

from parts import API

MODELS = f"{API}/model/metadata"
CLIENTS = 4
PAUSE_SECONDS = 0.01
"""Between two requests of a client: for these machines run more than this."""
PATIENCE_SECONDS = 60.0
NO_ANSWER = 0
OK = 200
UNAVAILABLE = 503


class Verb(Enum):
    """What a request is for."""

    CREATE = "create"
    READ = "read"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True)
class Outcome:
    """What came of one request."""

    verb: Verb
    uri: str
    name: str
    """What the model was called by a write, or should have been called for a read."""
    began: float
    ended: float
    status: int
    message: str
    retry_after: str = ""
    found: tuple[str, ...] = ()
    """The names that a read found under its URI."""

    @property
    def seconds(self) -> float:
        return self.ended - self.began

    @property
    def is_ok(self) -> bool:
        return self.status == OK

    @property
    def is_unknown(self) -> bool:
        """Whether the client was told that nobody knows, or was told nothing."""
        refused = self.status == UNAVAILABLE and "unknown" in self.message
        return refused or self.status == NO_ANSWER


@dataclass
class Client:
    """Asks over one connection that is kept, and notes what came of it."""

    url: str
    outcomes: list[Outcome] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._http = httpx.Client(timeout=PATIENCE_SECONDS)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._http.close()

    def create(self, uri: str, name: str) -> Outcome:
        return self._ask(Verb.CREATE, "POST", uri, name, json={"URI": uri, "name": name})

    def update(self, uri: str, name: str) -> Outcome:
        return self._ask(Verb.UPDATE, "PUT", uri, name, json={"URI": uri, "name": name})

    def delete(self, uri: str) -> Outcome:
        return self._ask(Verb.DELETE, "DELETE", uri, "", params={"URI": uri})

    def read(self, uri: str, name: str = "") -> Outcome:
        """Ask for a model that should have this name; without one, that should not be there."""
        return self._ask(Verb.READ, "GET", uri, name, params={"URI": uri})

    def _ask(self, verb: Verb, method: str, uri: str, name: str, **sent: Any) -> Outcome:
        began = time.monotonic()
        answer = self._answer(method, sent)
        outcome = Outcome(verb, uri, name, began, time.monotonic(), **answer)
        self.outcomes.append(outcome)
        return outcome

    def _answer(self, method: str, sent: Mapping[str, Any]) -> dict[str, Any]:
        try:
            answer = self._http.request(method, self.url + MODELS, **sent)
        except httpx.HTTPError as error:
            return {"status": NO_ANSWER, "message": repr(error)}
        return {
            "status": answer.status_code,
            "message": answer.json().get("message", ""),
            "retry_after": answer.headers.get("retry-after", ""),
            "found": tuple(model["name"] for model in answer.json().get("models", [])),
        }


@dataclass
class Load:
    """The requests of all clients so far."""

    outcomes: list[Outcome]

    def failed(self) -> list[Outcome]:
        """Return what was not answered as it should have been."""
        return [each for each in list(self.outcomes) if not each.is_ok]

    def since(self, moment: float) -> list[Outcome]:
        """Return what was asked, and has been answered, since a moment."""
        return [each for each in list(self.outcomes) if each.began >= moment]

    def succeeds_since(self, moment: float) -> bool:
        """Whether a read and a write that began after a moment were answered well."""
        good = {each.verb for each in self.since(moment) if each.is_ok}
        return Verb.READ in good and bool(good - {Verb.READ})


@contextmanager
def constant_load(url: str, clients: int = CLIENTS) -> Generator[Load]:
    """Read and write without an end until the block ends; then the outcomes are complete."""
    enough = threading.Event()
    load = Load([])
    threads = [
        threading.Thread(target=_live, args=(url, load.outcomes, enough)) for _ in range(clients)
    ]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        enough.set()
        for thread in threads:
            thread.join()


def _live(url: str, outcomes: list[Outcome], enough: threading.Event) -> None:
    with Client(url, outcomes) as client:
        while not enough.is_set():
            _tell_story(client, enough)


def _tell_story(client: Client, enough: threading.Event) -> None:
    """Create, read, change and perhaps forget a model of our own, as long as all goes well."""
    uri, first, second = f"s3://load/{uuid4().hex}", uuid4().hex, uuid4().hex
    steps = [
        lambda: client.create(uri, first),
        lambda: client.read(uri, first),
        lambda: client.update(uri, second),
        lambda: client.read(uri, second),
    ]
    if uri[-1] in "02468ace":
        steps += [lambda: client.delete(uri), lambda: client.read(uri)]
    for step in steps:
        went_well = step().is_ok
        enough.wait(PAUSE_SECONDS)
        if not went_well:
            return
