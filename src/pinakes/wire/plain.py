"""A body of v1Model as nearly every client writes it, read at a tenth of what all others cost.

It has JSON names, enums by their names, nothing that is unknown or out of bounds, and no character
as the number of one: only so can NUL and lone surrogates be written. All else gets the closer look
of ``wire.models``, which says the same of these and, of what is wrong, where it is.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from pinakes.catalog.model import (
    DEFAULT_PROJECT,
    ArtifactType,
    DefaultProtocol,
    Model,
    PredictionSchema,
)
from pinakes.wire.choices import ARTIFACT_TYPES, DEFAULT_PROTOCOLS
from pinakes.wire.errors import BadRequest
from pinakes.wire.fields import read_integer
from pinakes.wire.prediction_schema import MAX_NAME

SDK_DEFAULT_VERSION = '"v0.0.1"'
"""What every published SDK sends, quotes included, where the user gave no version."""

Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
FeatureType = Literal["REAL", "CATEGORICAL", "PROBA", "ONE_HOT", "TEXT", "TENSOR"]
DataType = Literal["FLOAT", "INT", "BOOL", "STRING", "BYTES"]


class Column(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """v1FeatureCategorySchema."""

    name: Name
    dataType: DataType = "FLOAT"  # noqa: N815 - as JSON has it


class Feature(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """v1FeatureSchema; whole numbers are texts once it is canonical."""

    name: Name
    type: FeatureType
    dataType: DataType = "FLOAT"  # noqa: N815 - as JSON has it
    nCategories: str | int = "0"  # noqa: N815 - as JSON has it
    categoryMap: dict[str, str] = {}  # noqa: N815 - as JSON has it
    schema: list[Column] = []
    shape: Sequence[str | int] = []


Features = Annotated[list[Feature], Meta(min_length=1)]


class Schema(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """v1PredictionSchema."""

    requests: Features
    responses: Features


class RuntimeDefaults(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """v1RuntimeDefaults."""

    defaultProtocol: str = DefaultProtocol.UNKNOWN.value  # noqa: N815 - as JSON has it


class PlainModel(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """v1Model; what a listing writes as null may be null."""

    URI: str = ""
    name: str = ""
    version: str = ""
    artifactType: str = ArtifactType.UNKNOWN.value  # noqa: N815 - as JSON has it
    taskType: str = ""  # noqa: N815 - as JSON has it
    tags: dict[str, str] = {}
    metrics: dict[str, float] = {}
    creationTime: object = None  # noqa: N815 - as JSON has it
    predictionSchema: Schema | None = None  # noqa: N815 - as JSON has it
    project: str | None = None
    runtimeDefaults: RuntimeDefaults | None = None  # noqa: N815 - as JSON has it


_decoder = msgspec.json.Decoder(PlainModel)
_encoder = msgspec.json.Encoder()


def read_plain_model(body: bytes) -> Model | None:
    """Read a body that is plain, None where it is not."""
    if b"\\u" in body:
        return None
    try:
        return _model_of(_decoder.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, BadRequest, KeyError):
        return None


def without_quotes(version: str) -> str:
    """Take the quotes off the one version that nobody chose."""
    return version.strip('"') if version == SDK_DEFAULT_VERSION else version


def _model_of(plain: PlainModel) -> Model:
    """Raise KeyError for an unknown name and BadRequest for a number that is none."""
    schema, defaults = plain.predictionSchema, plain.runtimeDefaults
    return Model(
        uri=plain.URI,
        project=plain.project or DEFAULT_PROJECT,
        name=plain.name,
        version=without_quotes(plain.version),
        artifact_type=ARTIFACT_TYPES[plain.artifactType],
        task_type=plain.taskType,
        tags=plain.tags,
        metrics=plain.metrics,
        prediction_schema=schema and _canonical(schema),
        default_protocol=defaults and DEFAULT_PROTOCOLS[defaults.defaultProtocol],
    )


def _canonical(schema: Schema) -> PredictionSchema:
    for feature in chain(schema.requests, schema.responses):
        if feature.nCategories != "0":
            feature.nCategories = _count(feature.nCategories)
        if feature.shape:
            feature.shape = [str(read_integer(size, "")) for size in feature.shape]
    return PredictionSchema(_encoder.encode(schema))


def _count(value: str | int) -> str:
    count = read_integer(value, "")
    if count < 0:
        raise BadRequest("", "is negative")
    return str(count)
