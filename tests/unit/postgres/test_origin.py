"""What a copy says of where it came from is read again, and nothing else is taken for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinakes.bridge.manifest import NAME, NAMESPACE
from pinakes.postgres.origin import KEY, Origin, read_origin


@given(
    st.from_regex(NAMESPACE, fullmatch=True),
    st.from_regex(NAME, fullmatch=True),
    st.integers(0).map(str),
    st.booleans(),
)
def test_what_is_written_is_read_again(
    namespace: str, name: str, version: str, is_followed: bool
) -> None:
    origin = Origin(namespace, name, version, is_followed)
    assert read_origin({KEY: origin.words().encode()}) == origin
    assert read_origin({KEY: origin.words().encode() + b"\n"}) == origin


@pytest.mark.parametrize("content", [b"", b"\xff", b"pg/db-app", b"a copy of the secret \x1b[2J"])
def test_other_words_are_no_origin(content: bytes) -> None:
    assert read_origin({KEY: content}) is None


def test_without_the_key_there_is_no_origin() -> None:
    assert read_origin({}) is None
