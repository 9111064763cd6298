"""Whatever a connection string holds, nothing breaks over it, and no part of a password is told."""

import traceback
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict

from pinakes.postgres.connection import Configuration, ConnectionReader
from pinakes.postgres.files import PrivateFiles
from pinakes.postgres.secret import ConfigurationError
from pinakes.postgres.sources import URI_KEYS

SECRET = "QZXJVKWP"
PARTS = [SECRET[start : start + 4] for start in range(len(SECRET) - 3)]

SPECIAL = [*"@/?#:%[]&='\\ ,1", "%ff", "%40", "%00", "℀", "://", "service=", "sslmode="]
PIECES = st.lists(st.sampled_from(SPECIAL) | st.text(max_size=3), max_size=5).map("".join)
PASSWORDS = st.builds(lambda before, after: f"{before}{SECRET}{after}", PIECES, PIECES)

URIS = (
    "postgresql://app:{}@127.0.0.1:6501/meta",
    "postgres://app:{}@h1,h2/meta?sslmode=require",
)
OTHERS = (
    "host=h user=app dbname=meta password={}",
    "host=h user=app dbname=meta password='{}'",
    "jdbc:postgresql://h/meta?user=app&password={}",
    "{}",
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("secret")


def conninfo_of(place: Path, key: str, text: str) -> str | None:
    """Return what libpq is told; None where that is refused, and see that no secret is in it."""
    for other in URI_KEYS:
        (place / other).unlink(missing_ok=True)
    (place / key).write_bytes(text.encode())
    configuration = Configuration({"METADATA_PG_SECRET_DIR": str(place)}, {})
    try:
        return ConnectionReader(configuration, PrivateFiles()).conninfo()
    except ConfigurationError as error:
        told = "".join(traceback.format_exception(error))
        assert not any(part in told for part in PARTS), told
        return None


@given(key=st.sampled_from(["uri", "dsn"]), form=st.sampled_from(URIS), password=PASSWORDS)
@example(key="uri", form=URIS[0], password=f"{SECRET}℀")
@example(key="uri", form=URIS[0], password=f"[{SECRET}]")
@example(key="uri", form=URIS[0], password=f"pa[{SECRET}")
@example(key="uri", form=URIS[0], password=f"%ff{SECRET}")
@example(key="uri", form=URIS[0], password=f"pw@{SECRET}")
@example(key="uri", form=URIS[0], password=f"pw@{SECRET}/x")
@example(key="uri", form=URIS[0], password=f"pw?{SECRET}=1/x")
@example(key="uri", form=URIS[0], password=f"pw@a?{SECRET}=1")
@example(key="uri", form=URIS[0], password=f"1/{SECRET}")
def test_the_password_of_a_uri_is_taken_for_nothing_else(
    place: Path, key: str, form: str, password: str
) -> None:
    if conninfo := conninfo_of(place, key, form.format(password)):
        told = {**conninfo_to_dict(conninfo), "password": ""}
        assert SECRET not in str(told)


@given(key=st.sampled_from(["uri", "dsn"]), form=st.sampled_from(OTHERS), password=PASSWORDS)
@example(key="dsn", form=OTHERS[0], password=f"abc?{SECRET}=1")
def test_no_refusal_holds_a_part_of_what_was_to_be_a_password(
    place: Path, key: str, form: str, password: str
) -> None:
    conninfo_of(place, key, form.format(password))


@given(text=st.text())
def test_no_text_breaks_it(place: Path, text: str) -> None:
    conninfo_of(place, "uri", text)
