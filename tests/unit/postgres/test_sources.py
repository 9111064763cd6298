"""Where the description of the database may stand: the page's secret, and what others make."""

import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from pinakes.postgres.secret import ConfigurationError, Secret
from pinakes.postgres.sources import (
    ALIASES,
    LIBPQ_VARIABLES,
    SYSTEM,
    Certificate,
    Source,
    Trust,
    ca_of,
    libpq_source,
    secret_source,
    variables_source,
)

PAGE = {
    "host": "db",
    "port": "5432",
    "user": "pinakes",
    "password": "pw",
    "dbname": "metadata",
    "sslmode": "verify-full",
}


def secret_of(**files: str) -> Secret:
    return Secret(Path("/mnt"), {key: value.encode() for key, value in files.items()})


def source_of(**files: str) -> Source:
    return secret_source(secret_of(**files), Trust)


def uri_source(uri: str) -> Source:
    return source_of(uri=uri)


def test_the_secret_of_the_page_is_read() -> None:
    assert source_of(**PAGE).values == PAGE


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        # Zalando: the rest comes from elsewhere
        (
            {"username": "app", "password": "pw", "nextRotation": "2027-01-01T00:00:00Z"},
            {"user": "app", "password": "pw"},
        ),
        # CloudNativePG
        (
            {
                "username": "app",
                "user": "app",
                "password": "pw",
                "dbname": "app",
                "host": "c-rw",
                "port": "5432",
                "pgpass": "c-rw:5432:app:app:pw\n",
                "uri": "postgresql://app:pw@c-rw.ns:5432/app",
                "jdbc-uri": "jdbc:postgresql://c-rw.ns:5432/app?password=pw&user=app",
                "fqdn-uri": "postgresql://app:pw@c-rw.ns.svc.cluster.local:5432/app",
                "fqdn-jdbc-uri": "jdbc:postgresql://c-rw.ns.svc.cluster.local:5432/app",
            },
            {"user": "app", "password": "pw", "dbname": "app", "host": "c-rw", "port": "5432"},
        ),
        # Crunchy, with PgBouncer
        (
            {
                "host": "c-primary.ns.svc",
                "port": "5432",
                "user": "app",
                "password": "p:w@/",
                "verifier": "SCRAM-SHA-256$4096:x",
                "dbname": "app",
                "uri": "postgresql://app:p%3Aw%40%2F@c-primary.ns.svc:5432/app",
                "jdbc-uri": "jdbc:postgresql://c-primary.ns.svc:5432/app",
                "pgbouncer-host": "c-pgbouncer.ns.svc",
                "pgbouncer-uri": "postgresql://app:p%3Aw%40%2F@c-pgbouncer.ns.svc:5432/app",
            },
            {
                "host": "c-primary.ns.svc",
                "port": "5432",
                "user": "app",
                "password": "p:w@/",
                "dbname": "app",
            },
        ),
        # Service Binding
        (
            {
                "type": "postgresql",
                "provider": "somebody",
                "host": "db",
                "port": "5432",
                "username": "app",
                "password": "pw",
                "database": "app",
            },
            {"host": "db", "port": "5432", "user": "app", "password": "pw", "dbname": "app"},
        ),
        # a managed database's JSON, mapped key by key
        (
            {"endpoint": "db", "username": "app", "password": "pw", "db": "app"},
            {"host": "db", "user": "app", "password": "pw", "dbname": "app"},
        ),
    ],
    ids=["zalando", "cloudnativepg", "crunchy", "service-binding", "managed"],
)
def test_the_secrets_of_operators_are_read_as_they_are(
    files: dict[str, str], expected: dict[str, str]
) -> None:
    assert source_of(**files).values == expected


@pytest.mark.parametrize(
    ("keyword", "alias"), [(key, alias) for key, names in ALIASES.items() for alias in names]
)
def test_every_alias_is_read_and_named(keyword: str, alias: str) -> None:
    source = source_of(**{alias: "value\n"})
    assert source.values == {keyword: "value"}
    assert source.names[keyword] == f"{alias} in /mnt"


def test_the_pages_own_key_wins_over_an_alias() -> None:
    assert source_of(user="one", username="two").values == {"user": "one"}
    assert source_of(user="", username="two").values == {"user": "two"}


@pytest.mark.parametrize("key", ["ca.crt", "certificates", "sslrootcert", "server-ca.pem"])
def test_the_authorities_have_aliases_too(key: str) -> None:
    assert ca_of(Secret(Path("/mnt"), {key: b"-----BEGIN\r\n"})) == b"-----BEGIN\r\n"


def test_an_empty_authority_is_not_the_lack_of_one() -> None:
    assert ca_of(Secret(Path("/mnt"), {"ca.crt": b""})) == b""
    assert ca_of(Secret(Path("/mnt"), {})) is None


@pytest.mark.parametrize("key", ["uri", "fqdn-uri", "DATABASE_URL", "dsn"])
def test_a_connection_string_says_it_all(key: str) -> None:
    uri = (
        "postgresql://us%40er:p%20w%2F%25@h1:1,h2:2/d%20b?sslmode=require"
        "&target_session_attrs=any&connect_timeout=4\n"
    )
    assert source_of(**{key: uri}).values == {
        "host": "h1,h2",
        "port": "1,2",
        "user": "us@er",
        "password": "p w/%",
        "dbname": "d b",
        "sslmode": "require",
        "target_session_attrs": "any",
        "connect_timeout": "4",
    }


def test_it_may_be_of_keywords() -> None:
    source = source_of(dsn=r"host=h user='it''s' password='a\'b\\c'".replace("''", r"\'"))
    assert source.values == {"host": "h", "user": "it's", "password": r"a'b\c"}


def test_a_key_of_its_own_wins_over_the_connection_string() -> None:
    source = source_of(uri="postgresql://u:old@h/d", password="new")
    assert source.values == {"user": "u", "password": "new", "host": "h", "dbname": "d"}
    assert source.names["host"] == "host of uri in /mnt"


def test_a_parameter_that_libpq_does_not_know_may_be_of_a_password_and_is_not_quoted() -> None:
    with pytest.raises(ConfigurationError, match="asks for something that libpq does") as failure:
        source_of(uri="postgresql://u:swordfish@h/d?nonsense=swordfish")
    assert "swordfish" not in str(failure.value)


def test_an_empty_user_of_a_connection_string_is_none() -> None:
    assert "user" not in source_of(uri="postgresql://h/d?user=").values


@pytest.mark.parametrize(
    "foreign",
    [
        "hostaddr",
        "sslrootcert",
        "sslcert",
        "sslkey",
        "sslpassword",
        "sslcrl",
        "options",
        "service",
        "passfile",
        "channel_binding",
        "gssencmode",
        "application_name",
        "keepalives",
        "require_auth",
        "load_balance_hosts",
        "sslnegotiation",
    ],
)
def test_anything_else_in_it_is_refused_by_name(foreign: str) -> None:
    with pytest.raises(ConfigurationError, match=f"uri in /mnt asks for {foreign}, which") as told:
        uri_source(f"postgresql://u:swordfish@h/d?{foreign}=1")
    assert "swordfish" not in str(told.value)


@pytest.mark.parametrize("password", ["a[b", "a]b", "a[b]c", "a?b=c", "a#b", "a:b", "a&service=b"])
def test_a_password_in_it_may_have_whatever_libpq_takes(password: str) -> None:
    uri = f"postgresql://u:{password}@h/d"
    for text in (uri, f"{uri}?sslmode=require", f"host=h password={password}"):
        assert uri_source(text).values["password"] == password


def test_what_is_asked_for_is_found_behind_a_question_mark_of_the_password() -> None:
    with pytest.raises(ConfigurationError, match="uri in /mnt asks for service, which") as told:
        uri_source("postgres://u:sword?fish=1@h/d?service=ab")
    assert "fish" not in str(told.value)


@pytest.mark.parametrize(
    "uri",
    [
        "swordfish",
        "jdbc:postgresql://u:swordfish@h/d",
        "postgresql+psycopg://u:swordfish@h/d",
        "mysql://u:swordfish@h/d",
        "postgresql://u:swordfish%zz@h/d",
        "password='swordfish",
        "postgresql://u:swordfish@[::1/d",
    ],
)
def test_what_is_no_connection_string_is_refused_and_not_quoted(uri: str) -> None:
    with pytest.raises(ConfigurationError, match="uri in /mnt is no PostgreSQL URI") as failure:
        uri_source(uri)
    assert "swordfish" not in "".join(traceback.format_exception(failure.value))


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        ("postgres://u:p@swordfish@h/d", "has more than one @"),
        ("postgres://u:p@swordfish/x@h/d", "has more than one @"),
        ("postgres://u:%ffswordfish@h/d", "is not UTF-8"),
    ],
)
def test_a_password_that_is_not_written_as_a_uri_needs_it_is_refused(
    uri: str, problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"uri in /mnt {problem}") as failure:
        uri_source(uri)
    assert "swordfish" not in "".join(traceback.format_exception(failure.value))


def test_the_variables_are_read() -> None:
    environment = {f"METADATA_PG_{key.upper()}": value for key, value in PAGE.items()}
    source = variables_source(environment | {"PGUSER": "other", "METADATA_PG_ENABLED": "1"}, Trust)
    assert source.values == PAGE
    assert source.names["host"] == "METADATA_PG_HOST"


def test_an_empty_variable_is_none() -> None:
    assert not variables_source({"METADATA_PG_HOST": ""}, Trust).values


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("METADATA_PG_PASSWORD", lambda environment: variables_source(environment, Trust)),
        ("PGPASSWORD", libpq_source),
    ],
)
def test_a_variable_that_is_no_text_is_named_and_not_quoted(
    name: str, read: Callable[[dict[str, str]], Source]
) -> None:
    environment = {name: b"swordfish\xff".decode(errors="surrogateescape")}
    with pytest.raises(ConfigurationError, match=f"{name} is not UTF-8") as failure:
        read(environment)
    assert "swordfish" not in "".join(traceback.format_exception(failure.value))


def test_libpqs_variables_are_read() -> None:
    values = {keyword: keyword for keyword in LIBPQ_VARIABLES}
    environment = {LIBPQ_VARIABLES[keyword]: value for keyword, value in values.items()}
    ignored = {
        "PGSERVICE": "s",
        "PGSERVICEFILE": "f",
        "PGPASSFILE": "p",
        "PGOPTIONS": "-c x=y",
        "PGHOSTADDR": "192.0.2.1",
    }
    source = libpq_source(environment | ignored)
    assert source.values == values
    assert source.read_trust() == Trust()


def test_the_files_that_they_name_are_read_when_they_are_asked_for(tmp_path: Path) -> None:
    variables = {"PGSSLROOTCERT": "ca", "PGSSLCERT": "certificate", "PGSSLKEY": "key"}
    environment = {name: str(tmp_path / file) for name, file in variables.items()}
    source = libpq_source(environment)
    with pytest.raises(ConfigurationError, match="PGSSLROOTCERT names cannot be read: No such"):
        source.read_trust()
    (tmp_path / "ca").write_text("ca")
    with pytest.raises(ConfigurationError, match="PGSSLCERT names cannot be read: No such"):
        source.read_trust()
    for file in variables.values():
        (tmp_path / file).write_text(file)
    assert source.read_trust() == Trust(b"ca", Certificate(b"certificate", b"key"))


def test_the_word_system_names_no_file() -> None:
    assert libpq_source({"PGSSLROOTCERT": "system"}).read_trust() == Trust(SYSTEM)


def test_one_half_of_a_pair_is_not_the_lack_of_it(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("key")
    trust = libpq_source({"PGSSLKEY": str(tmp_path / "key")}).read_trust()
    assert trust.certificate == Certificate(b"", b"key")


def test_nothing_shows_a_password_or_a_key() -> None:
    source = source_of(**PAGE | {"password": "swordfish"})
    certificate = Certificate(b"public", b"swordfish")
    for shown in (source, certificate, Trust(None, certificate)):
        assert "swordfish" not in repr(shown)
