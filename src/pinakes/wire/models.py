"""v1Model: JSON to Model and back."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec

from pinakes.catalog.listing import ModelListing, ModelPage
from pinakes.catalog.model import DEFAULT_PROJECT, ArtifactType, DefaultProtocol, Model
from pinakes.catalog.stored import StoredModel, stored_model
from pinakes.wire.choices import ARTIFACT_TYPES, DEFAULT_PROTOCOLS
from pinakes.wire.errors import BadRequest
from pinakes.wire.fields import Fields, read_body, read_double, read_text
from pinakes.wire.names import MODEL_NAMES
from pinakes.wire.page_tokens import write_token
from pinakes.wire.pages import write_page
from pinakes.wire.parameters import model_scope
from pinakes.wire.plain import read_plain_model, without_quotes
from pinakes.wire.prediction_schema import read_prediction_schema


class WrittenModel(msgspec.Struct, gc=False):
    """v1Model, every field in the order in which they are written; its defaults stand for nothing.

    Encoded as one, it costs a quarter of what a dict made field by field does.
    """

    URI: str
    name: str = ""
    version: str = ""
    artifactType: str = "UNKNOWN"  # noqa: N815 - as JSON has it
    taskType: str = ""  # noqa: N815 - as JSON has it
    tags: Mapping[str, str] = {}
    metrics: Mapping[str, float] = {}
    creationTime: datetime | str | None = None  # noqa: N815 - as JSON has it
    predictionSchema: msgspec.Raw | None = None  # noqa: N815 - as JSON has it
    project: str = ""
    runtimeDefaults: dict[str, str] | None = None  # noqa: N815 - as JSON has it


EMPTY_MODEL = {name: getattr(WrittenModel(""), name) for name in MODEL_NAMES}
"""What a listing shows of the fields that its mask leaves out."""

HIDEABLE = frozenset(MODEL_NAMES) - {"URI", "project"}
"""The fields that a mask can leave out."""

NO_OFFSET = timedelta(0)

_AwareTime = Annotated[datetime, msgspec.Meta(tz=True)]
_encoder = msgspec.json.Encoder()


def read_model(body: bytes) -> Model:
    """Read the body of a create or an update; ``creationTime`` is not even looked at.

    Raises BadRequest where the shape is wrong; whether the model is valid is for the catalogue.
    """
    return read_plain_model(body) or read_body(body, model_of)


def model_of(value: object, path: str = "") -> Model:
    """Read v1Model as decoded JSON, which stands at ``path`` of a larger whole.

    Raises BadRequest as ``read_model`` does.
    """
    fields = Fields(value, path)
    version = fields.text("version")
    schema = fields.get("predictionSchema")
    return Model(
        uri=fields.text("URI"),
        project=fields.text("project") or DEFAULT_PROJECT,
        name=fields.text("name"),
        version=without_quotes(version),
        artifact_type=fields.choice("artifactType", ARTIFACT_TYPES, ArtifactType.UNKNOWN),
        task_type=fields.text("taskType"),
        tags=fields.map_of("tags", read_text),
        metrics=fields.map_of("metrics", read_double),
        prediction_schema=(
            None
            if schema is None
            else read_prediction_schema(schema, fields.path("predictionSchema"))
        ),
        default_protocol=_read_default_protocol(fields),
    )


def _read_default_protocol(fields: Fields) -> DefaultProtocol | None:
    defaults = fields.get("runtimeDefaults")
    if defaults is None:
        return None
    nested = Fields(defaults, fields.path("runtimeDefaults"))
    return nested.choice("defaultProtocol", DEFAULT_PROTOCOLS, DefaultProtocol.UNKNOWN)


def write_model(model: Model, mask: Collection[str] = MODEL_NAMES) -> bytes:
    """Write every field of a model, those outside ``mask`` as if they were empty."""
    return _encoder.encode(_written_model(stored_model(model), HIDEABLE.difference(mask)))


def _written_model(model: StoredModel, hidden: Collection[str]) -> WrittenModel:
    uri, project, name, version, kind, task_type, tags, metrics, schema, protocol, created = model
    written = WrittenModel(
        uri,
        name,
        version,
        kind,
        task_type,
        tags,
        metrics,
        created and _plain_time(created),
        None if schema is None else msgspec.Raw(schema),
        project,
        None if protocol is None else {"defaultProtocol": protocol},
    )
    for field in hidden:
        setattr(written, field, EMPTY_MODEL[field])
    return written


def write_model_page(page: ModelPage, listing: ModelListing, mask: Collection[str]) -> bytes:
    """Write v1ModelMetadataListResponse, ending where the page outgrows its bytes."""
    hidden = HIDEABLE.difference(mask)
    return write_page(
        "models",
        entries=[_written_model(model, hidden) for model in page.stored],
        more=page.more,
        token_behind=lambda index: write_token(
            listing.position_of(page.stored[index]), model_scope(listing)
        ),
    )


def read_time(fields: Fields, name: str) -> datetime | None:
    """Read a time as RFC 3339; None where there is none."""
    text = fields.text(name)
    if not text:
        return None
    try:
        return msgspec.convert(text, _AwareTime).astimezone(UTC)
    except (msgspec.ValidationError, OverflowError) as error:
        raise BadRequest(fields.path(name), "expected a time as RFC 3339 writes it") from error


def _plain_time(time: datetime) -> datetime | str | None:
    """Return a time that msgspec writes as ``write_time`` does, in a third of the time.

    It leaves out microseconds that are zero, and keeps any other offset than that of UTC.
    """
    is_plain = time.microsecond and (time.tzinfo is UTC or time.utcoffset() == NO_OFFSET)
    return time if is_plain else write_time(time)


def write_time(time: datetime | None) -> str | None:
    """Write a time as RFC 3339 in UTC, with microseconds."""
    if time is None:
        return None
    return f"{time.astimezone(UTC).isoformat(timespec='microseconds').removesuffix('+00:00')}Z"
