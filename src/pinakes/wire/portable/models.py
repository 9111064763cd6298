"""The line of a model, read in bulk.

Says the same as ``wire.models``, which the tests hold it to, at a fifth of its cost. What is read
here is in the very form that is exported; all else is left to ``wire.models``.
"""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta, field

from pinakes.catalog.model import (
    MAX_KEY,
    MAX_NAME,
    MAX_PROJECT,
    MAX_TAG,
    MAX_TASK_TYPE,
    MAX_URI,
    MAX_VERSION,
    ArtifactType,
    DefaultProtocol,
)
from pinakes.catalog.stored import StoredModel
from pinakes.wire.portable.schemas import is_canonical

Key = Annotated[str, Meta(max_length=MAX_KEY)]

ARTIFACT_TYPES = frozenset(value.value for value in ArtifactType)
PROTOCOLS = frozenset(value.value for value in DefaultProtocol)

_times = msgspec.json.Decoder(Annotated[datetime, Meta(tz=True)])


class RuntimeDefaults(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """v1RuntimeDefaults, whole."""

    protocol: str = field(name="defaultProtocol")


class ModelLine(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """v1Model with every field, in the order in which they are written."""

    uri: Annotated[str, Meta(min_length=1, max_length=MAX_URI)] = field(name="URI")
    name: Annotated[str, Meta(max_length=MAX_NAME)]
    version: Annotated[str, Meta(max_length=MAX_VERSION)]
    artifact_type: str = field(name="artifactType")
    task_type: Annotated[str, Meta(max_length=MAX_TASK_TYPE)] = field(name="taskType")
    tags: dict[Key, Annotated[str, Meta(max_length=MAX_TAG)]]
    metrics: dict[Key, float]
    created: msgspec.Raw = field(name="creationTime")
    schema: msgspec.Raw = field(name="predictionSchema")
    project: Annotated[str, Meta(min_length=1, max_length=MAX_PROJECT)]
    defaults: RuntimeDefaults | None = field(name="runtimeDefaults")


def read_raw_time(text: msgspec.Raw) -> datetime | None:
    """Read a time that knows its offset. Raises msgspec.ValidationError."""
    return None if bytes(text) == b"null" else _times.decode(text)


def model_of_line(line: ModelLine) -> StoredModel | None:
    """Check what its type does not say; None where that needs a closer look.

    A line with a backslash in it never comes here, and so neither do most control characters.
    """
    schema, defaults = bytes(line.schema), line.defaults
    is_plain = (
        line.uri.isprintable()
        and line.project.isprintable()
        and line.artifact_type in ARTIFACT_TYPES
        and (defaults is None or defaults.protocol in PROTOCOLS)
    )
    if not is_plain or not (schema == b"null" or is_canonical(schema)):
        return None
    return StoredModel(
        line.uri,
        line.project,
        line.name,
        line.version,
        line.artifact_type,
        line.task_type,
        line.tags,
        line.metrics,
        None if schema == b"null" else schema,
        None if defaults is None else defaults.protocol,
        read_raw_time(line.created),
    )
