"""The parameters of a request: ``?tags[k]=v&query=...&pageSize=...`` becomes a listing."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce
from typing import TypeVar
from urllib.parse import unquote_to_bytes

from pinakes.catalog.listing import (
    BY_URI,
    DEFAULT_PAGE_SIZE,
    MAX_PAGE_SIZE,
    Direction,
    ModelListing,
    Order,
    RuntimeListing,
    total_order,
)
from pinakes.catalog.model import DEFAULT_PROJECT, ArtifactType, DefaultProtocol, ModelKey
from pinakes.catalog.runtime import DeploymentStatus, DeploymentType
from pinakes.query.conditions import Both, Column, Comparison, Condition, Operator
from pinakes.query.fields import MAPS, column_named, compare
from pinakes.query.parser import MAX_COMPARISONS, parse
from pinakes.wire.choices import (
    ARTIFACT_TYPES,
    DEFAULT_PROTOCOLS,
    DEPLOYMENT_STATUSES,
    DEPLOYMENT_TYPES,
)
from pinakes.wire.errors import BadRequest
from pinakes.wire.fields import read_integer
from pinakes.wire.page_tokens import read_token

INT32 = range(2**31)

RUNTIME_POSITION = 5
"""Texts in the key of runtime metadata."""

DIRECTIONS = {direction.value: direction for direction in Direction}

TEXT_FILTERS = {
    "URI": Column.URI,
    "name": Column.NAME,
    "version": Column.VERSION,
    "taskType": Column.TASK_TYPE,
    "project": Column.PROJECT,
}
"""The simple filters that compare text, each an equality."""

CHOICE_FILTERS: Mapping[str, tuple[Column, Mapping[str, ArtifactType | DefaultProtocol]]] = {
    "artifactType": (Column.ARTIFACT_TYPE, ARTIFACT_TYPES),
    "defaultProtocol": (Column.DEFAULT_PROTOCOL, DEFAULT_PROTOCOLS),
}
"""Those that compare an enum."""

Choice = TypeVar("Choice")


class Parameters:
    """The decoded parameters of one request.

    Of a parameter that is given several times the last counts, an empty one counts as absent, an
    unknown one is ignored. Raises BadRequest for NUL and for what is not UTF-8.
    """

    def __init__(self, query_string: bytes) -> None:
        self._values: dict[str, str] = {}
        for pair in query_string.split(b"&"):
            encoded_name, _, encoded = pair.partition(b"=")
            name = _decode(encoded_name, "the name of a parameter")
            self._values[name] = _decode(encoded, name)
        if b"\0" in query_string or b"%00" in query_string:
            _refuse_nul(self._values)

    def text(self, name: str) -> str | None:
        """Return a parameter, None where it is absent or empty."""
        return self._values.get(name) or None

    def choice(self, name: str, choices: Mapping[str, Choice]) -> Choice | None:
        """Return an enum given by its name, None where it is absent."""
        text = self.text(name)
        return None if text is None else _read_choice(name, text, choices)

    def given(self) -> Sequence[tuple[str, str]]:
        """Return all names and texts, in the same order however they were given."""
        return sorted(self._values.items())


def read_model_key(parameters: Parameters) -> ModelKey:
    """Read what a delete names."""
    return ModelKey(
        uri=parameters.text("URI") or "",
        project=parameters.text("project") or DEFAULT_PROJECT,
    )


def read_model_listing(parameters: Parameters) -> ModelListing:
    """Read what a listing of models asks for; where there is a query the filters do not count."""
    query = parameters.text("query") or ""
    listing = ModelListing(
        condition=parse(query) if query.strip() else _read_filters(parameters),
        order=_read_order(parameters),
        size=_read_page_size(parameters),
    )
    token = parameters.text("pageToken")
    if token is None:
        return listing
    return replace(listing, after=read_token(token, len(listing.order), model_scope(listing)))


def read_runtime_listing(parameters: Parameters) -> RuntimeListing:
    """Read what a listing of runtime metadata asks for; without a status, for what runs now."""
    status = parameters.choice("DeploymentStatus", DEPLOYMENT_STATUSES)
    kind = parameters.choice("deploymentType", DEPLOYMENT_TYPES)
    listing = RuntimeListing(
        model_uri=parameters.text("ModelURI"),
        deployment_uid=parameters.text("DeploymentUID"),
        deployment_name=parameters.text("DeploymentName"),
        deployment_namespace=parameters.text("DeploymentNamespace"),
        deployment_status=status or DeploymentStatus.RUNNING,
        deployment_type=None if kind is DeploymentType.UNDEFINED else kind,
        predictor_name=parameters.text("PredictorName"),
        node_name=parameters.text("NodeName"),
        size=_read_page_size(parameters),
    )
    token = parameters.text("pageToken")
    if token is None:
        return listing
    return replace(listing, after=read_token(token, RUNTIME_POSITION, runtime_scope(listing)))


def model_scope(listing: ModelListing) -> ModelListing:
    """Return what every page of a listing of models has in common."""
    return replace(listing, after=None, size=0)


def runtime_scope(listing: RuntimeListing) -> RuntimeListing:
    """Return what every page of a listing of runtime metadata has in common."""
    return replace(listing, after=None, size=0)


def read_mask(parameters: Parameters, names: Mapping[str, str]) -> frozenset[str]:
    """Read which fields to show, by their JSON names; without a mask, all of them."""
    text = (parameters.text("listMask") or "").strip()
    if not text:
        return frozenset(names.values())
    return frozenset(_read_mask_item(item.strip(), names) for item in text.split(","))


def _read_mask_item(item: str, names: Mapping[str, str]) -> str:
    if item not in names:
        raise BadRequest("listMask", f"unknown field {item!r}, there are {_listed(names)}")
    return names[item]


def _read_filters(parameters: Parameters) -> Condition | None:
    read = [_read_filter(name, text) for name, text in parameters.given()]
    comparisons = [comparison for comparison in read if comparison]
    if len(comparisons) > MAX_COMPARISONS:
        raise BadRequest("", f"expected at most {MAX_COMPARISONS} filters")
    return reduce(Both, comparisons) if comparisons else None


def _read_filter(name: str, text: str) -> Comparison | None:
    """Read a parameter as an equality; None where it is no filter, or filters nothing."""
    if column := TEXT_FILTERS.get(name):
        return Comparison(column, Operator.EQUAL, text) if text else None
    if name in CHOICE_FILTERS:
        return _read_choice_filter(name, text)
    map_name, bracket, rest = name.partition("[")
    if map_name not in MAPS:
        return None
    if not bracket or not rest.endswith("]"):
        raise BadRequest(name, f"expected {map_name}[key]")
    comparison = compare(MAPS[map_name](rest[:-1]), Operator.EQUAL, text)
    if comparison is None:
        raise BadRequest(name, "expected a finite number")
    return comparison


def _read_choice_filter(name: str, text: str) -> Comparison | None:
    """Read an enum; its zero value filters nothing."""
    column, choices = CHOICE_FILTERS[name]
    choice = _read_choice(name, text, choices) if text else None
    is_zero = choice in (None, ArtifactType.UNKNOWN, DefaultProtocol.UNKNOWN)
    return None if is_zero else Comparison(column, Operator.EQUAL, choice.value)


def _read_choice(name: str, text: str, choices: Mapping[str, Choice]) -> Choice:
    if text not in choices:
        raise BadRequest(name, f"unknown name, expected one of {', '.join(choices)}")
    return choices[text]


def _read_order(parameters: Parameters) -> tuple[Order, ...]:
    text = (parameters.text("orderBy") or "").strip()
    if not text:
        return BY_URI
    order = [_read_order_item(item) for item in text.split(",")]
    columns = [item.column for item in order]
    if len(set(columns)) < len(columns):
        raise BadRequest("orderBy", "names a field twice")
    return total_order(order)


def _read_order_item(item: str) -> Order:
    """``item := field ('asc' | 'desc')?``."""
    match item.split():
        case [name]:
            column, direction = column_named(name), Direction.ASCENDING
        case [name, way] if way.lower() in DIRECTIONS:
            column, direction = column_named(name), DIRECTIONS[way.lower()]
        case _:
            column, direction = None, Direction.ASCENDING
    if column is None:
        expected = "expected uri, name, version, project, artifact_type or task_type"
        raise BadRequest("orderBy", f"{expected}, and asc or desc behind it, got {item!r}")
    return Order(column, direction)


def _read_page_size(parameters: Parameters) -> int:
    text = parameters.text("pageSize")
    size = read_integer(text, "pageSize") if text else 0
    if size not in INT32:
        raise BadRequest("pageSize", "is negative, or more than 32 bits hold")
    return min(size or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)


def _decode(encoded: bytes, path: str) -> str:
    try:
        spaced = encoded.replace(b"+", b" ")
        return (unquote_to_bytes(spaced) if b"%" in spaced else spaced).decode()
    except UnicodeDecodeError as error:
        raise BadRequest(path, f"is not UTF-8: {error.reason}") from error


def _refuse_nul(values: Mapping[str, str]) -> None:
    """Refuse NUL, but in a query: its parser does, and shows where."""
    for name, value in values.items():
        if "\0" in name or ("\0" in value and name != "query"):
            raise BadRequest(name.replace("\0", r"\x00"), "has a NUL character")


def _listed(names: Mapping[str, str]) -> str:
    return ", ".join(dict.fromkeys(names.values()))
