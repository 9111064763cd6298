"""One line of a portable catalogue: a JSON object that tells what it is.

A model stands there as the API writes it. Everything else is an object with one field, whose name
says what it holds.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import assert_never

import msgspec

from pinakes.catalog.errors import InvalidModel
from pinakes.catalog.model import DEFAULT_PROJECT, Model, ModelKey
from pinakes.catalog.runtime import DeploymentStatus, DeploymentType, RuntimeMetadata
from pinakes.catalog.stored import StoredModel, StoredRevision, stored_model
from pinakes.wire.choices import DEPLOYMENT_STATUSES, DEPLOYMENT_TYPES
from pinakes.wire.errors import BadRequest
from pinakes.wire.fields import Fields, read_body, read_object
from pinakes.wire.models import model_of, read_time
from pinakes.wire.names import json_path
from pinakes.wire.portable.history import read_revision
from pinakes.wire.portable.manifest import Header, Kind, Manifest, Section
from pinakes.wire.portable.models import ModelLine, model_of_line

Entry = StoredRevision | StoredModel | RuntimeMetadata
Line = Entry | Header | Manifest


_models = msgspec.json.Decoder(ModelLine)


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


def read_line(text: bytes) -> Line:
    """Read a line by the rules of the API. Raises BadRequest, which names the field."""
    if text.startswith(b'{"revision":'):
        return read_revision(text)
    return read_as_written(text) or read_in_any_form(text)


def read_in_any_form(text: bytes) -> Line:
    """Read a line as leniently as the API does. Raises BadRequest, which names the field."""
    return read_body(text, _read)


def read_as_written(text: bytes) -> StoredModel | None:
    """Read the line of a model in the very form in which it is exported, else return None.

    Nothing is escaped in it, so that no text can hold a NUL or a lone surrogate.
    """
    if b"\\" in text or not text.startswith(b'{"URI":'):
        return None
    try:
        return model_of_line(_models.decode(text))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


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


def _read(value: object) -> Line:
    fields = read_object(value, "")
    if len(fields) == 1:
        [(name, inner)] = fields.items()
        if name == "revision":
            return read_revision(msgspec.json.encode(value))
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
    for one in ("count", "sha256"):
        if section.get(one) is None:
            raise BadRequest(section.path(one), "is missing")
    return Section(section.integer("count"), section.text("sha256"))


READERS: Mapping[str, Callable[[Fields], Line]] = {
    "runtimeMetadata": _read_runtime,
    "export": _read_header,
    "manifest": _read_manifest,
}
"""What the one field of a line may be called; a line with any other is a model."""
