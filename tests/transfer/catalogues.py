"""Strategies: what may have happened to a catalogue."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC

import msgspec
from hypothesis import strategies as st

from conditions import models, texts
from pinakes.catalog.errors import ModelAlreadyExists, ModelNotFound
from pinakes.catalog.model import Model, ModelKey
from pinakes.catalog.revision import Change, Verb
from pinakes.catalog.runtime import DeploymentStatus, DeploymentType, RuntimeMetadata
from pinakes.catalog.store import Store
from pinakes.catalog.stored import StoredRevision, stored_model
from pinakes.wire.prediction_schema import DATA_TYPES, FEATURE_TYPES, read_prediction_schema
from pinakes.wire.runtime import fields_of_runtime

letters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")


@dataclass(frozen=True)
class Write:
    """A model that is written, by a create or else by an update."""

    model: Model
    actor: str


@dataclass(frozen=True)
class Delete:
    key: ModelKey
    actor: str


Event = Write | Delete | RuntimeMetadata


def features() -> st.SearchStrategy[dict[str, object]]:
    columns = st.fixed_dictionaries(
        {"name": st.text(letters, min_size=1, max_size=3)},
        optional={"dataType": st.sampled_from(DATA_TYPES)},
    )
    return st.fixed_dictionaries(
        {"name": st.text(letters, min_size=1, max_size=5), "type": st.sampled_from(FEATURE_TYPES)},
        optional={
            "dataType": st.sampled_from(DATA_TYPES),
            "nCategories": st.integers(0, 2**63 - 1),
            "categoryMap": st.dictionaries(st.text(letters, max_size=3), texts(), max_size=3),
            "schema": st.lists(columns, max_size=2),
            "shape": st.lists(st.integers(-(2**63), 2**63 - 1), max_size=3),
        },
    )


def schemas() -> st.SearchStrategy[object]:
    some = st.lists(features(), min_size=1, max_size=2)
    return st.fixed_dictionaries({"requests": some, "responses": some})


def whole_models() -> st.SearchStrategy[Model]:
    """Return models with and without a prediction schema, some with any letters at all."""
    return st.builds(
        lambda model, schema, name: replace(
            model,
            name=name,
            prediction_schema=schema and read_prediction_schema(schema, "predictionSchema"),
        ),
        models(),
        st.none() | schemas(),
        st.text(letters, max_size=5),
    )


def runtime() -> st.SearchStrategy[RuntimeMetadata]:
    return st.builds(
        RuntimeMetadata,
        model_uri=st.sampled_from(["a", "b"]),
        project=st.sampled_from(["default", "a"]),
        deployment_name=texts(),
        deployment_namespace=texts(),
        deployment_uid=texts(),
        deployment_type=st.sampled_from(DeploymentType),
        deployment_status=st.sampled_from(DeploymentStatus),
        predictor_name=texts(),
        node_name=texts(),
        traffic=st.integers(-(2**63), 2**63 - 1),
        replicas=st.integers(0, 9),
        shadow=st.booleans(),
        explainer=st.booleans(),
    )


def events() -> st.SearchStrategy[list[Event]]:
    actors = st.text(letters, max_size=4)
    writes = st.builds(Write, whole_models(), actors)
    deletes = st.builds(
        Delete,
        st.builds(ModelKey, st.text("abAB", min_size=1, max_size=1), st.just("default")),
        actors,
    )
    return st.lists(writes | deletes | runtime(), max_size=12)


async def happen(store: Store, several: Sequence[Event]) -> None:
    """Let events happen to a store."""
    for event in several:
        match event:
            case Write(model, actor):
                await _write(store, model, Change(actor=actor, door="test", request_id=actor))
            case Delete(key, actor):
                await _delete(store, key, Change(actor=actor, door="test"))
            case RuntimeMetadata():
                await store.record_runtime(event)


async def _write(store: Store, model: Model, change: Change) -> None:
    try:
        await store.create_model(model, change)
    except ModelAlreadyExists:
        await store.update_model(model, change)


async def _delete(store: Store, key: ModelKey, change: Change) -> None:
    with suppress(ModelNotFound):
        await store.delete_model(key, change)


@st.composite
def revisions(draw: st.DrawFn) -> StoredRevision:
    """Return revisions of each verb, at any time."""
    times = st.datetimes(timezones=st.just(UTC))
    verb = draw(st.sampled_from(Verb))
    before, after = (
        replace(draw(whole_models()), uri="gs://a", creation_time=draw(times)) for _ in range(2)
    )
    return StoredRevision(
        verb=verb.value,
        uri="gs://a",
        project=before.project,
        before=None if verb is Verb.CREATE else past(before),
        after=None if verb is Verb.DELETE else past(replace(after, project=before.project)),
        change_id=str(draw(st.uuids())),
        actor=draw(st.text(letters, max_size=4)),
        door="test",
        request_id=draw(st.text(letters, max_size=4)),
        changed_at=draw(times),
    )


def past(model: Model) -> bytes:
    """Return what history keeps of a model."""
    row = stored_model(model)._asdict()
    return msgspec.json.encode(row | {"prediction_schema": _raw(model.prediction_schema)})


def line_of_revision(revision: StoredRevision) -> bytes:
    return msgspec.json.encode(
        {
            "revision": {
                "id": revision.change_id,
                "verb": revision.verb,
                "actor": revision.actor,
                "door": revision.door,
                "requestId": revision.request_id,
                "changedAt": revision.changed_at,
                "before": _raw(revision.before),
                "after": _raw(revision.after),
            }
        }
    )


def line_of_runtime(runtime: RuntimeMetadata) -> bytes:
    fields = dict(fields_of_runtime(runtime)) | {"project": runtime.project}
    return msgspec.json.encode({"runtimeMetadata": fields})


def _raw(text: bytes | None) -> msgspec.Raw:
    return msgspec.Raw(text or b"null")
