"""The suite of filters: every comparison of the language on every field, and some of their joins.

A case is written as a person writes a query. Its class says what issue of speed it is held to.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import product

from pinakes.catalog.model import Model
from pinakes.query.conditions import Operator


class Held(Enum):
    """What a case is held to."""

    NOTHING_MATCHES = "nothing matches"
    SOMETHING_MATCHES = "something matches"
    ANYTHING_ELSE = "anything else"


MOST_MS: Mapping[Held, tuple[float, float]] = {
    Held.NOTHING_MATCHES: (5, 2),
    Held.SOMETHING_MATCHES: (50, 15),
    Held.ANYTHING_ELSE: (1000, 200),
}
"""What a case may take at a million models, and what it should."""


@dataclass(frozen=True, slots=True)
class Case:
    """A listing, and what it is held to."""

    name: str
    parameters: Mapping[str, str]
    held: Held


ABOVE_ALL, BELOW_ALL, NOWHERE = "~~~~", '""', "no-such-thing"
COLUMNS = ("URI", "name", "version", "project", "artifact_type", "task_type")

NOTHING: Mapping[Operator, str] = {
    Operator.EQUAL: NOWHERE,
    Operator.LESS: BELOW_ALL,
    Operator.GREATER: ABOVE_ALL,
    Operator.AT_LEAST: ABOVE_ALL,
    Operator.CONTAINS: NOWHERE,
}
"""What each operator finds nothing by, in a text that is never empty."""

COMMON = {
    "project": "project-00",
    "artifact_type": "SKLEARN",
    "task_type": "classification",
    "version": "1.2.0",
    "tags[env]": "prod",
    "tags[team]": "risk",
}
"""Values of fields that many models share."""

METRICS: Mapping[Operator, tuple[str, str]] = {
    Operator.EQUAL: ("0.87", "0.123456789"),
    Operator.NOT_EQUAL: ("0.87", ""),
    Operator.LESS: ("0.8", "-1"),
    Operator.GREATER: ("0.95", "2"),
    Operator.AT_MOST: ("0.8", "-1"),
    Operator.AT_LEAST: ("0.95", "2"),
}
"""Of the metric ``accuracy``: by what each operator finds something, and by what nothing."""

PARTS = {"few letters": "qx", "a rare part": "-00017", "a common part": "fraud"}
PARTS_OF_URIS = ("prod/risk/", "research-models", "ml-artifacts/risk")
"""What many URIs have, all of them together: near the first, behind a quarter, near the last."""

TOLD_BY_URI = ("tags[team]=risk", "tags[team] != ads", "URI > gs://research-models/risk")
TOLD_BY_ORDER = "tags[framework]=pytorch"
"""Of models that are sorted by their type, this tag is that of those in their midst alone."""

JOINS_OF_NOTHING = (
    "tags[env]=prod AND metrics[accuracy] > 2",
    "project=project-00 AND name % no-such-thing",
    "project=project-00 AND tags[env]=prod AND task_type=classification AND metrics[f1] > 2",
    "metrics[accuracy] > 2 OR metrics[f1] > 2",
    "name=no-such-thing OR tags[team]=no-such-team OR metrics[accuracy] < -1 OR project=nowhere",
    "(metrics[accuracy] > 2 OR tags[ticket]=none) AND (name % no-such-thing OR version=none)",
    "tags[env]=prod AND (tags[ticket]=none OR metrics[latency_ms] < 0)",
)
JOINS_OF_SOMETHING = (
    "tags[env]=prod AND metrics[accuracy] > 0.985",
    "tags[env]=prod AND tags[team]=risk",
    "project=project-00 AND tags[env]=prod AND task_type=classification AND metrics[accuracy]>0.9",
    "tags[gdpr]=reviewed AND metrics[accuracy] > 0.9",
    "metrics[drift] > 45 OR tags[gdpr]=reviewed",
    "name % -00017 AND tags[env]=dev",
    "tags[ticket]=ML-100 OR tags[ticket]=ML-200 OR tags[ticket]=ML-300 OR metrics[drift] > 60",
    "(tags[gdpr]=reviewed AND project=project-00) OR (metrics[drift] > 45 AND tags[env]=prod)",
)
JOINS_BEYOND = (
    "(tags[gdpr]=reviewed OR metrics[drift] > 45) AND (project=project-00 OR tags[env]=prod)",
    "metrics[accuracy] > 0.9 OR tags[env]=staging OR project=project-03 OR name % fraud",
    "tags[env]=prod OR metrics[accuracy] > 2",
    " AND ".join(f"tags[owner]!=user{number:04}" for number in range(8)),
    " OR ".join(f"metrics[accuracy]={number}.5" for number in range(2, 14)),
    " OR ".join(f"name % no-such-{number}" for number in range(12)),
)


def cases(known: Model) -> list[Case]:
    """Return every case; ``known`` is a model that the catalogue holds."""
    return [
        *_of_columns(known),
        *_of_tags(),
        *_of_metrics(),
        *_of_parts(),
        *(_query(text, Held.NOTHING_MATCHES) for text in JOINS_OF_NOTHING),
        *(_query(text, Held.SOMETHING_MATCHES) for text in JOINS_OF_SOMETHING),
        *(_query(text, Held.ANYTHING_ELSE) for text in JOINS_BEYOND),
        *_ordered(),
    ]


def _of_columns(known: Model) -> Iterator[Case]:
    values = {**COMMON, "URI": known.uri, "name": known.name}
    for column in COLUMNS:
        yield from _of_text(column, values[column])


def _of_tags() -> Iterator[Case]:
    for tag in ("tags[env]", "tags[team]"):
        yield from _of_text(tag, COMMON[tag])
    yield _query("tags[ticket]=ML-100", Held.SOMETHING_MATCHES)
    for operator in Operator:
        yield _query(f"tags[absent] {operator.value} x", Held.NOTHING_MATCHES)


def _of_text(field: str, value: str) -> Iterator[Case]:
    for operator in Operator:
        yield _query(f"{field} {operator.value} {value}", Held.SOMETHING_MATCHES)
        if operator in NOTHING:
            yield _query(f"{field} {operator.value} {NOTHING[operator]}", Held.NOTHING_MATCHES)


def _of_metrics() -> Iterator[Case]:
    for operator, (something, nothing) in METRICS.items():
        yield _query(f"metrics[accuracy] {operator.value} {something}", Held.SOMETHING_MATCHES)
        if nothing:
            yield _query(f"metrics[accuracy] {operator.value} {nothing}", Held.NOTHING_MATCHES)
        yield _query(f"metrics[absent] {operator.value} 1", Held.NOTHING_MATCHES)
    yield _query("metrics[drift] > 45", Held.SOMETHING_MATCHES)


def _of_parts() -> Iterator[Case]:
    for field in ("name", "URI"):
        yield _query(f"{field} % {PARTS['few letters']}", Held.NOTHING_MATCHES)
        for part in ("a rare part", "a common part"):
            yield _query(f"{field} % {PARTS[part]}", Held.SOMETHING_MATCHES)
    for part in PARTS_OF_URIS:
        yield _query(f"URI % {part}", Held.SOMETHING_MATCHES)


def _ordered() -> Iterator[Case]:
    """Order by each field and way: everything, what is rare, nowhere, common, and far away."""
    for column, way in product(COLUMNS, ("asc", "desc")):
        order = f"{column} {way}"
        yield Case(f"orderBy {order}", {"orderBy": order}, Held.SOMETHING_MATCHES)
        for query, held in (
            ("metrics[accuracy] > 2", Held.NOTHING_MATCHES),
            ("tags[gdpr]=reviewed", Held.SOMETHING_MATCHES),
            ("tags[env]=prod", Held.SOMETHING_MATCHES),
            *((told, Held.SOMETHING_MATCHES) for told in (*TOLD_BY_URI, TOLD_BY_ORDER)),
        ):
            name = f"{query}, orderBy {order}"
            yield Case(name, {"query": query, "orderBy": order}, held)


def _query(text: str, held: Held) -> Case:
    return Case(text, {"query": text}, held)
