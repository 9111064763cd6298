"""Models and revisions as a store keeps them: valid, and all but unread.

Carrying a whole catalogue, or a page of it, makes no objects of what nobody looks at: a ``Model``
and its enums cost more than everything else that is done to a row (decision 0026 has the figures).
"""

from datetime import datetime
from typing import NamedTuple

from pinakes.catalog.model import ArtifactType, DefaultProtocol, Model, PredictionSchema


class StoredModel(NamedTuple):
    """A model by its columns; enums are their values."""

    uri: str
    project: str
    name: str
    version: str
    artifact_type: str
    task_type: str
    tags: dict[str, str]
    metrics: dict[str, float]
    prediction_schema: bytes | None
    default_protocol: str | None
    creation_time: datetime | None

    @property
    def key(self) -> tuple[str, str]:
        """What makes this model the one it is, and orders a listing."""
        return self.uri, self.project


class StoredRevision(NamedTuple):
    """A revision by its columns; what the model was and became, byte for byte."""

    verb: str
    uri: str
    project: str
    before: bytes | None
    after: bytes | None
    change_id: str
    actor: str
    door: str
    request_id: str
    changed_at: datetime


def stored_model(model: Model) -> StoredModel:
    """Take a model apart."""
    protocol = model.default_protocol
    return StoredModel(
        uri=model.uri,
        project=model.project,
        name=model.name,
        version=model.version,
        artifact_type=model.artifact_type.value,
        task_type=model.task_type,
        tags=dict(model.tags),
        metrics=dict(model.metrics),
        prediction_schema=model.prediction_schema,
        default_protocol=None if protocol is None else protocol.value,
        creation_time=model.creation_time,
    )


def whole_model(stored: StoredModel) -> Model:
    """Put a model together again."""
    schema, protocol = stored.prediction_schema, stored.default_protocol
    return Model(
        uri=stored.uri,
        project=stored.project,
        name=stored.name,
        version=stored.version,
        artifact_type=ArtifactType(stored.artifact_type),
        task_type=stored.task_type,
        tags=stored.tags,
        metrics=stored.metrics,
        prediction_schema=None if schema is None else PredictionSchema(schema),
        default_protocol=None if protocol is None else DefaultProtocol(protocol),
        creation_time=stored.creation_time,
    )
