"""Whether the bytes of a prediction schema are the canonical form of a valid one.

Says what ``wire.prediction_schema`` does, which the tests hold it to: it would return these bytes.
"""

import re
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from pinakes.wire.prediction_schema import MAX_NAME

Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
DataType = Literal["FLOAT", "INT", "BOOL", "STRING", "BYTES"]
FeatureType = Literal["REAL", "CATEGORICAL", "PROBA", "ONE_HOT", "TEXT", "TENSOR"]

# Every number of 18 digits has 64 bits; longer ones get a closer look.
_is_count = re.compile(r"0|[1-9][0-9]{0,17}").fullmatch
_is_size = re.compile(r"0|-?[1-9][0-9]{0,17}").fullmatch


class Column(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """v1FeatureCategorySchema, whole."""

    name: Name
    dataType: DataType  # noqa: N815 - as JSON has it


class Feature(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """v1FeatureSchema, whole."""

    name: Name
    type: FeatureType
    dataType: DataType  # noqa: N815 - as JSON has it
    nCategories: str  # noqa: N815 - as JSON has it
    categoryMap: dict[str, str]  # noqa: N815 - as JSON has it
    schema: list[Column]
    shape: list[str]


class Schema(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """v1PredictionSchema, whole."""

    requests: list[Feature]
    responses: list[Feature]


_decoder = msgspec.json.Decoder(Schema)
_encoder = msgspec.json.Encoder()


def is_canonical(text: bytes) -> bool:
    """Say whether a schema is valid and canonical; one with a backslash is never looked at."""
    try:
        schema = _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    if not schema.requests or not schema.responses or _encoder.encode(schema) != text:
        return False
    for features in (schema.requests, schema.responses):
        for feature in features:
            if feature.nCategories != "0" and not _is_count(feature.nCategories):
                return False
            if feature.shape and not all(map(_is_size, feature.shape)):
                return False
    return True
