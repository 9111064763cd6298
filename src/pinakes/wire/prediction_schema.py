"""The prediction schema: read leniently, written in its one canonical form.

The rules are those of ml-prediction-schema (proto/v1/prediction_schema.proto). Fields are not
checked against one another: published schemas disagree with themselves, and were accepted.
"""

import msgspec

from pinakes.catalog.model import PredictionSchema
from pinakes.wire.errors import BadRequest
from pinakes.wire.fields import Fields, read_integer, read_text

MAX_NAME = 200

FEATURE_TYPES = ("REAL", "CATEGORICAL", "PROBA", "ONE_HOT", "TEXT", "TENSOR")
DATA_TYPES = ("FLOAT", "INT", "BOOL", "STRING", "BYTES")

_FEATURE_TYPES = {name: name for name in FEATURE_TYPES}
_DATA_TYPES = {name: name for name in DATA_TYPES}


def read_prediction_schema(value: object, path: str) -> PredictionSchema:
    """Read v1PredictionSchema; raise BadRequest where it breaks a rule."""
    fields = Fields(value, path)
    schema = {
        "requests": _read_features(fields, "requests"),
        "responses": _read_features(fields, "responses"),
    }
    return PredictionSchema(msgspec.json.encode(schema))


def _read_features(fields: Fields, name: str) -> list[dict[str, object]]:
    features = fields.list_of(name, _read_feature)
    if not features:
        raise BadRequest(fields.path(name), "needs at least one feature")
    return features


def _read_feature(value: object, path: str) -> dict[str, object]:
    fields = Fields(value, path)
    return {
        "name": _read_name(fields),
        "type": _read_type(fields),
        "dataType": fields.choice("dataType", _DATA_TYPES, "FLOAT"),
        "nCategories": str(_read_categories(fields)),
        "categoryMap": fields.map_of("categoryMap", read_text),
        "schema": fields.list_of("schema", _read_column),
        "shape": [str(size) for size in fields.list_of("shape", read_integer)],
    }


def _read_column(value: object, path: str) -> dict[str, object]:
    """Read v1FeatureCategorySchema, one of the columns that a feature is spread over."""
    fields = Fields(value, path)
    return {
        "name": _read_name(fields),
        "dataType": fields.choice("dataType", _DATA_TYPES, "FLOAT"),
    }


def _read_name(fields: Fields) -> str:
    name = fields.text("name")
    if not name:
        raise BadRequest(fields.path("name"), "is missing")
    if len(name) > MAX_NAME:
        problem = f"has {len(name)} characters, at most {MAX_NAME} are allowed"
        raise BadRequest(fields.path("name"), problem)
    return name


def _read_type(fields: Fields) -> str:
    feature_type = fields.choice("type", _FEATURE_TYPES, "")
    if not feature_type:
        raise BadRequest(fields.path("type"), f"is missing, one of {', '.join(FEATURE_TYPES)}")
    return feature_type


def _read_categories(fields: Fields) -> int:
    """Read the number of categories; 0 says that it is not known."""
    categories = fields.integer("nCategories")
    if categories < 0:
        raise BadRequest(fields.path("nCategories"), "is negative")
    return categories
