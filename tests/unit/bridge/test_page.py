"""The secret that is made is read by the server as it was given, or is refused by name."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict

from mounted import mount
from pinakes.bridge.errors import BridgeError
from pinakes.bridge.manifest import Manifest, read_documents, secrets_in, write_manifest
from pinakes.bridge.page import Login, page_secret
from pinakes.bridge.places import login_of_environment, login_of_uri, password_of
from pinakes.postgres.connection import SECRET_DIRECTORY, Configuration, ConnectionReader
from pinakes.postgres.files import PrivateFiles
from tls.authority import Authority

ROOT = Authority.root("root").pem
NEEDED = {"host": "db", "user": "pinakes", "dbname": "metadata"}


def connected_with(files: Mapping[str, bytes]) -> dict[str, str]:
    """Take the way of a secret: printed, applied, mounted, read."""
    [applied] = secrets_in(read_documents(write_manifest(Manifest("one", files)).encode()))
    with tempfile.TemporaryDirectory() as place:
        environment = {SECRET_DIRECTORY: str(mount(Path(place) / "secret", applied.files))}
        told = ConnectionReader(Configuration(environment, {}), PrivateFiles()).conninfo()
    return {name: str(value) for name, value in conninfo_to_dict(told).items()}


def refusal(values: dict[str, str], ca: bytes | None = None) -> str:
    with pytest.raises(BridgeError) as failure:
        page_secret("one", Login(NEEDED | values, ca))
    return str(failure.value)


@given(st.text())
def test_a_password_arrives_as_it_is_or_is_refused_by_name(password: str) -> None:
    login = Login(NEEDED | {"password": password})
    if not password or not {"\0", "\r", "\n"}.isdisjoint(password):
        with pytest.raises(BridgeError, match=r"^password (is empty|has a NUL or a line end)"):
            page_secret("one", login)
    else:
        assert connected_with(page_secret("one", login))["password"] == password


def test_the_secret_has_all_keys_of_the_page() -> None:
    files = page_secret("one", Login(NEEDED | {"password": "pw"}))
    assert list(files) == ["host", "port", "user", "password", "dbname", "sslmode"]
    assert (files["port"], files["sslmode"]) == (b"5432", b"require")


def test_with_an_authority_the_server_is_verified() -> None:
    files = page_secret("one", Login(NEEDED, ROOT))
    assert (files["sslmode"], files["ca.crt"]) == (b"verify-full", ROOT)
    assert connected_with(files)["sslmode"] == "verify-full"


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"port": "all"}, "port in one has a value that means nothing"),
        ({"host": "db,"}, "host in one has a value that means nothing"),
        ({"host": "a,b", "port": "1,2,3"}, "neither one port nor as many ports as hosts"),
        ({"sslmode": "full"}, "sslmode in one is none of disable"),
        ({"sslmode": "verify-ca"}, "sslmode verify-ca needs the certificates in ca.crt"),
        ({"connect_timeout": "60"}, "connect_timeout in one has a value that means nothing"),
        ({"password": "a\nb"}, "password has a NUL or a line end inside its value"),
        ({"password": "secret\n"}, "password has a NUL or a line end inside its value"),
        ({"user": ""}, "user is empty"),
        ({"password": "\udcff"}, "password is not UTF-8"),
    ],
)
def test_a_value_that_the_server_would_refuse_is_refused_by_name(
    values: dict[str, str], told: str
) -> None:
    assert told in refusal(values)


def test_what_is_missing_is_named() -> None:
    with pytest.raises(BridgeError, match="host in one, dbname in one missing"):
        page_secret("one", Login({"user": "pinakes"}))


def test_an_authority_beside_prefer_is_refused() -> None:
    assert refusal({"sslmode": "prefer"}, ROOT).startswith("ca.crt beside sslmode prefer")


def test_an_authority_that_cannot_be_read_is_refused() -> None:
    assert refusal({}, b"no certificate").startswith("ca.crt holds no certificate")


def test_a_private_key_among_the_certificates_is_refused() -> None:
    pair = Authority.root("root").issue("server")
    assert "a private key stands among" in refusal({}, ROOT + pair.key)


def test_a_uri_is_read_as_the_server_reads_it() -> None:
    login = login_of_uri(b"postgresql://pinakes:p%40ss@db:5433/metadata?sslmode=require\n")
    assert login.values == NEEDED | {"port": "5433", "password": "p@ss", "sslmode": "require"}


def test_what_a_secret_cannot_set_is_refused_by_name() -> None:
    with pytest.raises(BridgeError, match="asks for sslrootcert, which a secret cannot set"):
        login_of_uri(b"postgresql://pinakes@db/metadata?sslrootcert=/tmp/ca")


def test_a_password_stays_only_with_its_user() -> None:
    login = Login(NEEDED | {"password": "pw"}, ROOT)
    assert login.overruled_by({"host": "other"}).values["password"] == "pw"
    assert login.overruled_by({"user": "pinakes"}) == login
    assert "password" not in login.overruled_by({"user": "other"}).values


@pytest.mark.parametrize(("content", "password"), [(b"pw", "pw"), (b"pw\r\n", "pw"), (b" ", " ")])
def test_a_file_may_end_its_line_behind_the_password(content: bytes, password: str) -> None:
    assert password_of(content) == password


@pytest.mark.parametrize("content", [b"pw\n\n", b"p\nw", b"\xff", b"p\0w"])
def test_a_file_that_is_no_password_is_refused(content: bytes) -> None:
    with pytest.raises(BridgeError, match="password in the file"):
        password_of(content)


def test_our_variables_win_and_libpq_s_fill_where_to_connect() -> None:
    environment = {
        "METADATA_PG_USER": "pinakes",
        "METADATA_PG_HOST": "db",
        "PGHOST": "elsewhere",
        "PGDATABASE": "metadata",
        "PGUSER": "postgres",
        "PGPASSWORD": "of postgres",
    }
    assert login_of_environment(environment).values == NEEDED


def test_without_our_user_the_login_is_libpq_s(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_bytes(ROOT)
    environment = {
        "METADATA_PG_HOST": "db",
        "METADATA_PG_PASSWORD": "of nobody",
        "PGUSER": "pinakes",
        "PGPASSWORD": "pw",
        "PGDATABASE": "metadata",
        "PGSSLROOTCERT": str(tmp_path / "ca.crt"),
    }
    login = login_of_environment(environment)
    assert login == Login(NEEDED | {"password": "pw"}, ROOT)
