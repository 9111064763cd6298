"""The tables of what has a key: how each is searched, filled, changed and emptied."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pinakes.catalog.model import Model
from pinakes.catalog.runtime import RuntimeMetadata
from pinakes.postgres import rows
from pinakes.postgres.rows import Row
from pinakes.postgres.transfer.order import Place

Entry = TypeVar("Entry", Model, RuntimeMetadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(Generic[Entry]):
    """One table: its key, its named statements, and how its rows are read and written."""

    kind: type[Entry]
    key: tuple[str, ...]
    """The columns of the key; a statement takes many keys as an array for each, in the plural."""
    find: str
    copy: str
    replace: str
    remove: str
    find_excess: str
    read: Callable[[Row], Entry]
    values_of: Callable[[Entry], dict[str, object]]
    place_of: Callable[[Entry], Place]

    def arrays_of(self, places: Sequence[Place]) -> dict[str, object]:
        """Return keys as a statement takes many of them."""
        columns = zip(*places, strict=True) if places else ((),) * len(self.key)
        return {f"{name}s": list(column) for name, column in zip(self.key, columns, strict=True)}

    def bound_of(self, prefix: str, place: Place | None) -> dict[str, object]:
        """Return a key as the end of a range of keys; None is a range without end."""
        values = place or (None,) * len(self.key)
        return {f"{prefix}_{name}": value for name, value in zip(self.key, values, strict=True)}

    def before_all(self) -> Place:
        """Return what is before every key: no entry has an empty project."""
        return ("",) * len(self.key)


MODELS = Table(
    kind=Model,
    key=("uri", "project"),
    find="find_models",
    copy="copy_models",
    replace="replace_model",
    remove="remove_models",
    find_excess="find_excess_models",
    read=rows.model_of,
    values_of=rows.values_of_model,
    place_of=lambda model: (model.uri, model.project),
)

RUNTIME = Table(
    kind=RuntimeMetadata,
    key=("deployment_uid", "predictor_name", "node_name", "model_uri", "project"),
    find="find_runtime",
    copy="copy_runtime",
    replace="replace_runtime",
    remove="remove_runtime",
    find_excess="find_excess_runtime",
    read=rows.runtime_of,
    values_of=rows.values_of_runtime,
    place_of=lambda runtime: runtime.key,
)
