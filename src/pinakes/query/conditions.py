"""What a query means: comparisons joined by AND and OR, as a typed tree."""

from dataclasses import dataclass
from enum import Enum


class Operator(Enum):
    """How a field is compared; the value is its spelling in the language."""

    EQUAL = "="
    NOT_EQUAL = "!="
    LESS = "<"
    GREATER = ">"
    AT_MOST = "<="
    AT_LEAST = ">="
    CONTAINS = "%"


class Column(Enum):
    """A field that every model has, all of them text."""

    URI = "uri"
    NAME = "name"
    VERSION = "version"
    PROJECT = "project"
    ARTIFACT_TYPE = "artifact_type"
    TASK_TYPE = "task_type"
    DEFAULT_PROTOCOL = "default_protocol"


@dataclass(frozen=True, slots=True)
class Tag:
    """The text that a model may have under a key."""

    key: str


@dataclass(frozen=True, slots=True)
class Metric:
    """The number that a model may have under a key."""

    key: str


Field = Column | Tag | Metric


@dataclass(frozen=True, slots=True)
class Comparison:
    """One field held against one value: a float for a metric, text for all else.

    A model without the tag or the metric is never matched, whatever the operator. Text compares by
    code point. ``CONTAINS`` looks for a substring and is never asked of a metric.
    """

    field: Field
    operator: Operator
    value: str | float


@dataclass(frozen=True, slots=True)
class Both:
    """``left AND right``."""

    left: "Condition"
    right: "Condition"


@dataclass(frozen=True, slots=True)
class Either:
    """``left OR right``."""

    left: "Condition"
    right: "Condition"


Condition = Comparison | Both | Either
