"""Bodies of models: the quick way of reading says what the closer look does, or nothing."""

import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from pinakes.catalog.model import Model
from pinakes.wire.errors import BadRequest
from pinakes.wire.fields import read_body
from pinakes.wire.models import model_of, write_model
from pinakes.wire.plain import read_plain_model
from transfer.catalogues import whole_models

FEATURE = {
    "name": "x",
    "type": "CATEGORICAL",
    "dataType": "INT",
    "nCategories": 12,
    "categoryMap": {"0": "no"},
    "schema": [{"name": "y", "dataType": "BOOL"}],
    "shape": ["-1", 3],
}
BODY = {
    "URI": "u",
    "version": '"v0.0.1"',
    "artifactType": "SKLEARN",
    "tags": {"a": "b"},
    "metrics": {"m": 0.5},
    "predictionSchema": {"requests": [FEATURE], "responses": [FEATURE]},
    "runtimeDefaults": {"defaultProtocol": "PROTOCOL_V2"},
}

odd_values = st.sampled_from(
    [
        *["", "\0", "\x7f", "\ud800", "x" * 201, "07", "-07", "9" * 20, "REAL", "FLOAT", "SKLEARN"],
        *[None, True, 0, -1, 1.0, 1.5, -0.0, 1e308, 2**63, 2**64, 10**400, 1],
        *[[], {}, [None], {"x": "1"}, {"x": 1}, ["1", 2, 3.0], "PROTOCOL_TENSERFLOW"],
    ]
)
odd_names = st.sampled_from(["uri", "artifact_type", "artifactType", "n_categories", "name", "x"])


def closely(body: bytes) -> Model | None:
    """Read a body by the closer look; None where it is refused."""
    try:
        return read_body(body, model_of)
    except BadRequest:
        return None


@st.composite
def spoiled(draw: st.DrawFn, value: Any) -> Any:
    """Put something odd somewhere into JSON, or leave it as it is."""
    if not isinstance(value, dict | list) or not value or draw(st.integers(0, 4)) == 0:
        return draw(odd_values)
    if isinstance(value, list):
        place = draw(st.integers(0, len(value) - 1))
        return [*value[:place], draw(spoiled(value[place])), *value[place + 1 :]]
    if draw(st.integers(0, 3)) == 0:
        return value | {draw(odd_names): draw(odd_values)}
    name = draw(st.sampled_from(list(value)))
    return value | {name: draw(spoiled(value[name]))}


@given(value=spoiled(BODY), as_ascii=st.booleans())
@settings(deadline=None)
@example(value=BODY, as_ascii=True)
def test_what_is_read_quickly_is_what_the_closer_look_reads(value: Any, as_ascii: bool) -> None:
    body = json.dumps(value, ensure_ascii=as_ascii).encode(errors="surrogatepass")
    quickly = read_plain_model(body)
    if quickly is None:
        return
    assert closely(body) == quickly


@given(model=whole_models())
@settings(deadline=None)
def test_what_a_listing_wrote_is_read_quickly(model: Model) -> None:
    body = write_model(model)
    assert (read_plain_model(body) is None) == (b"\\u" in body)


def test_what_the_sdk_sends_is_read_quickly() -> None:
    body = json.dumps(BODY).encode()
    assert read_plain_model(body) == closely(body) is not None
