"""Every mistake that can be made with the secret, and the one thing that the doctor says to do."""

import os
from pathlib import Path

import psycopg
import pytest

from doctor.ward import Doctor, Ward
from pinakes.postgres.embedded.server import free_port
from pinakes.postgres.origin import Origin
from tls.servers import CERTIFIED, EITHER, PASSWORD, PLAIN_ONLY, REJECTED, TLS_ONLY


def test_what_works_is_all_well(ward: Ward, doctor: Doctor) -> None:
    found = doctor(ward.secret())
    assert not found.failed()
    assert found.message("tls.session").startswith("TLSv1.3")
    assert "doctor: all well" in found.printed()
    assert found.message("schema.write") == "a model was written, and rolled back"


def test_nothing_of_the_written_row_stays(ward: Ward, doctor: Doctor) -> None:
    doctor(ward.secret())
    with psycopg.connect(ward.main.conninfo()) as connection:
        assert not list(connection.execute("select from pinakes.models"))
        assert not list(connection.execute("select from pinakes.model_revisions"))


def test_a_closed_port(ward: Ward, doctor: Doctor) -> None:
    found = doctor(ward.secret(port=str(free_port())))
    assert found.failed() == ["tcp.connect"]
    assert "connection refused" in found.message("tcp.connect")
    assert "start PostgreSQL there" in found.fix("tcp.connect")
    assert "port in " in found.fix("tcp.connect")
    assert found.message("auth.login") == "not looked at, since tcp.connect failed"
    assert "→ start PostgreSQL there" in found.printed()
    assert "doctor: 1 check failed" in found.printed()


@pytest.mark.parametrize("host", ["db.invalid", f"{'h' * 70}.example", "ä..b"])
def test_a_host_that_is_not_known(ward: Ward, doctor: Doctor, host: str) -> None:
    found = doctor(ward.secret(host=host))
    assert found.failed() == ["dns.resolve"]
    assert found.fix("dns.resolve").startswith("correct host in ")


def test_one_of_several_hosts_that_cannot_be_a_name(ward: Ward, doctor: Doctor) -> None:
    found = doctor(ward.secret(host="ä..b,localhost"))
    assert found.status("dns.resolve") == "warning"
    assert found.failed() == ["auth.login"]
    assert found.message("auth.login") == "one of the hosts has a name that cannot be looked up"
    assert found.fix("auth.login").startswith("correct host in ")


def test_the_wrong_authority(ward: Ward, doctor: Doctor) -> None:
    found = doctor(ward.secret(**{"ca.crt": ward.foreign.pem.decode()}))
    assert found.failed() == ["tls.chain"]
    assert "issued by CN=intermediate" in found.message("tls.chain")
    assert found.fix("tls.chain").startswith("put the certificate of that authority")


def test_an_authority_without_its_root(ward: Ward, doctor: Doctor) -> None:
    found = doctor(ward.secret(**{"ca.crt": ward.intermediate.pem.decode()}))
    assert found.failed() == ["cert.authorities"]
    assert found.fix("cert.authorities") == "add the certificate of CN=root to ca.crt"


def test_no_authority_for_verify_full(ward: Ward, doctor: Doctor) -> None:
    found = doctor(ward.secret(**{"ca.crt": None}))
    assert found.failed() == ["secret.values"]
    assert found.fix("secret.values") == "add the authority's certificate to the secret, as ca.crt"


def test_an_authority_beside_prefer(ward: Ward, doctor: Doctor) -> None:
    found = doctor(ward.secret(sslmode="prefer"))
    assert found.failed() == ["secret.values"]
    assert found.fix("secret.values") == "set sslmode to verify-full"


def test_the_systems_authorities_beside_require(ward: Ward, doctor: Doctor) -> None:
    found = doctor(ward.secret(sslmode="require", **{"ca.crt": "system"}))
    assert found.failed() == ["secret.values"]
    assert found.fix("secret.values") == "set sslmode to verify-full"


@pytest.mark.parametrize(
    ("file", "problem"),
    [
        ("/nowhere/at/all", "not where systems have them"),
        ("/proc/self/mem", "cannot be read: Input/output error"),
        (__file__, "holds no certificate that can be read"),
        (os.devnull, "not where systems have them"),
    ],
)
def test_systems_authorities_that_are_of_no_use(
    ward: Ward, doctor: Doctor, file: str, problem: str
) -> None:
    found = doctor(ward.secret(**{"ca.crt": "system"}), SSL_CERT_FILE=file)
    assert found.failed() == ["cert.authorities"]
    assert problem in found.message("cert.authorities")
    assert found.fix("cert.authorities").startswith("install the package ca-certificates")


def test_extra_authorities_that_are_of_no_use(ward: Ward, doctor: Doctor, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    bundle.write_bytes(ward.root.pem)
    variables = {"SSL_CERT_FILE": str(bundle), "PINAKES_EXTRA_CA_FILE": "/nowhere/at/all"}
    found = doctor(ward.secret(**{"ca.crt": "system"}), **variables)
    assert found.failed() == ["cert.authorities"]
    assert found.fix("cert.authorities").startswith("mount certificates where PINAKES_EXTRA_CA")


@pytest.mark.parametrize("host", ["localhost:5432", "postgresql://u:hush@localhost:5432/d"])
def test_a_host_with_more_in_it(ward: Ward, doctor: Doctor, host: str) -> None:
    found = doctor(ward.secret(host=host))
    assert found.failed() == ["secret.values"]
    assert found.fix("secret.values").startswith("give names or addresses alone")
    assert "into the key uri" in found.fix("secret.values")
    assert "hush" not in str(found.findings)


@pytest.mark.parametrize(
    ("password", "fix"),
    [
        ("pw@Secret1", "write each @ of the user, the password and the database as %40"),
        ("%ffSecret1", "write the value anew, as UTF-8"),
    ],
)
def test_a_password_that_a_uri_cannot_have_like_this(
    doctor: Doctor, password: str, fix: str
) -> None:
    found = doctor({"uri": f"postgres://app:{password}@localhost:6501/meta".encode()})
    assert found.failed() == ["secret.values"]
    assert found.fix("secret.values") == fix
    assert found.status("secret.keys") == "skipped"
    assert "Secret1" not in str(found.findings) + found.printed()


@pytest.mark.parametrize("content", ["", "no certificate"])
def test_an_authority_that_cannot_be_read(ward: Ward, doctor: Doctor, content: str) -> None:
    found = doctor(ward.secret(**{"ca.crt": content}))
    assert found.failed() == ["cert.authorities"]
    assert "into ca.crt, as PEM" in found.fix("cert.authorities")


def test_a_host_that_is_not_in_the_certificate(ward: Ward, doctor: Doctor) -> None:
    found = doctor(ward.secret(host="127.0.0.1"))
    assert found.failed() == ["tls.names"]
    assert "127.0.0.1 is not in the server's certificate" in found.message("tls.names")
    assert "for localhost" in found.message("tls.names")
    assert found.fix("tls.names").endswith("such as localhost")


def test_a_server_certificate_that_has_expired(ward: Ward, doctor: Doctor) -> None:
    ward.changing.present(ward.root.issue("server", "localhost", expired=True))
    found = doctor(ward.secret(ward.changing))
    assert found.failed() == ["tls.chain"]
    assert "expired on" in found.message("tls.chain")
    assert found.fix("tls.chain") == "renew the certificate of the server"


def test_a_server_certificate_that_nobody_signed(ward: Ward, doctor: Doctor) -> None:
    ward.changing.present(ward.foreign.issue("server", "localhost"))
    found = doctor(ward.secret(ward.changing, sslmode="verify-ca"))
    assert found.failed() == ["tls.chain"]
    assert "issued by CN=foreign" in found.message("tls.chain")


def test_a_server_without_tls(ward: Ward, doctor: Doctor) -> None:
    found = doctor(ward.secret(ward.without_tls, sslmode="require", **{"ca.crt": None}))
    assert found.failed() == ["tls.request"]
    assert "speaks no TLS, which sslmode require asks for" in found.message("tls.request")
    assert found.fix("tls.request").startswith("switch TLS on in the server")


def test_a_server_that_wants_tls(ward: Ward, doctor: Doctor) -> None:
    found = doctor(ward.secret(user=TLS_ONLY, sslmode="disable"))
    assert found.failed() == ["auth.startup"]
    assert "only with TLS" in found.message("auth.startup")
    assert found.fix("auth.startup").startswith("set sslmode to verify-full")


def test_a_login_that_pg_hba_does_not_know(ward: Ward, doctor: Doctor) -> None:
    found = doctor(ward.secret(user=PLAIN_ONLY))
    assert found.failed() == ["auth.startup"]
    assert "pg_hba.conf of the server has no entry" in found.message("auth.startup")
    assert found.fix("auth.startup").startswith(
        'add to pg_hba.conf: hostssl "metadata" "plain_only" samenet'
    )


def test_a_login_that_pg_hba_rejects(ward: Ward, doctor: Doctor) -> None:
    found = doctor(ward.secret(user=REJECTED))
    assert found.failed() == ["auth.startup"]
    assert "a line of the server's pg_hba.conf rejects rejected" in found.message("auth.startup")
    assert found.fix("auth.startup").startswith("change that line, or put above it: hostssl")


def test_a_client_certificate_that_is_missing(ward: Ward, doctor: Doctor) -> None:
    found = doctor(ward.secret(user=CERTIFIED))
    assert found.failed() == ["auth.startup"]
    assert "asks for a client certificate" in found.message("auth.startup")
    assert "METADATA_PG_CLIENT_TLS_DIR" in found.fix("auth.startup")


def test_a_client_certificate_of_a_stranger(ward: Ward, doctor: Doctor) -> None:
    found = doctor(ward.secret(user=CERTIFIED), ward.foreign.issue(CERTIFIED))
    assert found.failed() == ["auth.startup"]
    assert "does not accept our client certificate" in found.message("auth.startup")
    assert "signed by an authority in the server's ssl_ca_file" in found.fix("auth.startup")


def test_a_client_certificate_that_has_expired(ward: Ward, doctor: Doctor) -> None:
    found = doctor(ward.secret(user=CERTIFIED), ward.root.issue(CERTIFIED, expired=True))
    assert found.failed() == ["auth.startup"]
    assert "our client certificate has expired" in found.message("auth.startup")
    assert found.fix("auth.startup") == "renew tls.crt"
    assert "tls.crt expired on" in found.message("cert.expiry")


def test_a_client_certificate_without_its_own_key(ward: Ward, doctor: Doctor) -> None:
    one, other = ward.root.issue(CERTIFIED), ward.root.issue(CERTIFIED)
    mixed = type(one)(one.certificate, other.key)
    found = doctor(ward.secret(user=CERTIFIED), mixed)
    assert found.failed() == ["cert.pair"]
    assert found.message("cert.pair") == "tls.crt and tls.key are no pair"


def test_a_key_that_needs_a_passphrase(ward: Ward, doctor: Doctor) -> None:
    encrypted = ward.root.issue(CERTIFIED, password=b"open sesame")
    found = doctor(ward.secret(user=CERTIFIED), encrypted)
    assert found.failed() == ["cert.pair"]
    assert "tls.key is encrypted" in found.message("cert.pair")
    assert "openssl pkey -in tls.key" in found.fix("cert.pair")


def test_a_wrong_password(ward: Ward, doctor: Doctor) -> None:
    found = doctor(ward.secret(password="not this one"))
    assert found.failed() == ["auth.login"]
    assert "SCRAM" in found.message("auth.startup")
    assert found.message("auth.login") == f"the password of {EITHER} is wrong"
    assert "correct password in " in found.fix("auth.login")
    assert "not this one" not in str(found.findings) + found.printed()


@pytest.mark.parametrize(("mode", "user"), [("allow", TLS_ONLY), ("prefer", PLAIN_ONLY)])
def test_a_wrong_password_where_libpq_tries_a_second_time(
    ward: Ward, doctor: Doctor, mode: str, user: str
) -> None:
    found = doctor(ward.secret(user=user, sslmode=mode, password="no", **{"ca.crt": None}))
    assert found.failed() == ["auth.login"]
    assert "SCRAM" in found.message("auth.startup")
    assert found.message("auth.login") == f"the password of {user} is wrong"


@pytest.mark.parametrize(
    ("is_followed", "told"),
    [(False, "make the copy anew ('pinakes secret from')"), (True, "the log of its follower")],
)
def test_a_wrong_password_in_a_copy_may_be_that_of_before(
    ward: Ward, doctor: Doctor, is_followed: bool, told: str
) -> None:
    origin = Origin("postgres", "pinakes-db-app", "4711", is_followed)
    found = doctor(ward.secret(password="of before the rotation", source=origin.words()))
    assert found.failed() == ["auth.login"]
    assert found.status("secret.keys") == "ok"
    fix = found.fix("auth.login")
    assert fix.startswith("the mounted secret is a copy of postgres/pinakes-db-app (resourceV")
    assert told in fix


def test_what_others_keep_under_source_is_not_told(ward: Ward, doctor: Doctor) -> None:
    found = doctor(ward.secret(password="not this one", source="hush"))
    assert "correct password in " in found.fix("auth.login")
    assert "hush" not in str(found.findings)


def test_a_password_of_a_variable_is_no_copy(ward: Ward, doctor: Doctor) -> None:
    words = Origin("postgres", "pinakes-db-app", "4711").words()
    keys = ward.secret(user=None, password=None, source=words)
    found = doctor(keys, METADATA_PG_USER=EITHER, METADATA_PG_PASSWORD="not this one")
    assert "correct METADATA_PG_PASSWORD" in found.fix("auth.login")


def test_a_password_with_the_line_end_that_a_variable_keeps(ward: Ward, doctor: Doctor) -> None:
    keys = ward.secret(user=None, password=None)
    found = doctor(keys, METADATA_PG_USER=EITHER, METADATA_PG_PASSWORD=f"{PASSWORD}\n")
    assert found.failed() == ["auth.login"]
    assert found.message("auth.login") == f"the password of {EITHER} is wrong"
    told = "correct METADATA_PG_PASSWORD, whose value ends in a line end, or give"
    assert found.fix("auth.login").startswith(told)


def test_a_missing_password(ward: Ward, doctor: Doctor) -> None:
    found = doctor(ward.secret(password=None))
    assert found.failed() == ["auth.login"]
    assert found.fix("auth.login") == "add the key password to the secret"


def test_a_missing_database(ward: Ward, doctor: Doctor) -> None:
    found = doctor(ward.secret(dbname="elsewhere"))
    assert found.failed() == ["auth.login"]
    assert "there is no database elsewhere" in found.message("auth.login")
    assert found.fix("auth.login").startswith("create it (createdb elsewhere), or correct dbname")


def test_a_database_that_lets_nobody_in(ward: Ward, doctor: Doctor) -> None:
    with psycopg.connect(ward.main.conninfo(), autocommit=True) as connection:
        connection.execute("create database closed allow_connections false")
        found = doctor(ward.secret(dbname="closed"))
        connection.execute("drop database closed")
    assert found.failed() == ["auth.login"]
    assert found.message("auth.login") == "the database closed lets nobody in"
    assert found.fix("auth.login") == 'let it: alter database "closed" allow_connections true'


def test_a_role_without_rights(ward: Ward, doctor: Doctor) -> None:
    found = doctor(ward.secret(user=TLS_ONLY))
    assert found.failed() == ["role.privileges"]
    assert found.message("role.privileges") == "tls_only may not look into the schema pinakes"
    assert "'pinakes roles --sql --runtime tls_only'" in found.fix("role.privileges")
    assert found.message("schema.write") == "not looked at, since role.privileges failed"


def test_a_role_that_may_only_read(ward: Ward, doctor: Doctor) -> None:
    with psycopg.connect(ward.main.conninfo(), autocommit=True) as connection:
        connection.execute("grant usage on schema pinakes to certificate_only")
        connection.execute("grant select on all tables in schema pinakes to certificate_only")
    found = doctor(ward.secret(user="certificate_only", password=None), ward.root.issue(CERTIFIED))
    assert found.failed() == ["role.privileges"]
    assert "INSERT, UPDATE, DELETE on pinakes.models" in found.message("role.privileges")
    assert "INSERT on pinakes.model_revisions" in found.message("role.privileges")


def test_a_database_that_is_not_migrated(ward: Ward, doctor: Doctor) -> None:
    found = doctor(ward.secret(ward.without_tls, sslmode="disable"))
    assert found.failed() == ["schema.version"]
    assert found.fix("schema.version").startswith("run 'pinakes migrate'")
    assert 'create schema "pinakes" authorization' in found.fix("schema.version")


def test_a_misspelt_key(ward: Ward, doctor: Doctor) -> None:
    found = doctor(ward.secret(user=None, usr="either"))
    assert found.failed() == ["secret.keys"]
    assert found.fix("secret.keys") == "call usr, which nobody reads, user"


def test_a_key_whose_letters_changed_places(ward: Ward, doctor: Doctor) -> None:
    found = doctor(ward.secret(host=None, hots="localhost"))
    assert found.fix("secret.keys") == "call hots, which nobody reads, host"


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({}, "host, user and dbname stand nowhere"),
        ({"dbname": b"metadata"}, "host and user stand nowhere"),
        ({"user": b"app", "host": b"db"}, "dbname stands nowhere"),
    ],
)
def test_keys_that_are_missing(doctor: Doctor, keys: dict[str, bytes], told: str) -> None:
    found = doctor(keys)
    assert found.failed() == ["secret.keys"]
    assert found.message("secret.keys") == told


def test_a_secret_that_is_not_mounted(doctor: Doctor) -> None:
    found = doctor(METADATA_PG_SECRET_DIR="/nowhere/at/all")
    assert found.failed() == ["secret.source"]
    assert "is no directory" in found.message("secret.source")
    assert found.fix("secret.source").startswith("mount the secret at /nowhere/at/all")


@pytest.mark.parametrize("name", ["METADATA_PG_ENABLED", "PINAKES_MIGRATE_ON_START"])
def test_a_setting_that_means_nothing(doctor: Doctor, name: str) -> None:
    found = doctor(METADATA_PG_HOST="db", **{name: "maybe"})
    assert list(found.findings) == found.failed() == ["secret.source"]
    assert found.message("secret.source") == f"{name} is 'maybe', expected true or false"
    assert found.fix("secret.source").startswith("correct that variable")
    assert "doctor: 1 check failed" in found.printed()


def test_a_key_that_is_a_pipe(doctor: Doctor, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "password")
    found = doctor(METADATA_PG_SECRET_DIR=str(tmp_path))
    assert found.failed() == ["secret.source"]
    assert "password in " in found.message("secret.source")
    assert found.fix("secret.source").startswith("put a plain file in its place")
