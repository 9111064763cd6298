"""The line of a revision: read strictly, for what history keeps is kept on byte for byte."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta, field

from pinakes.catalog.errors import InvalidModel
from pinakes.catalog.model import (
    MAX_NAME,
    MAX_PROJECT,
    MAX_TAG,
    MAX_TASK_TYPE,
    MAX_URI,
    MAX_VERSION,
    ArtifactType,
    DefaultProtocol,
    Model,
)
from pinakes.catalog.revision import Verb
from pinakes.catalog.stored import StoredRevision
from pinakes.wire.errors import BadRequest
from pinakes.wire.names import json_path
from pinakes.wire.portable.models import Key
from pinakes.wire.portable.schemas import is_canonical
from pinakes.wire.prediction_schema import read_prediction_schema

Time = Annotated[datetime, Meta(tz=True)]
Text = Annotated[str, Meta(pattern=r"^[^\x00]*$")]
"""A text that PostgreSQL can keep."""

_decode = msgspec.json.decode
NOTHING = b"null"


class PastModel(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A model as history keeps it: the row of the table ``models`` as JSON."""

    uri: Annotated[str, Meta(min_length=1, max_length=MAX_URI)]
    project: Annotated[str, Meta(min_length=1, max_length=MAX_PROJECT)]
    name: Annotated[str, Meta(max_length=MAX_NAME)]
    version: Annotated[str, Meta(max_length=MAX_VERSION)]
    artifact_type: ArtifactType
    task_type: Annotated[str, Meta(max_length=MAX_TASK_TYPE)]
    tags: dict[Key, Annotated[str, Meta(max_length=MAX_TAG)]]
    metrics: dict[Key, float]
    prediction_schema: msgspec.Raw
    default_protocol: DefaultProtocol | None
    creation_time: Time


class RevisionFields(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A revision with every field."""

    id: UUID
    verb: Literal["create", "update", "delete"]
    actor: Text
    door: Text
    request_id: Text = field(name="requestId")
    changed_at: Time = field(name="changedAt")
    before: msgspec.Raw
    after: msgspec.Raw


class RevisionLine(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The line of a revision."""

    revision: RevisionFields


_lines = msgspec.json.Decoder(RevisionLine)
_models = msgspec.json.Decoder(PastModel)


def read_revision(text: bytes) -> StoredRevision:
    """Read the line of a revision. Raises BadRequest, which names the field."""
    try:
        line = _lines.decode(text).revision
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest("", str(error)) from error
    before, after = _text_of(line.before), _text_of(line.after)
    keys = {
        _key_of(model, f"revision.{name}")
        for name, model in (("before", before), ("after", after))
        if model is not None
    }
    if problem := _why_not(line.verb, before, after, len(keys)):
        raise BadRequest(*problem)
    [(uri, project)] = keys
    return StoredRevision(
        line.verb,
        uri,
        project,
        before,
        after,
        str(line.id),
        line.actor,
        line.door,
        line.request_id,
        line.changed_at,
    )


def _text_of(value: msgspec.Raw) -> bytes | None:
    text = bytes(value)
    return None if text == NOTHING else text


def _why_not(
    verb: str, before: bytes | None, after: bytes | None, keys: int
) -> tuple[str, str] | None:
    """Say which field of a revision contradicts the others, and how; None where none does."""
    if (before is None) is not (verb == Verb.CREATE.value):
        return "revision.before", "is null for a create, and for nothing else"
    if (after is None) is not (verb == Verb.DELETE.value):
        return "revision.after", "is null for a delete, and for nothing else"
    if keys > 1:
        return "revision.after", "is another model than the one before"
    return None


def _key_of(text: bytes, path: str) -> tuple[str, str]:
    """Check a model of the past, and return its key. Raises BadRequest."""
    try:
        past = _models.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(path, f"is no model as history keeps it: {error}") from error
    if not _is_plain(past, text):
        _check(past, path)
    return past.uri, past.project


def _is_plain(past: PastModel, text: bytes) -> bool:
    """Say whether a model is valid for sure: without a backslash no text holds what it may not."""
    schema = bytes(past.prediction_schema)
    return (
        b"\\" not in text
        and past.uri.isprintable()
        and past.project.isprintable()
        and (schema == NOTHING or is_canonical(schema))
    )


def _check(past: PastModel, path: str) -> None:
    """Hold a model of the past to the rules of the catalogue. Raises BadRequest."""
    model = Model(
        uri=past.uri,
        project=past.project,
        name=past.name,
        version=past.version,
        task_type=past.task_type,
        tags=past.tags,
        metrics=past.metrics,
    )
    try:
        model.check()
    except InvalidModel as error:
        raise BadRequest(f"{path}.{json_path(error.path)}", error.problem) from error
    schema = bytes(past.prediction_schema)
    inner = f"{path}.prediction_schema"
    if schema != NOTHING:
        read_prediction_schema(_decode(schema), inner)
