"""A revision: who changed which model, when, through which door."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from uuid import UUID, uuid4

from pinakes.catalog.model import Model


class Verb(Enum):
    """What was done to a model."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Who asks for a change and how it came in, under an id that is made for this one change."""

    actor: str
    door: str
    request_id: str = ""
    id: UUID = field(default_factory=uuid4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One change of one model: the entry before it and after it, at the database's time."""

    change: Change
    verb: Verb
    before: Model | None
    after: Model | None
    changed_at: datetime
