"""What may be asked of the catalogue: listings, their order, and a page of what they find."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from pinakes.catalog.access import Projects
from pinakes.catalog.model import Model
from pinakes.catalog.runtime import DeploymentStatus, DeploymentType, RuntimeRecord
from pinakes.catalog.stored import StoredModel, whole_model
from pinakes.query.conditions import Column, Condition

DEFAULT_PAGE_SIZE = 1000
MAX_PAGE_SIZE = 5000

PAGE_BYTES = 8 * 1024 * 1024
"""A page ends before its answer outgrows this, though never before its first entry."""


class Direction(Enum):
    """Which way a field is ordered."""

    ASCENDING = "asc"
    DESCENDING = "desc"


@dataclass(frozen=True, slots=True)
class Order:
    """Order by one field; text is ordered by code point."""

    column: Column
    direction: Direction = Direction.ASCENDING


Position = tuple[str, ...]
"""Where a page ended: what its last entry holds in the fields of the order."""


def total_order(wanted: Sequence[Order]) -> tuple[Order, ...]:
    """Complete what was wanted, so that no two models are equal in it.

    URI and project follow where they are not yet named, in the direction of the last item.
    """
    direction = wanted[-1].direction if wanted else Direction.ASCENDING
    named = {item.column for item in wanted}
    ties = [Order(column, direction) for column in (Column.URI, Column.PROJECT)]
    return (*wanted, *(tie for tie in ties if tie.column not in named))


BY_URI = total_order(())
"""The order where none is wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelListing:
    """Models that meet ``condition``, in ``order``: those behind ``after``, ``size`` at most.

    Only those of ``projects`` are ever looked at.
    """

    condition: Condition | None = None
    projects: Projects = None
    order: tuple[Order, ...] = BY_URI
    after: Position | None = None
    size: int = DEFAULT_PAGE_SIZE

    def position_of(self, model: StoredModel) -> Position:
        """Say where ``model`` stands in this listing."""
        return tuple(text_of(model, item.column) for item in self.order)


@dataclass(frozen=True, slots=True)
class ModelPage:
    """Models of a listing as they are stored; ``more`` says whether others follow."""

    stored: Sequence[StoredModel]
    more: bool

    @property
    def models(self) -> list[Model]:
        """The models, put together."""
        return [*map(whole_model, self.stored)]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeListing:
    """Runtime metadata equal in every field that is given; None matches everything.

    Only that of ``projects`` is ever looked at, and so only models of these are beside it.
    """

    projects: Projects = None
    model_uri: str | None = None
    deployment_uid: str | None = None
    deployment_name: str | None = None
    deployment_namespace: str | None = None
    deployment_status: DeploymentStatus = DeploymentStatus.RUNNING
    deployment_type: DeploymentType | None = None
    predictor_name: str | None = None
    node_name: str | None = None
    after: Position | None = None
    size: int = DEFAULT_PAGE_SIZE


@dataclass(frozen=True, slots=True)
class RuntimePage:
    """Records of a listing, by their keys; ``more`` says whether others follow."""

    records: Sequence[RuntimeRecord]
    more: bool


TEXTS: Mapping[Column, Callable[[StoredModel], str | None]] = {
    Column.URI: lambda model: model.uri,
    Column.NAME: lambda model: model.name,
    Column.VERSION: lambda model: model.version,
    Column.PROJECT: lambda model: model.project,
    Column.ARTIFACT_TYPE: lambda model: model.artifact_type,
    Column.TASK_TYPE: lambda model: model.task_type,
    Column.DEFAULT_PROTOCOL: lambda model: model.default_protocol,
}


def text_of(model: StoredModel, column: Column) -> str:
    """Read a column of a model, as the text that it is compared and ordered by."""
    return TEXTS[column](model) or ""
