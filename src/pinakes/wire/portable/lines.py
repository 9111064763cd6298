"""One line of a portable catalogue: a JSON object that tells what it is.

A model stands there as the API writes it. Everything else is an object with one field, whose name
says what it holds.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import assert_never
from uuid import UUID

import msgspec

from pinakes.catalog.errors import InvalidModel
from pinakes.catalog.model import DEFAULT_PROJECT, Model, ModelKey
from pinakes.catalog.revision import Change, Revision, Verb
from pinakes.catalog.runtime import DeploymentStatus, DeploymentType, RuntimeMetadata
from pinakes.wire.choices import DEPLOYMENT_STATUSES, DEPLOYMENT_TYPES
from pinakes.wire.errors import BadRequest
from pinakes.wire.fields import Fields, read_body, read_object
from pinakes.wire.models import model_of, read_time, write_model, write_time
from pinakes.wire.names import json_path
from pinakes.wire.portable.manifest import Header, Kind, Manifest, Section, Sections
from pinakes.wire.runtime import fields_of_runtime

Entry = Revision | Model | RuntimeMetadata
Line = Entry | Header | Manifest

VERBS = {verb.value: verb for verb in Verb}


def kind_of(entry: Entry) -> Kind:
    """Say of which kind an entry is."""
    match entry:
        case Revision():
            return Kind.REVISIONS
        case Model():
            return Kind.MODELS
        case RuntimeMetadata():
            return Kind.RUNTIME
        case _:
            assert_never(entry)


def write_line(line: Line) -> bytes:
    """Write a line, with its end."""
    match line:
        case Model():
            return write_model(line) + b"\n"
        case Revision():
            return _write("revision", _fields_of_revision(line))
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
    return read_body(text, _read)


def _write(name: str, fields: Mapping[str, object]) -> bytes:
    return msgspec.json.encode({name: fields}) + b"\n"


def _fields_of_revision(revision: Revision) -> dict[str, object]:
    change = revision.change
    return {
        "id": str(change.id),
        "verb": revision.verb.value,
        "actor": change.actor,
        "door": change.door,
        "requestId": change.request_id,
        "changedAt": write_time(revision.changed_at),
        "before": revision.before and msgspec.Raw(write_model(revision.before)),
        "after": revision.after and msgspec.Raw(write_model(revision.after)),
    }


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


def _read_model(value: object, path: str) -> Model:
    """Read a model with its creation time, and check it."""
    created = read_time(Fields(value, path), "creationTime")
    model = replace(model_of(value, path), creation_time=created)
    try:
        model.check()
    except InvalidModel as error:
        inner = json_path(error.path)
        raise BadRequest(f"{path}.{inner}" if path else inner, error.problem) from error
    return model


def _read_revision(fields: Fields) -> Revision:
    verb = fields.choice("verb", VERBS, None)
    changed_at = read_time(fields, "changedAt")
    if verb is None or changed_at is None:
        missing = "verb" if verb is None else "changedAt"
        raise BadRequest(fields.path(missing), "is missing")
    revision = Revision(
        change=Change(
            id=_read_id(fields),
            actor=fields.text("actor"),
            door=fields.text("door"),
            request_id=fields.text("requestId"),
        ),
        verb=verb,
        before=_read_optional_model(fields, "before"),
        after=_read_optional_model(fields, "after"),
        changed_at=changed_at,
    )
    _check_sides(revision, fields)
    return revision


def _read_id(fields: Fields) -> UUID:
    try:
        return UUID(fields.text("id"))
    except ValueError as error:
        raise BadRequest(fields.path("id"), "expected a UUID") from error


def _read_optional_model(fields: Fields, name: str) -> Model | None:
    value = fields.get(name)
    return None if value is None else _read_model(value, fields.path(name))


def _check_sides(revision: Revision, fields: Fields) -> None:
    """Refuse a revision that tells of two models, of none, or not what its verb does."""
    before, after = revision.before, revision.after
    if (before is None) is not (revision.verb is Verb.CREATE):
        raise BadRequest(fields.path("before"), "is null for a create, and for nothing else")
    if (after is None) is not (revision.verb is Verb.DELETE):
        raise BadRequest(fields.path("after"), "is null for a delete, and for nothing else")
    if before and after and before.key != after.key:
        raise BadRequest(fields.path("after"), "is another model than the one before")


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


def read_runtime(value: object) -> RuntimeMetadata:
    """Read v1RuntimeMetadata as decoded JSON. Raises BadRequest."""
    return _read_runtime(Fields(value))
