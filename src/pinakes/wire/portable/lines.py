"""One line of a portable catalogue: a JSON object that tells what it is.

A model stands there as the API writes it. Everything else is an object with one field, whose name
says what it holds.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import assert_never
from uuid import UUID

import msgspec
from msgspec import field

from pinakes.catalog.errors import InvalidModel
from pinakes.catalog.model import DEFAULT_PROJECT, Model, ModelKey
from pinakes.catalog.revision import Verb
from pinakes.catalog.runtime import DeploymentStatus, DeploymentType, RuntimeMetadata
from pinakes.catalog.stored import StoredModel, StoredRevision, stored_model
from pinakes.wire.choices import DEPLOYMENT_STATUSES, DEPLOYMENT_TYPES
from pinakes.wire.errors import BadRequest
from pinakes.wire.fields import Fields, read_body, read_object
from pinakes.wire.models import model_of, read_time
from pinakes.wire.names import json_path
from pinakes.wire.portable.manifest import Header, Kind, Manifest, Section, Sections
from pinakes.wire.portable.models import (
    ModelLine,
    line_of,
    model_of_line,
    read_raw_time,
    write_raw_time,
)
from pinakes.wire.runtime import fields_of_runtime

Entry = StoredRevision | StoredModel | RuntimeMetadata
Line = Entry | Header | Manifest

VERBS = {verb.value: verb.value for verb in Verb}


class RevisionFields(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A revision with every field, in the order in which they are written."""

    id: str
    verb: str
    actor: str
    door: str
    request_id: str = field(name="requestId")
    changed_at: msgspec.Raw = field(name="changedAt")
    before: ModelLine | None
    after: ModelLine | None


class RevisionLine(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The line of a revision."""

    revision: RevisionFields


_encoder = msgspec.json.Encoder()
_models = msgspec.json.Decoder(ModelLine)
_revisions = msgspec.json.Decoder(RevisionLine)
_is_id = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch


def kind_of(entry: Entry) -> Kind:
    """Say of which kind an entry is."""
    match entry:
        case StoredRevision():
            return Kind.REVISIONS
        case StoredModel():
            return Kind.MODELS
        case RuntimeMetadata():
            return Kind.RUNTIME
        case _:
            assert_never(entry)


def write_line(line: Line) -> bytes:
    """Write a line, with its end."""
    match line:
        case StoredRevision():
            return _encoder.encode(_line_of_revision(line)) + b"\n"
        case StoredModel():
            return _encoder.encode(line_of(line)) + b"\n"
        case RuntimeMetadata():
            fields = dict(fields_of_runtime(line)) | {"project": line.project}
            return _write("runtimeMetadata", fields)
        case Header():
            return _write("export", {"format": line.format})
        case Manifest():
            return _write("manifest", _fields_of_manifest(line.sections))
        case _:
            assert_never(line)


def read_line(text: bytes) -> Line:
    """Read a line by the rules of the API. Raises BadRequest, which names the field."""
    return read_as_written(text) or read_in_any_form(text)


def read_in_any_form(text: bytes) -> Line:
    """Read a line as leniently as the API does. Raises BadRequest, which names the field."""
    return read_body(text, _read)


def read_as_written(text: bytes) -> StoredModel | StoredRevision | None:
    """Read a line that is in the very form in which it is written, else return None.

    Nothing is escaped in it, so that no text can hold a NUL or a lone surrogate.
    """
    if b"\\" in text:
        return None
    try:
        if text.startswith(b'{"URI":'):
            return model_of_line(_models.decode(text))
        if text.startswith(b'{"revision":'):
            return _revision_of_line(_revisions.decode(text).revision)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return None


def _line_of_revision(revision: StoredRevision) -> RevisionLine:
    verb, before, after, change_id, actor, door, request_id, changed_at = revision
    return RevisionLine(
        RevisionFields(
            change_id,
            verb,
            actor,
            door,
            request_id,
            write_raw_time(changed_at),
            None if before is None else line_of(before),
            None if after is None else line_of(after),
        )
    )


def _revision_of_line(line: RevisionFields) -> StoredRevision | None:
    before = model_of_line(line.before) if line.before else None
    after = model_of_line(line.after) if line.after else None
    is_plain = (before is None) is (line.before is None) and (after is None) is (line.after is None)
    changed_at = read_raw_time(line.changed_at)
    if changed_at is None or line.verb not in VERBS or not _is_id(line.id) or not is_plain:
        return None
    revision = StoredRevision(
        line.verb,
        before,
        after,
        line.id,
        line.actor,
        line.door,
        line.request_id,
        changed_at,
    )
    return None if _why_not(revision) else revision


def read_listed_model(value: object) -> StoredModel:
    """Read a model out of a page of the API. Raises BadRequest."""
    return _read_model(value, "")


def read_listed_runtime(value: object) -> RuntimeMetadata:
    """Read runtime metadata out of a page of the API. Raises BadRequest.

    Its project is only told there by the model beside it.
    """
    fields = Fields(value)
    runtime = _read_runtime(fields)
    model = fields.get("model")
    if model is None or fields.text("project"):
        return runtime
    project = Fields(model, "model").text("project") or DEFAULT_PROJECT
    return replace(runtime, project=project)


def _write(name: str, fields: Mapping[str, object]) -> bytes:
    return msgspec.json.encode({name: fields}) + b"\n"


def _fields_of_manifest(sections: Sections) -> dict[str, object]:
    return {
        kind.value: {"count": section.count, "sha256": section.sha256}
        for kind, section in sections.items()
    }


def _read(value: object) -> Line:
    fields = read_object(value, "")
    if len(fields) == 1:
        [(name, inner)] = fields.items()
        if read := READERS.get(name):
            return read(Fields(inner, name))
    return _read_model(value, "")


def _read_model(value: object, path: str) -> StoredModel:
    """Read a model with its creation time, and check it."""
    created = read_time(Fields(value, path), "creationTime")
    model = replace(model_of(value, path), creation_time=created)
    _check(model, path)
    return stored_model(model)


def _check(model: Model, path: str) -> None:
    try:
        model.check()
    except InvalidModel as error:
        inner = json_path(error.path)
        raise BadRequest(f"{path}.{inner}" if path else inner, error.problem) from error


def _read_revision(fields: Fields) -> StoredRevision:
    verb = fields.choice("verb", VERBS, "")
    changed_at = read_time(fields, "changedAt")
    if not verb or changed_at is None:
        raise BadRequest(fields.path("changedAt" if verb else "verb"), "is missing")
    revision = StoredRevision(
        verb=verb,
        before=_read_optional_model(fields, "before"),
        after=_read_optional_model(fields, "after"),
        change_id=_read_id(fields),
        actor=fields.text("actor"),
        door=fields.text("door"),
        request_id=fields.text("requestId"),
        changed_at=changed_at,
    )
    if problem := _why_not(revision):
        raise BadRequest(fields.path(problem[0]), problem[1])
    return revision


def _read_id(fields: Fields) -> str:
    try:
        return str(UUID(fields.text("id")))
    except ValueError as error:
        raise BadRequest(fields.path("id"), "expected a UUID") from error


def _read_optional_model(fields: Fields, name: str) -> StoredModel | None:
    value = fields.get(name)
    return None if value is None else _read_model(value, fields.path(name))


def _why_not(revision: StoredRevision) -> tuple[str, str] | None:
    """Say which field of a revision contradicts the others, and how; None where none does."""
    before, after = revision.before, revision.after
    if (before is None) is not (revision.verb == Verb.CREATE.value):
        return "before", "is null for a create, and for nothing else"
    if (after is None) is not (revision.verb == Verb.DELETE.value):
        return "after", "is null for a delete, and for nothing else"
    if before and after and before.key != after.key:
        return "after", "is another model than the one before"
    return None


def _read_runtime(fields: Fields) -> RuntimeMetadata:
    key = ModelKey(fields.text("modelUri"), fields.text("project") or DEFAULT_PROJECT)
    try:
        key.check()
    except InvalidModel as error:
        name = "modelUri" if error.path == ("uri",) else "project"
        raise BadRequest(fields.path(name), error.problem) from error
    return RuntimeMetadata(
        model_uri=key.uri,
        project=key.project,
        deployment_name=fields.text("deploymentName"),
        deployment_namespace=fields.text("deploymentNamespace"),
        deployment_uid=fields.text("deploymentKubernetesUid"),
        deployment_type=fields.choice("deploymentType", DEPLOYMENT_TYPES, DeploymentType.UNDEFINED),
        deployment_status=fields.choice(
            "deploymentStatus", DEPLOYMENT_STATUSES, DeploymentStatus.RUNNING
        ),
        predictor_name=fields.text("predictorName"),
        node_name=fields.text("nodeName"),
        traffic=fields.integer("traffic"),
        replicas=fields.integer("replicas"),
        shadow=fields.truth("shadow"),
        explainer=fields.truth("explainer"),
        creation_time=read_time(fields, "creationTime"),
    )


def _read_header(fields: Fields) -> Header:
    return Header(fields.integer("format"))


def _read_manifest(fields: Fields) -> Manifest:
    return Manifest({kind: _read_section(fields, kind.value) for kind in Kind})


def _read_section(fields: Fields, name: str) -> Section:
    section = Fields(fields.get(name), fields.path(name))
    return Section(section.integer("count"), section.text("sha256"))


READERS: Mapping[str, Callable[[Fields], Line]] = {
    "revision": _read_revision,
    "runtimeMetadata": _read_runtime,
    "export": _read_header,
    "manifest": _read_manifest,
}
"""What the one field of a line may be called; a line with any other is a model."""
