"""A secret that is a copy of another one: whether that one is still the same, and what to do."""

import asyncio
import os
from pathlib import Path

import msgspec

from pinakes.doctor.finding import Evidence, Verdict, ok, skipped, warning
from pinakes.kubernetes.api_server import ApiServer, Document
from pinakes.kubernetes.errors import ClusterError
from pinakes.kubernetes.pod import Pod
from pinakes.kubernetes.reference import SecretReference
from pinakes.postgres.origin import Origin
from pinakes.postgres.secret import ConfigurationError, Secret
from pinakes.postgres.sources import ALIASES, Trust, secret_source

KEYS = {*ALIASES["user"], *ALIASES["password"]}
SECONDS = 3.0

NO_COPY = "the password is not said to be a copy of another secret's"
UNSEEN = "a copy of {origin.place}; whether that is still the same is not to be seen: {reason}"
NO_ACCOUNT = "no service account is mounted here"
STALE = "{origin.place}, which it is a copy of, has another login by now"


class _Source(msgspec.Struct):
    data: dict[str, bytes] = {}
    """msgspec undoes base64 by itself."""


def freshness(evidence: Evidence) -> Verdict:
    """Whether the secret that the mounted one is a copy of still has that login.

    It is looked at only in a pod whose service account may: nobody needs to give it that right.
    """
    origin = evidence.description.origin
    if origin is None:
        return skipped(NO_COPY)
    pod = Pod.known(os.environ)
    if pod is None:
        return skipped(UNSEEN.format(origin=origin, reason=NO_ACCOUNT))
    try:
        login = _login(asyncio.run(_read(pod, origin)))
    except (ClusterError, ConfigurationError, msgspec.ValidationError, TimeoutError) as error:
        reason = str(error) if isinstance(error, ClusterError) else "it cannot be read"
        return skipped(UNSEEN.format(origin=origin, reason=reason))
    if evidence.description.has_login(*login):
        return ok(f"{origin.place}, which it is a copy of, has the same login")
    return warning(STALE.format(origin=origin), remedy_of_copy(origin))


def remedy_of_copy(origin: Origin) -> str:
    """Say how a copy becomes as its source is."""
    if origin.is_followed:
        return "the log of its follower says why it was not copied; to mount it takes a minute more"
    return "make the copy anew ('pinakes secret from')"


async def _read(pod: Pod, origin: Origin) -> Document:
    async with asyncio.timeout(SECONDS):
        return await ApiServer(pod).get(SecretReference(origin.namespace, origin.name))


def _login(document: Document) -> tuple[str | None, str | None]:
    """Return user and password; a resourceVersion alone tells nothing, every label changes it."""
    data = msgspec.convert(document, _Source).data
    files = {key: value for key, value in data.items() if key in KEYS}
    values = secret_source(Secret(Path("source"), files), Trust).values
    return values.get("user"), values.get("password")
