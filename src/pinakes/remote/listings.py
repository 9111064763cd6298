"""The listings of another server: models first, then runtime metadata of every status."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar

import msgspec

from pinakes.catalog.runtime import DeploymentStatus, RuntimeMetadata
from pinakes.catalog.stored import StoredModel
from pinakes.remote.server import NothingThere, RemoteError, RemoteServer
from pinakes.wire.errors import BadRequest
from pinakes.wire.fields import Fields
from pinakes.wire.portable.lines import read_listed_model, read_listed_runtime

PAGE_SIZE = 1000

MAX_TOLD = 20
"""So many entries that are refused are named; the others are counted."""

Entry = TypeVar("Entry")


class Listing(Enum):
    """What is read, in this order; runtime metadata is listed by its status only."""

    MODELS = "models"
    RUNNING = DeploymentStatus.RUNNING.value
    STOPPED = DeploymentStatus.STOPPED.value
    UNKNOWN = DeploymentStatus.UNKNOWN.value


@dataclass(frozen=True, slots=True)
class Place:
    """Where a listing goes on: the token of a page, empty for the first one."""

    listing: Listing
    token: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """What stands on a page, and where it goes on; nowhere at the end of everything."""

    models: Sequence[StoredModel] = ()
    runtime: Sequence[RuntimeMetadata] = ()
    next: Place | None = None


@dataclass(slots=True)
class _Refusals:
    told: list[str] = field(default_factory=list[str])
    count: int = 0

    def add(self, told: str) -> None:
        self.count += 1
        if self.count <= MAX_TOLD:
            self.told.append(told)

    def check(self) -> None:
        """Raise RemoteError where there are any."""
        if self.count:
            more = [f"and {self.count - MAX_TOLD} more"] if self.count > MAX_TOLD else []
            raise RemoteError(
                "\n".join(["the page has entries that cannot be kept here:", *self.told, *more])
            )


async def read_page(server: RemoteServer, place: Place) -> Page:
    """Read the page at a place. Raises RemoteError, which names each entry that is not valid."""
    if place.listing is Listing.MODELS:
        answer = await _ask(server, "/model/metadata", {}, place)
        models = _read_each(answer, "models", read_listed_model, _name_of_model)
        unique = {model.key: model for model in models}
        return Page(models=[unique[key] for key in sorted(unique)], next=_next(answer, place))
    status = {"DeploymentStatus": place.listing.value}
    try:
        answer = await _ask(server, "/model/metadata/runtime", status, place)
    except NothingThere:
        return Page()  # an old server knows models alone
    runtime = _read_each(answer, "runtimeMetadata", read_listed_runtime, _name_of_runtime)
    return Page(runtime=[*{one.key: one for one in runtime}.values()], next=_next(answer, place))


async def _ask(
    server: RemoteServer, path: str, parameters: Mapping[str, str], place: Place
) -> Fields:
    paging = {"pageSize": str(PAGE_SIZE)} | ({"pageToken": place.token} if place.token else {})
    body = await server.get(path, {**parameters, **paging})
    try:
        return Fields(msgspec.json.decode(body or b"{}"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, BadRequest) as error:
        raise RemoteError(f"the answer of {path} is no listing") from error


def _read_each(
    answer: Fields,
    name: str,
    read: Callable[[object], Entry],
    name_of: Callable[[object], str],
) -> list[Entry]:
    entries: list[Entry] = []
    refusals = _Refusals()
    for value in _list_of(answer, name):
        try:
            entries.append(read(value))
        except BadRequest as error:
            refusals.add(f"{name_of(value)}: {error}")
    refusals.check()
    return entries


def _list_of(answer: Fields, name: str) -> list[object]:
    try:
        return answer.list_of(name, lambda value, _: value)
    except BadRequest as error:
        raise RemoteError(f"the answer is no listing: {error}") from error


def _next(answer: Fields, place: Place) -> Place | None:
    """Say where to go on: at the next page, else with the next listing."""
    try:
        token = answer.text("nextPageToken")
    except BadRequest as error:
        raise RemoteError(f"the answer is no listing: {error}") from error
    if token and token == place.token:
        raise RemoteError("the server gives the same page token again, so its listing has no end")
    if token:
        return Place(place.listing, token)
    listings = list(Listing)
    following = listings[listings.index(place.listing) + 1 :]
    return Place(following[0]) if following else None


def _name_of_model(value: object) -> str:
    return f"model {_text(value, 'URI', 'uri')!r} in project {_text(value, 'project')!r}"


def _name_of_runtime(value: object) -> str:
    name = _text(value, "deploymentName", "deployment_name")
    return f"runtime metadata of deployment {name!r}"


def _text(value: object, *names: str) -> str:
    """Return a field of what may be anything, for a person to recognise it by."""
    if not isinstance(value, dict):
        return ""
    known = msgspec.convert(value, dict[str, object])
    return next((str(known[name]) for name in names if known.get(name)), "")
