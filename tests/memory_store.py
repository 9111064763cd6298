"""The catalogue in a dictionary: the one fake, proven by the suite that PostgreSQL passes.

It is the oracle too: ``matches`` says in plain Python what a condition means.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cmp_to_key
from typing import assert_never

from pinakes.catalog.access import Projects
from pinakes.catalog.errors import ModelAlreadyExists, ModelNotFound
from pinakes.catalog.listing import (
    Direction,
    ModelListing,
    ModelPage,
    Order,
    Position,
    RuntimeListing,
    RuntimePage,
    text_of,
)
from pinakes.catalog.model import Model, ModelKey
from pinakes.catalog.revision import Change, Revision, Verb
from pinakes.catalog.runtime import RuntimeMetadata, RuntimeRecord
from pinakes.catalog.stored import stored_model
from pinakes.query.conditions import (
    Both,
    Column,
    Comparison,
    Condition,
    Either,
    Field,
    Metric,
    Operator,
    Tag,
)


class MemoryStore:
    """Keeps everything until it is dropped."""

    def __init__(self) -> None:
        self._models: dict[ModelKey, Model] = {}
        self._revisions: dict[ModelKey, list[Revision]] = {}
        self._records: list[RuntimeRecord] = []

    async def check(self) -> Sequence[str]:
        return ()

    async def create_model(self, model: Model, change: Change) -> None:
        if model.key in self._models:
            raise ModelAlreadyExists(model.uri, model.project)
        self._write(model.key, replace(model, creation_time=datetime.now(UTC)), Verb.CREATE, change)

    async def update_model(self, model: Model, change: Change) -> None:
        before = self._existing(model.key)
        after = replace(model, creation_time=before.creation_time)
        self._write(model.key, after, Verb.UPDATE, change)

    async def delete_model(self, key: ModelKey, change: Change) -> None:
        self._existing(key)
        self._write(key, None, Verb.DELETE, change)

    async def list_models(self, listing: ModelListing) -> ModelPage:
        found = [
            model
            for model in self._models.values()
            if _is_among(listing.projects, model.project)
            and (listing.condition is None or matches(listing.condition, model))
        ]
        found.sort(key=cmp_to_key(lambda one, other: _compare(listing, one, other)))
        behind = [model for model in found if _is_behind(listing, model)]
        return ModelPage(
            [*map(stored_model, behind[: listing.size])], more=len(behind) > listing.size
        )

    async def list_revisions(self, key: ModelKey) -> Sequence[Revision]:
        return list(self._revisions.get(key, []))

    async def record_runtime(self, runtime: RuntimeMetadata) -> None:
        for index, record in enumerate(self._records):
            if record.runtime.key == runtime.key:
                since = record.runtime.creation_time
                known = replace(runtime, creation_time=since)
                self._records[index] = replace(record, runtime=known)
                return
        recorded = replace(runtime, creation_time=datetime.now(UTC))
        self._records.append(RuntimeRecord(recorded, None))

    async def list_runtime(self, listing: RuntimeListing) -> RuntimePage:
        behind = [
            replace(record, model=self._models.get(_model_key(record.runtime)))
            for record in sorted(self._records, key=lambda record: record.runtime.key)
            if record.runtime.key > (listing.after or ()) and _is_asked_for(listing, record.runtime)
        ]
        return RuntimePage(behind[: listing.size], more=len(behind) > listing.size)

    def _existing(self, key: ModelKey) -> Model:
        if key not in self._models:
            raise ModelNotFound(key.uri, key.project)
        return self._models[key]

    def _write(self, key: ModelKey, after: Model | None, verb: Verb, change: Change) -> None:
        before = self._models.pop(key, None)
        if after is not None:
            self._models[key] = after
        revision = Revision(
            change=change, verb=verb, before=before, after=after, changed_at=datetime.now(UTC)
        )
        self._revisions.setdefault(key, []).append(revision)


def matches(condition: Condition, model: Model) -> bool:
    """Say whether a model meets a condition."""
    match condition:
        case Comparison(field, operator, value):
            actual = _value(field, model)
            return actual is not None and _holds(actual, operator, value)
        case Both(left, right):
            return matches(left, model) and matches(right, model)
        case Either(left, right):
            return matches(left, model) or matches(right, model)
        case _:
            assert_never(condition)


def _value(field: Field, model: Model) -> str | float | None:
    match field:
        case Column():
            return text_of(stored_model(model), field)
        case Tag(key):
            return model.tags.get(key)
        case Metric(key):
            return model.metrics.get(key)
        case _:
            assert_never(field)


def _holds(actual: str | float, operator: Operator, value: str | float) -> bool:
    if isinstance(actual, str):
        assert isinstance(value, str)
        return _text_holds(actual, operator, value)
    assert isinstance(value, float)
    return _order_holds((actual > value) - (actual < value), operator)


def _text_holds(actual: str, operator: Operator, value: str) -> bool:
    if operator is Operator.CONTAINS:
        return value in actual
    return _order_holds((actual > value) - (actual < value), operator)


def _order_holds(order: int, operator: Operator) -> bool:
    signs = {
        Operator.EQUAL: (0,),
        Operator.NOT_EQUAL: (-1, 1),
        Operator.LESS: (-1,),
        Operator.GREATER: (1,),
        Operator.AT_MOST: (-1, 0),
        Operator.AT_LEAST: (0, 1),
    }
    return order in signs[operator]


def _compare(listing: ModelListing, one: Model, other: Model) -> int:
    here, there = (listing.position_of(stored_model(model)) for model in (one, other))
    return _compare_positions(listing.order, here, there)


def _is_behind(listing: ModelListing, model: Model) -> bool:
    if listing.after is None:
        return True
    return (
        _compare_positions(listing.order, listing.position_of(stored_model(model)), listing.after)
        > 0
    )


def _compare_positions(order: Sequence[Order], one: Position, other: Position) -> int:
    for item, here, there in zip(order, one, other, strict=True):
        if here != there:
            is_behind = (here > there) == (item.direction is Direction.ASCENDING)
            return 1 if is_behind else -1
    return 0


def _model_key(runtime: RuntimeMetadata) -> ModelKey:
    return ModelKey(runtime.model_uri, runtime.project)


def _is_asked_for(listing: RuntimeListing, runtime: RuntimeMetadata) -> bool:
    wanted = (
        (listing.model_uri, runtime.model_uri),
        (listing.deployment_uid, runtime.deployment_uid),
        (listing.deployment_name, runtime.deployment_name),
        (listing.deployment_namespace, runtime.deployment_namespace),
        (listing.deployment_status, runtime.deployment_status),
        (listing.deployment_type, runtime.deployment_type),
        (listing.predictor_name, runtime.predictor_name),
        (listing.node_name, runtime.node_name),
    )
    return _is_among(listing.projects, runtime.project) and all(
        value is None or value == actual for value, actual in wanted
    )


def _is_among(projects: Projects, project: str) -> bool:
    return projects is None or project in projects
