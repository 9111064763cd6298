"""Rows to domain objects and back."""

from datetime import datetime

import msgspec

from pinakes.catalog.access import Projects
from pinakes.catalog.listing import ModelListing, RuntimeListing
from pinakes.catalog.model import Model, ModelKey
from pinakes.catalog.revision import Change, Revision, Verb
from pinakes.catalog.runtime import (
    DeploymentStatus,
    DeploymentType,
    RuntimeMetadata,
    RuntimeRecord,
)
from pinakes.catalog.stored import StoredModel, StoredRevision, whole_model
from pinakes.postgres.statement import Row

AFTER = (
    "after_deployment_uid",
    "after_predictor_name",
    "after_node_name",
    "after_model_uri",
    "after_project",
)
BEFORE_ALL = ("",) * len(AFTER)
"""Where a listing of runtime metadata begins: no project has an empty name."""

_tags = msgspec.json.Decoder(dict[str, str])
_metrics = msgspec.json.Decoder(dict[str, float])


class RevisedModel(msgspec.Struct):
    """A model as a revision keeps it: the row of the table ``models`` as JSON.

    Its fields stand in the order of those of ``StoredModel``.
    """

    uri: str
    project: str
    name: str
    version: str
    artifact_type: str
    task_type: str
    tags: dict[str, str]
    metrics: dict[str, float]
    prediction_schema: msgspec.Raw
    default_protocol: str | None
    creation_time: datetime | None


_revised_model = msgspec.json.Decoder(RevisedModel)


def values_of_model(model: Model) -> dict[str, object]:
    """Return the columns of a model by name."""
    protocol = model.default_protocol
    return {
        "uri": model.uri,
        "project": model.project,
        "name": model.name,
        "version": model.version,
        "artifact_type": model.artifact_type.value,
        "task_type": model.task_type,
        "tags": msgspec.json.encode(model.tags).decode(),
        "metrics": msgspec.json.encode(model.metrics).decode(),
        "prediction_schema": model.prediction_schema and model.prediction_schema.decode(),
        "default_protocol": protocol and protocol.value,
    }


def values_of_change(change: Change) -> dict[str, object]:
    """Return the columns of a change by name."""
    return {
        "change_id": change.id,
        "actor": change.actor,
        "door": change.door,
        "request_id": change.request_id,
    }


def values_of_key(key: ModelKey) -> dict[str, object]:
    """Return the columns of a key by name."""
    return {"uri": key.uri, "project": key.project}


def values_of_listing_by_uri(listing: ModelListing, uri: str) -> dict[str, object]:
    """Return what ``list_models_by_uri`` asks for; one row more tells if others follow."""
    return {"uri": uri, "projects": values_of_projects(listing.projects), "limit": listing.size + 1}


def values_of_projects(projects: Projects) -> list[str] | None:
    """Return the names of some projects, and nothing where all are meant."""
    return None if projects is None else sorted(projects)


def stored_model_of(row: Row) -> StoredModel:
    """Read a model in the order of columns that ``ways.FIELDS`` and ``sql/`` share.

    In the binary format JSON is bytes, and jsonb begins with its version.
    """
    uri, project, name, version, kind, task_type, tags, metrics, schema, protocol, created = row
    return StoredModel(
        uri,
        project,
        name,
        version,
        kind,
        task_type,
        _tags.decode(tags[1:]),
        _metrics.decode(metrics[1:]),
        schema,
        protocol,
        created,
    )


def revision_of(row: Row) -> Revision:
    """Read a row of ``list_revisions``."""
    verb, before, after, change_id, actor, door, request_id, changed_at = row
    return Revision(
        change=Change(id=change_id, actor=actor, door=door, request_id=request_id),
        verb=Verb(verb),
        before=before and _model_revised(before),
        after=after and _model_revised(after),
        changed_at=changed_at,
    )


def _model_revised(text: bytes) -> Model:
    revised = StoredModel(*msgspec.structs.astuple(_revised_model.decode(text)))
    schema = bytes(revised.prediction_schema or b"")
    return whole_model(revised._replace(prediction_schema=None if schema == b"null" else schema))


def values_of_stored_model(model: StoredModel) -> dict[str, object]:
    """Return the columns of a model by name, in the order of ``copy_models``."""
    schema = model.prediction_schema
    values: dict[str, object] = model._asdict()
    values["tags"] = msgspec.json.encode(model.tags).decode()
    values["metrics"] = msgspec.json.encode(model.metrics).decode()
    values["prediction_schema"] = schema and schema.decode()
    return values


def values_of_stored_revision(revision: StoredRevision) -> tuple[object, ...]:
    """Return the columns of a revision in the order of ``copy_revisions``."""
    verb, uri, project, before, after, *by = revision
    return verb, uri, project, before and before.decode(), after and after.decode(), *by


def values_of_runtime(runtime: RuntimeMetadata) -> dict[str, object]:
    """Return the columns of runtime metadata by name."""
    return {
        "model_uri": runtime.model_uri,
        "project": runtime.project,
        "deployment_name": runtime.deployment_name,
        "deployment_namespace": runtime.deployment_namespace,
        "deployment_uid": runtime.deployment_uid,
        "deployment_type": runtime.deployment_type.value,
        "deployment_status": runtime.deployment_status.value,
        "predictor_name": runtime.predictor_name,
        "node_name": runtime.node_name,
        "traffic": runtime.traffic,
        "replicas": runtime.replicas,
        "shadow": runtime.shadow,
        "explainer": runtime.explainer,
    }


def values_of_stored_runtime(runtime: RuntimeMetadata) -> dict[str, object]:
    """Return all columns of runtime metadata by name, in the order of ``copy_runtime``."""
    return values_of_runtime(runtime) | {"creation_time": runtime.creation_time}


def values_of_runtime_listing(listing: RuntimeListing) -> dict[str, object]:
    """Return what ``list_runtime`` filters by; one row more than a page tells if others follow."""
    kind = listing.deployment_type
    return {
        "projects": values_of_projects(listing.projects),
        "model_uri": listing.model_uri,
        "deployment_uid": listing.deployment_uid,
        "deployment_name": listing.deployment_name,
        "deployment_namespace": listing.deployment_namespace,
        "deployment_status": listing.deployment_status.value,
        "deployment_type": kind and kind.value,
        "predictor_name": listing.predictor_name,
        "node_name": listing.node_name,
        "limit": listing.size + 1,
        **dict(zip(AFTER, listing.after or BEFORE_ALL, strict=True)),
    }


def runtime_of(row: Row) -> RuntimeMetadata:
    """Read the fourteen columns of runtime metadata."""
    uri, project, name, namespace, uid, kind, status, predictor, node = row[:9]
    traffic, replicas, shadow, explainer, created = row[9:14]
    return RuntimeMetadata(
        model_uri=uri,
        project=project,
        deployment_name=name,
        deployment_namespace=namespace,
        deployment_uid=uid,
        deployment_type=DeploymentType(kind),
        deployment_status=DeploymentStatus(status),
        predictor_name=predictor,
        node_name=node,
        traffic=traffic,
        replicas=replicas,
        shadow=shadow,
        explainer=explainer,
        creation_time=created,
    )


def record_of(row: Row) -> RuntimeRecord:
    """Read a row of ``list_runtime``: fourteen columns of its own, then those of the model."""
    model = row[14:]
    is_known = model[0] is not None
    return RuntimeRecord(runtime_of(row), whole_model(stored_model_of(model)) if is_known else None)
