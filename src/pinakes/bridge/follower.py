"""Keep a copied secret as the one that it is a copy of."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace

from pinakes.bridge.errors import BridgeError
from pinakes.bridge.manifest import Manifest, write_manifest
from pinakes.bridge.operators import Bridge
from pinakes.bridge.page import SOURCE_VERSION, Login, page_manifest
from pinakes.kubernetes.api_server import ApiServer, Document
from pinakes.kubernetes.errors import ClusterError
from pinakes.kubernetes.reference import SecretReference
from pinakes.kubernetes.watch import states
from pinakes.telemetry.events import ClusterFailed, Event, SecretCopied, SourceAbsent, SourceRefused

MIN_PAUSE_SECONDS = 1.0
MAX_PAUSE_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """Which secret is kept as which other one is, and how the one is made of the other."""

    source: SecretReference
    target: SecretReference
    bridge: Bridge
    options: Mapping[str, str]
    """What is set whatever the source says: never its login."""
    read_ca: Callable[[], bytes | None]
    """Raises BridgeError; it is read anew for every copy."""

    def copy(self, source: Document) -> Manifest:
        """Make the target of the source. Raises BridgeError.

        Where neither says how the server is verified, nothing is said of that: whoever made the
        first copy, with its ``ca.crt``, has said it there, and server-side apply leaves it.
        """
        login = self.bridge([source], None).overruled_by(self.options)
        origin = replace(login.origin, is_followed=True) if login.origin else None
        ca = self.read_ca()
        ours = Login(login.values, login.ca if ca is None else ca, origin)
        manifest = page_manifest(self.target.name, self.target.namespace, ours)
        if ours.ca or "sslmode" in ours.values:
            return manifest
        return replace(manifest, files=_without_mode(manifest.files))


class Follower:
    """Copies a secret at once, at every change, and again every few minutes.

    So a target that somebody changed or deleted is mended too. A source that is not there, or
    makes no secret, leaves the target as it is.
    """

    def __init__(
        self, following: Following, server: ApiServer, notice: Callable[[Event], None]
    ) -> None:
        self._following = following
        self._server = server
        self._notice = notice
        self._copied = ""
        """The version of the target as we left it."""

    async def keep_following(
        self, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    ) -> None:
        """Follow without end; where the cluster fails, again after a pause that grows."""
        failures = 0
        while True:
            try:
                await self.follow()
                failures = 0
            except ClusterError as error:
                self._notice(ClusterFailed(str(error)))
                failures += 1
            await sleep(pause_after(failures))

    async def follow(self) -> None:
        """Follow for as long as one stream lasts. Raises ClusterError."""
        async with aclosing(states(self._server, self._following.source)) as seen:
            async for document in seen:
                if document is None:
                    self._notice(SourceAbsent(**self._names()))
                else:
                    await self._copy(document)

    async def _copy(self, document: Document) -> None:
        try:
            manifest = self._following.copy(document)
            written = write_manifest(manifest).encode()
        except BridgeError as error:
            self._notice(SourceRefused(**self._names(), reason=str(error)))
            return
        copied = await self._server.apply(self._following.target, written)
        if copied != self._copied:
            self._copied = copied
            version = manifest.annotations.get(SOURCE_VERSION, "")
            self._notice(SecretCopied(**self._names(), version=version))

    def _names(self) -> Mapping[str, str]:
        return {"source": str(self._following.source), "target": str(self._following.target)}


def _without_mode(files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {key: value for key, value in files.items() if key != "sslmode"}


def pause_after(failures: int) -> float:
    """Return how long to wait after some failures in a row, in seconds."""
    return min(MIN_PAUSE_SECONDS * 2 ** min(failures, 10), MAX_PAUSE_SECONDS)
