"""What is asked of an import, and what came of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from pinakes.catalog.revision import Change, Verb
from pinakes.catalog.runtime import RuntimeMetadata
from pinakes.catalog.stored import StoredModel

Place = tuple[str, ...]
"""The key of an entry: what orders it among its kind."""


class Mode(Enum):
    """What becomes of what was there before."""

    MERGE = "merge"
    """What differs is updated, and the rest is left alone."""
    REPLACE = "replace"
    """What does not come is deleted as well."""


@dataclass(frozen=True, slots=True)
class Difference:
    """An entry that is not what it should be: what is done to it, and in which fields."""

    verb: Verb
    kind: type[StoredModel | RuntimeMetadata]
    place: Place
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """How to import and by whom; one that is dry changes nothing."""

    change: Change
    mode: Mode
    is_dry: bool
    on_difference: Callable[[Difference], None]


@dataclass(slots=True)
class Count:
    """What became of the entries of one kind."""

    created: int = 0
    updated: int = 0
    deleted: int = 0
    unchanged: int = 0


@dataclass(slots=True)
class Outcome:
    """What became of everything; a revision that was there already is unchanged."""

    revisions: Count = field(default_factory=Count)
    models: Count = field(default_factory=Count)
    runtime: Count = field(default_factory=Count)
    told: int = 0
    """How many revisions the import has added of its own."""
