"""The tables of what has a key: how each is searched, filled, changed and emptied."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Generic, TypeVar

import msgspec

from pinakes.catalog.runtime import RuntimeMetadata
from pinakes.catalog.stored import StoredModel
from pinakes.postgres import rows
from pinakes.postgres.statement import Row
from pinakes.postgres.transfer.order import Place

Entry = TypeVar("Entry", StoredModel, RuntimeMetadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(Generic[Entry]):
    """One table: its key, its named statements, and how its rows are read and written."""

    kind: type[Entry]
    key: tuple[str, ...]
    """The columns of the key."""
    find: str
    copy: str
    replace: str
    remove: str
    find_excess: str
    read: Callable[[Row], Entry]
    fields: tuple[str, ...]
    """What an entry consists of, by the names of its attributes."""
    values_of: Callable[[Entry], dict[str, object]]
    """The columns of an entry, the creation time at the end."""
    place_of: Callable[[Entry], Place]

    def keys_of(self, places: Sequence[Place]) -> dict[str, object]:
        """Return keys as a statement takes many of them."""
        return keys_of(self.key, places)

    def bound_of(self, prefix: str, place: Place | None) -> dict[str, object]:
        """Return a key as the end of a range of keys; None is a range without end."""
        values = place or (None,) * len(self.key)
        return {f"{prefix}_{name}": value for name, value in zip(self.key, values, strict=True)}

    def before_all(self) -> Place:
        """Return what is before every key: no entry has an empty project."""
        return ("",) * len(self.key)


def keys_of(names: Sequence[str], places: Sequence[Sequence[object]]) -> dict[str, object]:
    """Return many keys as one value: JSON costs a fraction of what psycopg's arrays do."""
    keys = [dict(zip(names, place, strict=True)) for place in places]
    return {"keys": msgspec.json.encode(keys).decode()}


MODELS = Table(
    kind=StoredModel,
    key=("uri", "project"),
    find="find_models",
    copy="copy_models",
    replace="replace_model",
    remove="remove_models",
    find_excess="find_excess_models",
    read=rows.stored_model_of,
    fields=StoredModel._fields,
    values_of=rows.values_of_stored_model,
    place_of=lambda model: model.key,
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
    fields=tuple(one.name for one in fields(RuntimeMetadata)),
    values_of=rows.values_of_stored_runtime,
    place_of=lambda runtime: runtime.key,
)
