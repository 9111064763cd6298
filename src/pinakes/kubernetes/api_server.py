"""Ask the API server for one secret: get it, list it, watch it, apply it."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import httpx
import msgspec

from pinakes.kubernetes.errors import ClusterError, read_status, refusal
from pinakes.kubernetes.pod import Pod
from pinakes.kubernetes.reference import SecretReference

Document = Mapping[str, object]
"""An object of the cluster as JSON has it, with its kind."""

FIELD_MANAGER = "pinakes"
ANSWER_SECONDS = 10.0
STREAM_SECONDS = 240
"""After which the server ends a stream ..."""
SILENCE_SECONDS = 90.0
"""... and after which we do, for a bookmark comes every minute as a sign of life."""

Told = TypeVar("Told")
_Answering = AbstractAsyncContextManager[httpx.Response]

APPLY = "application/apply-patch+yaml"


class _Metadata(msgspec.Struct, rename="camel"):
    resource_version: str


class _List(msgspec.Struct):
    kind: str
    metadata: _Metadata
    items: list[dict[str, object]]


class _Applied(msgspec.Struct):
    metadata: _Metadata


class WatchEvent(msgspec.Struct):
    """What a stream tells; of a secret, or where it ends."""

    type: str
    object: dict[str, object]


@dataclass(frozen=True, slots=True)
class Listing:
    """A secret as it was at a version of the cluster; None where it is not there."""

    document: Document | None = field(repr=False)
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    method: str
    path: str
    verbs: Sequence[str]
    """What it is called in a Role, and all that the Role needs beside it."""
    parameters: Mapping[str, str]
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    content: bytes | None = field(default=None, repr=False)
    silence: float = ANSWER_SECONDS


class ApiServer:
    """The API server as a pod sees it. Everything here raises ClusterError."""

    def __init__(self, pod: Pod) -> None:
        self._pod = pod

    async def get(self, wanted: SecretReference) -> Document:
        """Read a secret that is to be there."""
        request = _Request(method="GET", path=wanted.path, verbs=("get",), parameters={})
        async with self._asking(request, wanted) as answer:
            return _decode(await answer.aread(), dict[str, object])

    async def list(self, wanted: SecretReference) -> Listing:
        """Read a secret, and the version that changes can be watched from."""
        request = _Request(
            method="GET",
            path=wanted.collection,
            verbs=("list", "watch"),
            parameters=_only(wanted),
        )
        async with self._asking(request, wanted) as answer:
            found = _decode(await answer.aread(), _List)
        kind = found.kind.removesuffix("List")  # which the items of a list do not repeat
        documents = [{"kind": kind, **item} for item in found.items]
        return Listing(next(iter(documents), None), found.metadata.resource_version)

    async def watch(self, wanted: SecretReference, version: str) -> AsyncGenerator[WatchEvent]:
        """Yield what happens to a secret after a version, until the stream ends.

        A stream that breaks off, or is silent for too long, has ended as well.
        """
        request = _Request(
            method="GET",
            path=wanted.collection,
            verbs=("watch", "list"),
            parameters={
                **_only(wanted),
                "watch": "true",
                "resourceVersion": version,
                "allowWatchBookmarks": "true",
                "timeoutSeconds": str(STREAM_SECONDS),
            },
            silence=SILENCE_SECONDS,
        )
        async with self._asking(request, wanted) as answer:
            try:
                async for line in _lines(answer):
                    yield _decode(line, WatchEvent)
            except httpx.TransportError:
                return

    async def apply(self, wanted: SecretReference, manifest: bytes) -> str:
        """Make a secret what a manifest says, whoever wrote it before; return its version.

        Keys that others added stay. The same manifest again changes nothing, not even the version.
        """
        request = _Request(
            method="PATCH",
            path=wanted.path,
            verbs=("patch", "create"),
            parameters={"fieldManager": FIELD_MANAGER, "force": "true"},
            headers={"Content-Type": APPLY},
            content=manifest,
        )
        async with self._asking(request, wanted) as answer:
            return _decode(await answer.aread(), _Applied).metadata.resource_version

    @asynccontextmanager
    async def _asking(
        self, request: _Request, wanted: SecretReference
    ) -> AsyncGenerator[httpx.Response]:
        """Send a request, and yield what is a good answer."""
        try:
            async with self._client(request) as client, _sent(client, request) as answer:
                if not answer.is_success:
                    status = read_status(answer.status_code, await answer.aread())
                    raise refusal(request.verbs, wanted, status)
                yield answer
        except httpx.HTTPError as error:
            problem = str(error) or type(error).__name__
            raise ClusterError(f"{self._pod.url} cannot be asked: {problem}") from error

    def _client(self, request: _Request) -> httpx.AsyncClient:
        """Open a way to the server; nobody stands between, not even a proxy."""
        return httpx.AsyncClient(
            base_url=self._pod.url,
            verify=self._pod.trust(),
            headers={"Authorization": f"Bearer {self._pod.token()}"},
            timeout=httpx.Timeout(ANSWER_SECONDS, read=request.silence),
            trust_env=False,
        )


def _sent(client: httpx.AsyncClient, request: _Request) -> _Answering:
    return client.stream(
        request.method,
        request.path,
        params=dict(request.parameters),
        headers=dict(request.headers),
        content=request.content,
    )


async def _lines(answer: httpx.Response) -> AsyncGenerator[bytes]:
    """Yield what stands between line feeds, and not other ends of lines, which JSON may hold."""
    rest = b""
    async for chunk in answer.aiter_bytes():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line


def _only(wanted: SecretReference) -> dict[str, str]:
    """Ask for one secret alone, as a Role that names it allows."""
    return {"fieldSelector": f"metadata.name={wanted.name}"}


def _decode(body: bytes, shape: type[Told]) -> Told:
    """Read what a server says; what is wrong with it is told without quoting it."""
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.DecodeError:
        raise ClusterError("what answers in place of the API server is none") from None
