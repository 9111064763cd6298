"""What works, and is unwise: the connection is made, so nothing that it needs may fail."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import psycopg
import pytest

from doctor.ward import Doctor, Ward
from pinakes.postgres.embedded.server import free_port
from tls.liars import saying, silent, slamming
from tls.servers import CERTIFIED


def test_a_superuser(ward: Ward, doctor: Doctor) -> None:
    found = doctor(ward.secret(user="postgres"))
    assert not found.failed()
    assert found.status("role.attributes") == "warning"
    assert "doctor: all well" in found.printed()
    assert "superuser" in found.message("role.attributes")
    assert found.fix("role.attributes").startswith(
        'take it away: alter role "postgres" nosuperuser'
    )


def test_a_certificate_that_soon_expires(ward: Ward, doctor: Doctor) -> None:
    found = doctor(ward.secret())
    assert found.status("cert.expiry") == found.status("tls.expiry") == "warning"
    assert "expires on" in found.message("tls.expiry")


def test_certificates_that_the_system_looks_after_are_not_judged(
    ward: Ward, doctor: Doctor, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle"
    bundle.write_bytes(ward.root.pem)
    found = doctor(ward.secret(**{"ca.crt": "system"}), SSL_CERT_FILE=str(bundle))
    assert not found.failed()
    assert found.message("cert.authorities") == "the system's bundle holds CN=root"
    assert found.status("cert.expiry") == "skipped"


def test_a_key_that_others_may_read(ward: Ward, doctor: Doctor) -> None:
    found = doctor(ward.secret(user=CERTIFIED), ward.root.issue(CERTIFIED), key_mode=0o644)
    assert not found.failed()
    assert found.status("secret.modes") == "warning"
    assert "defaultMode 0440" in found.fix("secret.modes")
    assert found.message("tls.client") == "the server knows us as /CN=certified"


def test_a_pair_that_nobody_needs(ward: Ward, doctor: Doctor) -> None:
    found = doctor(ward.secret(sslmode="disable"), METADATA_PG_CLIENT_TLS_DIR="/nowhere/at/all")
    assert not found.failed()
    assert found.status("secret.source") == "warning"


def test_the_names_that_operators_give_are_told(ward: Ward, doctor: Doctor) -> None:
    found = doctor(ward.secret(user=None, username="either", dbname=None, database="metadata"))
    assert not found.failed()
    assert "user (username)" in found.message("secret.keys")
    assert "dbname (database)" in found.message("secret.keys")


def test_plain_text(ward: Ward, doctor: Doctor) -> None:
    found = doctor(ward.secret(sslmode="disable"))
    assert not found.failed()
    assert found.status("tls.session") == "warning"


def test_a_server_that_nobody_verifies(ward: Ward, doctor: Doctor) -> None:
    found = doctor(ward.secret(sslmode="require", **{"ca.crt": None}))
    assert not found.failed()
    assert "nobody looks who it is" in found.message("tls.chain")


def test_a_fall_back_to_plain_text(ward: Ward, doctor: Doctor) -> None:
    found = doctor(ward.secret(ward.without_tls, sslmode="prefer", **{"ca.crt": None}))
    assert found.failed() == ["schema.version"]
    assert found.status("tls.request") == found.status("tls.session") == "warning"


def test_one_of_several_hosts_that_is_away(ward: Ward, doctor: Doctor) -> None:
    ports = f"{free_port()},{ward.main.port}"
    found = doctor(ward.secret(host="localhost,localhost", port=ports))
    assert not found.failed()
    assert found.status("tcp.connect") == "warning"
    assert found.status("auth.login") == "ok"


def test_one_of_several_hosts_that_is_silent(ward: Ward, doctor: Doctor) -> None:
    with silent() as port:
        ports = f"{port},{ward.main.port}"
        found = doctor(ward.secret(host="localhost,localhost", port=ports, sslmode="disable"))
    assert not found.failed()
    assert found.status("auth.startup") == "warning"
    assert found.message("auth.startup").startswith(f"localhost:{port} (127.0.0.1) does not answer")


def test_a_variable_that_nobody_reads(ward: Ward, doctor: Doctor) -> None:
    found = doctor(ward.secret(), METADATA_PG_PASSWRD="anything")
    assert found.status("secret.keys") == "warning"
    assert found.fix("secret.keys") == "call it METADATA_PG_PASSWORD, or take it away"


def test_an_index_that_was_never_completed(ward: Ward, doctor: Doctor) -> None:
    invalid = (
        "update pg_index set indisvalid = {} where indexrelid = 'pinakes.models_by_name'::regclass"
    )
    with psycopg.connect(ward.main.conninfo(), autocommit=True) as connection:
        connection.execute(invalid.format("false").encode())
        found = doctor(ward.secret())
        connection.execute(invalid.format("true").encode())
    assert found.status("schema.indexes") == "warning"
    assert found.fix("schema.indexes").endswith('"pinakes"."models_by_name"')


def test_a_schema_that_was_changed_by_hand(ward: Ward, doctor: Doctor) -> None:
    with psycopg.connect(ward.main.conninfo(), autocommit=True) as connection:
        connection.execute("alter table pinakes.models alter version drop not null")
        found = doctor(ward.secret())
        connection.execute("alter table pinakes.models alter version set not null")
    assert not found.failed()
    assert "column version of models is text" in found.message("schema.drift")
    assert doctor(ward.secret()).status("schema.drift") == "ok"


def test_a_server_that_never_answers_is_not_waited_for_long(ward: Ward, doctor: Doctor) -> None:
    start = time.monotonic()
    with silent() as port:
        found = doctor(ward.secret(port=str(port)))
    assert time.monotonic() - start < 30
    assert found.failed() == ["tls.request"]
    assert "does not answer as PostgreSQL does: no answer in time" in found.message("tls.request")


@pytest.mark.parametrize(
    ("listening", "problem"),
    [
        (silent, "no answer in time"),
        (lambda: saying(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "it speaks another protocol"),
        (lambda: saying(b"R\0\0\0\4"), "it speaks another protocol"),
        (slamming, "connection reset by peer"),
    ],
    ids=["silent", "another protocol", "much the same", "closed at once"],
)
def test_what_is_no_postgresql_is_seen_without_tls_as_well(
    ward: Ward, doctor: Doctor, listening: Callable[[], AbstractContextManager[int]], problem: str
) -> None:
    with listening() as port:
        found = doctor(ward.secret(port=str(port), sslmode="disable"))
    assert found.failed() == ["auth.startup"]
    assert found.message("auth.startup").endswith(f"does not answer as PostgreSQL does: {problem}")
    assert found.fix("auth.startup").startswith("see what listens there, and correct port in ")


def test_what_is_switched_off_is_not_connected_to(doctor: Doctor) -> None:
    found = doctor(METADATA_PG_ENABLED="false", METADATA_PG_HOST="db.invalid")
    assert list(found.findings) == ["secret.source"]
    assert "METADATA_PG_ENABLED is false" in found.message("secret.source")


def test_the_embedded_server_is_explained(doctor: Doctor) -> None:
    found = doctor(PINAKES_EMBEDDED="true")
    assert "starts a PostgreSQL of its own" in found.message("secret.source")


def test_no_database_at_all(doctor: Doctor) -> None:
    found = doctor(PINAKES_EMBEDDED="false")
    assert found.failed() == ["secret.source"]
    assert "METADATA_PG_SECRET_DIR" in found.fix("secret.source")


def test_a_role_that_may_change_the_history(ward: Ward, doctor: Doctor) -> None:
    with psycopg.connect(ward.main.conninfo(), autocommit=True) as connection:
        connection.execute("grant usage on schema pinakes to trusted")
        connection.execute("grant all on all tables in schema pinakes to trusted")
    found = doctor(ward.secret(user="trusted", password=None))
    assert not found.failed()
    assert found.status("role.privileges") == "warning"
    assert "UPDATE, DELETE, TRUNCATE on pinakes.model_revisions" in found.message("role.privileges")
    assert "revoke" in found.fix("role.privileges")
