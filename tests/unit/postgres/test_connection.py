"""From the places where the database is described to what libpq is told."""

import errno
import os
import socket
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from mounted import mount, page_secret
from pinakes.postgres.connection import NOWHERE, Configuration, ConnectionReader
from pinakes.postgres.files import PrivateFiles
from pinakes.postgres.passwords.source import Login
from pinakes.postgres.secret import ConfigurationError
from pinakes.postgres.tls import SslMode, default_mode

SECRET = page_secret(sslmode="disable")
VARIABLES = {
    "METADATA_PG_HOST": "variable",
    "METADATA_PG_USER": "variable",
    "METADATA_PG_DBNAME": "variable",
    "METADATA_PG_PASSWORD": "of the variables",
    "METADATA_PG_SSLMODE": "allow",
}
LIBPQ = {
    "PGHOST": "libpq",
    "PGPORT": "7777",
    "PGUSER": "libpq",
    "PGDATABASE": "libpq",
    "PGPASSWORD": "of libpq",
    "PGSSLMODE": "prefer",
    "PGTARGETSESSIONATTRS": "any",
    "PGCONNECT_TIMEOUT": "9",
}


class Place:
    """A configuration in the making."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.environment: dict[str, str] = {}

    def mount_secret(self, files: dict[str, bytes]) -> None:
        directory = mount(self._directory / "secret", files)
        self.environment["METADATA_PG_SECRET_DIR"] = str(directory)

    def mount_client(self, files: dict[str, bytes]) -> None:
        directory = mount(self._directory / "client", files)
        self.environment["METADATA_PG_CLIENT_TLS_DIR"] = str(directory)

    def reader(self, libpq: dict[str, str] | None = None) -> ConnectionReader:
        configuration = Configuration(self.environment, libpq or {})
        return ConnectionReader(configuration, PrivateFiles())

    def parameters(self, libpq: dict[str, str] | None = None) -> dict[str, str]:
        conninfo = conninfo_to_dict(self.reader(libpq).conninfo())
        return {key: str(value) for key, value in conninfo.items()}

    def refusal(self, libpq: dict[str, str] | None = None) -> str:
        with pytest.raises(ConfigurationError) as failure:
            self.reader(libpq).conninfo()
        return str(failure.value)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def taken(parameters: dict[str, str], *names: str) -> list[str | None]:
    return [parameters.get(name) for name in names]


LOGIN = ("user", "password", "sslmode")
WHERE = ("host", "port", "dbname")


def test_the_secret_wins_over_the_variables_over_libpq(place: Place) -> None:
    place.mount_secret(SECRET)
    place.environment |= VARIABLES
    parameters = place.parameters(LIBPQ)
    assert taken(parameters, *LOGIN) == ["pinakes", "correct horse", "disable"]
    assert taken(parameters, *WHERE) == ["db.example", "5432", "metadata"]
    place.environment = dict(VARIABLES)
    parameters = place.parameters(LIBPQ)
    assert taken(parameters, *LOGIN) == ["variable", "of the variables", "allow"]
    assert taken(parameters, *WHERE) == ["variable", "7777", "variable"]
    place.environment = {}
    parameters = place.parameters(LIBPQ)
    assert taken(parameters, *LOGIN) == ["libpq", "of libpq", "prefer"]
    assert taken(parameters, "target_session_attrs", "connect_timeout") == ["any", "9"]


def test_a_lower_place_fills_host_port_and_database_and_no_more(place: Place) -> None:
    place.mount_secret({"user": b"pinakes"})
    parameters = place.parameters(LIBPQ)
    assert taken(parameters, *WHERE) == ["libpq", "7777", "libpq"]
    assert taken(parameters, *LOGIN) == ["pinakes", None, "require"]
    assert taken(parameters, "target_session_attrs", "connect_timeout") == ["read-write", "3"]


def test_a_higher_place_says_where_to_even_without_the_login(place: Place) -> None:
    place.mount_secret(page_secret(user=None, sslmode="disable", target_session_attrs="primary"))
    place.environment |= VARIABLES
    parameters = place.parameters()
    assert taken(parameters, *LOGIN) == ["variable", "of the variables", "allow"]
    assert taken(parameters, *WHERE) == ["db.example", "5432", "metadata"]
    assert parameters["target_session_attrs"] == "primary"


def test_the_authorities_of_the_secret_serve_the_variables_too(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
    place.mount_secret({"ca.crt": b"system"})
    place.environment |= VARIABLES | {"METADATA_PG_SSLMODE": ""}
    assert "system's certificates" in place.refusal()


def test_the_client_certificate_belongs_to_the_first_two(place: Place) -> None:
    place.mount_client({"tls.crt": b"certificate"})
    place.environment |= VARIABLES
    assert "tls.key is missing" in place.refusal(LIBPQ)
    place.mount_secret(page_secret(sslmode="require"))
    assert "tls.key is missing" in place.refusal(LIBPQ)
    del place.environment["METADATA_PG_USER"]
    place.mount_secret(page_secret(user=None))
    assert place.parameters(LIBPQ)["user"] == "libpq"


def test_files_of_libpq_that_are_missing_do_not_matter_to_another_login(place: Place) -> None:
    place.mount_secret(SECRET)
    broken = {"PGSSLROOTCERT": "/nowhere", "PGSSLCERT": "/nowhere"}
    assert place.parameters(LIBPQ | broken)["user"] == "pinakes"
    place.environment = {}
    assert "PGSSLROOTCERT" in place.refusal(LIBPQ | broken)


def test_an_optional_secret_that_is_not_there_is_no_certificate(place: Place) -> None:
    place.mount_secret(page_secret(sslmode="require"))
    place.mount_client({})
    assert place.parameters()["sslcert"] == NOWHERE


def test_without_tls_no_certificate_is_looked_at(place: Place) -> None:
    place.mount_secret(SECRET | {"ca.crt": b"nonsense"})
    place.environment["METADATA_PG_CLIENT_TLS_DIR"] = "/nowhere"
    assert place.parameters()["sslmode"] == "disable"


def test_libpqs_variables_count_only_where_they_are_given(place: Place) -> None:
    assert place.refusal() == (
        "the database is not configured: METADATA_PG_HOST, METADATA_PG_USER, METADATA_PG_DBNAME"
        " missing"
    )


def test_what_is_missing_is_named_at_every_place(place: Place) -> None:
    place.mount_secret({"host": b"db"})
    secret = place.environment["METADATA_PG_SECRET_DIR"]
    assert place.refusal({"PGUSER": "libpq"}) == (
        "the database is not configured:"
        f" dbname in {secret} or METADATA_PG_DBNAME or PGDATABASE missing"
    )


def test_a_missing_mode_never_ends_in_plain_text(place: Place) -> None:
    place.mount_secret(page_secret(sslmode=None))
    assert place.parameters()["sslmode"] == "require"
    place.mount_secret(page_secret(sslmode="\n"))
    assert place.parameters()["sslmode"] == "require"
    assert default_mode(b"certificates") is SslMode.VERIFY_FULL
    assert default_mode(None) is SslMode.REQUIRE


@pytest.mark.parametrize("mode", ["Require", "verify_full", "true", "require "])
def test_an_unknown_mode_is_refused_with_the_known_ones(place: Place, mode: str) -> None:
    place.mount_secret(page_secret(sslmode=mode))
    assert "is none of disable, allow, prefer, require, verify-ca, verify-full" in place.refusal()


@pytest.mark.parametrize(
    ("mode", "ca", "reason"),
    [
        ("verify-ca", None, "needs the certificates in ca.crt"),
        ("verify-full", None, "needs the certificates in ca.crt"),
        ("allow", b"x", "use verify-full, or take ca.crt away"),
        ("prefer", b"x", "use verify-full, or take ca.crt away"),
        ("require", b"", "ca.crt is empty"),
        ("verify-full", b" \r\n", "ca.crt is empty"),
        ("verify-full", b"nonsense", "ca.crt holds no certificate"),
        ("verify-full", b"\xff\xfe", "ca.crt holds no certificate"),
        ("require", b"system", "only of use with verify-full"),
    ],
)
def test_authorities_that_would_not_do_what_was_meant_are_refused(
    place: Place, mode: str, ca: bytes | None, reason: str
) -> None:
    place.mount_secret(page_secret(sslmode=mode) | ({} if ca is None else {"ca.crt": ca}))
    assert reason in place.refusal()


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_the_systems_authorities_are_looked_at_as_others_are(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    bundle = tmp_path / "bundle"
    bundle.write_bytes(content or b"")
    if content is None:
        monkeypatch.setattr(Path, "is_file", _is_forbidden)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    place.mount_secret(page_secret(sslmode="verify-full") | {"ca.crt": b"system"})
    assert "the system's certificates" in place.refusal()


def _is_forbidden(_: Path) -> bool:
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def test_a_secret_that_cannot_be_read_is_told(place: Place) -> None:
    place.environment = {"METADATA_PG_SECRET_DIR": "/nowhere"} | VARIABLES
    assert place.refusal() == "/nowhere cannot be read: No such file or directory"


def test_a_secret_is_read_anew_every_time(place: Place) -> None:
    place.mount_secret(page_secret(password="old"))
    reader = place.reader()
    assert "old" in reader.conninfo()
    place.mount_secret(page_secret(password="new\n"))
    assert "new" in reader.conninfo()
    assert "old" not in reader.conninfo()


@pytest.mark.parametrize(
    "value",
    [
        r"' \ & % # @ é",
        r"\\''",
        "'; host=elsewhere",
        " spaces ",
        "=",
        "%s",
        "x' sslmode='disable",
        "postgresql://elsewhere/",
        "host=elsewhere",
    ],
)
@pytest.mark.parametrize("key", ["password", "user", "dbname"])
def test_values_are_quoted(place: Place, key: str, value: str) -> None:
    place.mount_secret(SECRET | {key: value.encode()})
    parameters = place.parameters()
    assert parameters[key] == value
    assert parameters["host"] == "db.example"


@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [
        ("h", None, "5432"),
        ("h", "1", "1"),
        ("h1,h2", "1", "1"),
        ("h1,h2", "1,2", "1,2"),
        ("h1,h2", "1,", "1,"),
        ("h1,h2", None, "5432"),
        ("/run/postgresql", "65535", "65535"),
        ("::1", "1", "1"),
        ("fe80::1%eth0,192.0.2.1", "1", "1"),
        ("@abstract", "1", "1"),
    ],
)
def test_hosts_and_ports(place: Place, host: str, port: str | None, expected: str) -> None:
    place.mount_secret(page_secret(host=host, port=port))
    parameters = place.parameters()
    assert taken(parameters, "host", "port") == [host, expected]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("port", "0"),
        ("port", "65536"),
        ("port", "-1"),
        ("port", "5432x"),
        ("port", "tcp://10.0.0.1:5432"),
        ("port", "５４３２"),  # noqa: RUF001 - digits, but not to libpq
        ("port", "5432;5433"),
        ("host", "h1,"),
        ("host", "h1,,h2"),
        ("host", "h1, h2"),
        ("host", "db example"),
        ("host", "h1:5432"),
        ("host", "h1,h2:5432"),
        ("host", "[::1]"),
        ("host", "tcp://h1"),
        ("host", "postgresql://u:swordfish@h1/d"),
        ("host", "h1/d"),
        ("host", "swordfish@h1"),
        ("port", "1" * 5000),
        ("connect_timeout", "0"),
        ("connect_timeout", "soon"),
        ("target_session_attrs", "readwrite"),
    ],
)
def test_a_value_that_means_nothing_is_named_and_not_repeated(
    place: Place, key: str, value: str
) -> None:
    place.mount_secret(page_secret() | {key: value.encode()})
    secret = place.environment["METADATA_PG_SECRET_DIR"]
    assert place.refusal() == f"{key} in {secret} has a value that means nothing"


def test_as_many_ports_as_hosts(place: Place) -> None:
    place.mount_secret(page_secret(host="h1,h2,h3", port="1,2"))
    assert "neither one port nor as many ports as hosts" in place.refusal()


def test_what_is_shipped(place: Place) -> None:
    place.mount_secret(SECRET)
    parameters = place.parameters()
    expected = {
        "connect_timeout": "3",
        "target_session_attrs": "read-write",
        "keepalives": "1",
        "keepalives_idle": "30",
        "keepalives_interval": "10",
        "keepalives_count": "3",
        "tcp_user_timeout": "15000",
        "gssencmode": "disable",
        "options": "",
        "application_name": f"pinakes/{socket.gethostname()}",
        "client_encoding": "UTF8",
    }
    assert expected.items() <= parameters.items()


@pytest.mark.parametrize("parameter", ["passfile", "sslrootcert", "sslcert", "sslcrl"])
def test_no_file_of_the_home_directory_is_left_to_libpq(place: Place, parameter: str) -> None:
    place.mount_secret(page_secret(sslmode="require"))
    assert place.parameters()[parameter] == "/dev/null/nowhere"


def test_a_configuration_does_not_show_its_values() -> None:
    assert "of" not in repr(Configuration(VARIABLES, LIBPQ))[len("Configuration") :]


def test_no_refusal_has_the_password(place: Place) -> None:
    for broken in ({"sslmode": b"x"}, {"port": b"x"}, {"host": b"\0"}, {"ca.crt": b""}):
        place.mount_secret(page_secret(password="swordfish") | broken)
        assert "swordfish" not in place.refusal()


def test_a_password_from_elsewhere_counts_in_place_of_the_described_one(place: Place) -> None:
    place.mount_secret(SECRET)
    parameters = conninfo_to_dict(place.reader().conninfo("a new one"))
    assert (parameters["user"], parameters["password"]) == ("pinakes", "a new one")
    place.mount_secret(page_secret(sslmode="disable", password=None))
    assert conninfo_to_dict(place.reader().conninfo("a new one"))["password"] == "a new one"


@pytest.mark.parametrize(
    ("host", "port", "login"),
    [
        (b"db.example", b"6432", Login("db.example", 6432, "pinakes")),
        (b"db.example", None, Login("db.example", 5432, "pinakes")),
        (b"one,two", b"1,2", Login("one", 1, "pinakes")),
        (b"one,two", b",2", Login("one", 5432, "pinakes")),
    ],
)
def test_a_login_is_of_the_first_host(
    place: Place, host: bytes, port: bytes | None, login: Login
) -> None:
    files = page_secret(port=None) | {"host": host} | ({"port": port} if port else {})
    place.mount_secret(files)
    assert place.reader().login() == login


def test_a_login_that_is_not_described_is_refused(place: Place) -> None:
    place.mount_secret(page_secret(host=None))
    with pytest.raises(ConfigurationError, match=r"host in .* missing"):
        place.reader().login()


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer", "require", "verify-full", None])
def test_a_token_goes_over_tls_alone(place: Place, mode: str | None) -> None:
    place.mount_secret(page_secret(sslmode=mode))
    configuration = Configuration(place.environment, {}, needs_tls=True)
    reader = ConnectionReader(configuration, PrivateFiles())
    if mode in ("disable", "allow", "prefer"):
        for refused in (reader.login, reader.conninfo, reader.trust):
            with pytest.raises(ConfigurationError, match="set require or stricter"):
                refused()
    else:
        assert reader.login() == place.reader().login()
