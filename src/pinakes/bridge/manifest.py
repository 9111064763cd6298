"""Secrets as manifests: read as kubectl prints them, written as kubectl takes them."""

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import msgspec
import yaml

from pinakes.bridge.errors import BridgeError

OPAQUE = "Opaque"
OF_A_PAIR = "kubernetes.io/tls"
NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
NAMESPACE = re.compile(r"(?=.{1,63}\Z)[a-z0-9]([-a-z0-9]*[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Manifest:
    """A Secret of Kubernetes: its keys, and what of its metadata tells where they are from."""

    name: str
    files: Mapping[str, bytes] = field(repr=False)
    namespace: str | None = None
    type: str = OPAQUE
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    annotations: Mapping[str, str] = field(default_factory=dict[str, str])
    version: str | None = None
    """Its resourceVersion, where a cluster has it."""

    @property
    def is_pair(self) -> bool:
        """Whether it holds a certificate with its key, and so no login."""
        return self.type == OF_A_PAIR


class _Metadata(msgspec.Struct, rename="camel"):
    name: str
    namespace: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    resource_version: str | None = None


class _Secret(msgspec.Struct):
    metadata: _Metadata
    type: str | None = None
    data: dict[str, object] | None = None
    stringData: dict[str, object] | None = None  # noqa: N815 - as Kubernetes calls it


class _Any(msgspec.Struct):
    kind: str | None = None
    items: list[object] | None = None


def read_documents(text: bytes) -> list[object]:
    """Read JSON, or every document of YAML. Raises BridgeError, which quotes nothing of it."""
    with suppress(ValueError, RecursionError):
        return [json.loads(text)]
    try:
        return [one for one in yaml.safe_load_all(text) if one is not None]
    except yaml.MarkedYAMLError as error:
        line = f" (line {error.problem_mark.line + 1})" if error.problem_mark else ""
        raise BridgeError(f"this is neither YAML nor JSON{line}") from None
    except (yaml.YAMLError, ValueError, RecursionError):  # which quote what they could not read
        raise BridgeError("this is neither YAML nor JSON") from None


def secrets_in(documents: Sequence[object]) -> list[Manifest]:
    """Return the Secrets among the documents, those of lists too. Raises BridgeError."""
    return [_manifest(one) for one in _flat(documents) if _any(one).kind == "Secret"]


def write_manifest(manifest: Manifest) -> str:
    """Write a Secret for ``kubectl apply --server-side -f -``. Raises BridgeError for its name."""
    _check_name("name", NAME, manifest.name)
    metadata: dict[str, object] = {"name": _Quoted(manifest.name)}
    if manifest.namespace is not None:
        _check_name("namespace", NAMESPACE, manifest.namespace)
        metadata["namespace"] = _Quoted(manifest.namespace)
    if manifest.annotations:
        metadata["annotations"] = {k: _Quoted(v) for k, v in manifest.annotations.items()}
    data = {key: _Quoted(base64.b64encode(value).decode()) for key, value in manifest.files.items()}
    document = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata,
        "type": manifest.type,
        "data": data,
    }
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False)


class _Quoted(str):
    """Text that no reader may take for a number, as kubectl does ``54e4``, which is base64."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    """Writes YAML with quotes where they matter."""


def _represent_quoted(_: yaml.SafeDumper, text: _Quoted) -> yaml.ScalarNode:
    return yaml.ScalarNode("tag:yaml.org,2002:str", str(text), style="'")


_Dumper.add_representer(_Quoted, _represent_quoted)


def _check_name(what: str, form: re.Pattern[str], name: str) -> None:
    if not form.fullmatch(name):
        raise BridgeError(
            f"the {what} of a secret has lower-case letters, digits and hyphens, and no hyphen at"
            " its ends"
        )


def _any(document: object) -> _Any:
    try:
        return msgspec.convert(document, _Any)
    except msgspec.ValidationError:
        return _Any()


def _flat(documents: Sequence[object]) -> Iterator[object]:
    for document in documents:
        if (items := _any(document).items) is not None:
            yield from items
        else:
            yield document


def _manifest(document: object) -> Manifest:
    try:
        secret = msgspec.convert(document, _Secret)
    except msgspec.ValidationError as error:
        raise BridgeError(f"a Secret is not as Kubernetes has it: {error}") from None
    name = secret.metadata.name
    encoded = {key: _decode(name, key, value) for key, value in (secret.data or {}).items()}
    plain = {key: _encode(name, key, value) for key, value in (secret.stringData or {}).items()}
    return Manifest(
        name=name,
        files=encoded | plain,
        namespace=secret.metadata.namespace,
        type=secret.type or OPAQUE,
        labels=secret.metadata.labels or {},
        annotations=secret.metadata.annotations or {},
        version=secret.metadata.resource_version,
    )


def _decode(name: str, key: str, value: object) -> bytes:
    """Undo base64 as Kubernetes does, where an empty key may be null, and lines may be folded."""
    try:
        text = re.sub(r"[\r\n]", "", _text(name, key, value))
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        problem = "is no base64; plain text belongs into stringData"
        raise BridgeError(f"{key} in data of {name} {problem}") from None


def _encode(name: str, key: str, value: object) -> bytes:
    try:
        return _text(name, key, value).encode()
    except UnicodeEncodeError:
        raise BridgeError(f"{key} in stringData of {name} is not UTF-8") from None


def _text(name: str, key: str, value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BridgeError(f"{key} of {name} is no text: put it between quotes")
    return value
