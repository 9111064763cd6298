"""A model: what the catalogue knows of one artefact in one project, and what makes it valid."""

import math
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import NewType

from pinakes.catalog.errors import InvalidModel

DEFAULT_PROJECT = "default"

MAX_URI = 200
MAX_PROJECT = 200
MAX_NAME = 200
MAX_VERSION = 50
MAX_TASK_TYPE = 50
MAX_KEY = 100
MAX_TAG = 500
"""Limits in code points, from the field descriptions of the published API."""

PredictionSchema = NewType("PredictionSchema", bytes)
"""What goes into a model and what comes out, as JSON.

``wire`` has validated it and written it in its one canonical form, every default filled in. It is
kept and handed out byte for byte, so that no later version of ours changes what was registered.
"""


class ArtifactType(Enum):
    """The library that a model was built with."""

    UNKNOWN = "UNKNOWN"
    CUSTOM = "CUSTOM"
    TENSORFLOW = "TENSORFLOW"
    SKLEARN = "SKLEARN"
    XGBOOST = "XGBOOST"
    MLFLOW = "MLFLOW"
    PYTORCH = "PYTORCH"
    ONNX = "ONNX"
    TENSORRT = "TENSORRT"
    ALIBI_EXPLAIN = "ALIBI_EXPLAIN"
    ALIBI_DETECT = "ALIBI_DETECT"
    HUGGINGFACE = "HUGGINGFACE"
    MLSERVER_PYTHON = "MLSERVER_PYTHON"
    TRITON_PYTHON = "TRITON_PYTHON"


class DefaultProtocol(Enum):
    """The inference protocol that deployments of a model speak unless told otherwise."""

    UNKNOWN = "PROTOCOL_UNKNOWN"
    SELDON = "PROTOCOL_SELDON"
    TENSORFLOW = "PROTOCOL_TENSORFLOW"
    V2 = "PROTOCOL_V2"


@dataclass(frozen=True, slots=True)
class ModelKey:
    """What makes a model the one it is: its artefact's URI, and the project it is registered in."""

    uri: str
    project: str = DEFAULT_PROJECT

    def check(self) -> None:
        """Raise InvalidModel unless this may be the key of a model.

        The URI is not parsed: the image references of custom models are URIs here.
        """
        if not self.uri:
            raise InvalidModel(("uri",), "is missing, it says where the artefact is")
        _check_line("uri", self.uri, MAX_URI)
        if not self.project:
            raise InvalidModel(("project",), "is empty")
        _check_line("project", self.project, MAX_PROJECT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One entry of the catalogue.

    ``creation_time`` is given by the store when the entry is created, and by nobody else.
    """

    uri: str
    project: str = DEFAULT_PROJECT
    name: str = ""
    version: str = ""
    artifact_type: ArtifactType = ArtifactType.UNKNOWN
    task_type: str = ""
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])
    prediction_schema: PredictionSchema | None = None
    default_protocol: DefaultProtocol | None = None
    creation_time: datetime | None = None

    @property
    def key(self) -> ModelKey:
        """The identity of this entry."""
        return ModelKey(self.uri, self.project)

    def check(self) -> None:
        """Raise InvalidModel, which names the field, unless this may be kept."""
        self.key.check()
        _check_text(("name",), self.name, MAX_NAME)
        _check_text(("version",), self.version, MAX_VERSION)
        _check_text(("task_type",), self.task_type, MAX_TASK_TYPE)
        for key, tag in self.tags.items():
            _check_key("tags", key)
            _check_text(("tags", key), tag, MAX_TAG)
        for key, metric in self.metrics.items():
            _check_key("metrics", key)
            if not math.isfinite(metric):
                raise InvalidModel(("metrics", key), "is not a finite number")


def _check_key(map_name: str, key: str) -> None:
    try:
        _check_text((map_name,), key, MAX_KEY)
    except InvalidModel as error:
        raise InvalidModel((map_name, key[:MAX_KEY]), f"its key {error.problem}") from error


def _check_line(name: str, text: str, limit: int) -> None:
    _check_text((name,), text, limit)
    if not text.isprintable() and any(unicodedata.category(one) == "Cc" for one in text):
        raise InvalidModel((name,), "has a control character")


def _check_text(path: tuple[str, ...], text: str, limit: int) -> None:
    if len(text) > limit:
        raise InvalidModel(path, f"has {len(text)} characters, at most {limit} are allowed")
    if "\0" in text:
        raise InvalidModel(path, "has a NUL character, which PostgreSQL cannot keep")
