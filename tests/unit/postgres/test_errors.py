"""What libpq says when it cannot connect, in words that name nobody."""

import psycopg
import pytest

from pinakes.postgres.errors import explain_connect_failure


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ('FATAL:  too many connections for role "hush"', "it has no connection left"),
        ('FATAL:  too many connections for database "hush"', "it has no connection left"),
        ("FATAL:  sorry, too many clients already", "it has no connection left"),
        ("FATAL:  remaining connection slots are reserved", "it has no connection left"),
        ('FATAL:  password authentication failed for user "hush"', "the login was refused"),
        ('FATAL:  certificate authentication failed for user "hush"', "the login was refused"),
        ('FATAL:  role "hush" is not permitted to log in', "the login was refused"),
        (
            'FATAL:  permission denied for database "hush"',
            "the role may not connect to the database named in the configuration",
        ),
        (
            "FATAL:  the database system is not accepting connections",
            "it is starting up or shutting down",
        ),
        (
            "server closed the connection unexpectedly",
            "it ended the connection before it was made",
        ),
        ("FATAL:  something new about hush", "no connection could be made"),
    ],
)
def test_a_refusal_is_told_without_a_name(said: str, told: str) -> None:
    assert explain_connect_failure(psycopg.OperationalError(said)).told == told


@pytest.mark.parametrize("name", ["timeout.example", "refused", "read-only", "pg_hba.conf", "SSL"])
@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            'connection to server at "{}", port 1 failed: FATAL:  role "{}" does not exist',
            "the role named in the configuration does not exist",
        ),
        ("failed to resolve host '{}': [Errno -2] not known", "its host name is not known"),
        (
            "failed. All failures were:\n- host: '{}', port: 1: FATAL:  something new",
            "no connection could be made",
        ),
    ],
)
def test_a_name_is_not_taken_for_the_reason(name: str, said: str, told: str) -> None:
    error = psycopg.OperationalError(said.format(name, name))
    assert explain_connect_failure(error).told == told


@pytest.mark.parametrize(
    "said", ["connection refused", "timeout expired", "session is read-only", "not known"]
)
def test_a_login_refused_by_one_server_is_told_whatever_the_others_say(said: str) -> None:
    refused = 'FATAL:  password authentication failed for user "hush"'
    for both in (f"{said}\n{refused}", f"{refused}\n{said}"):
        assert explain_connect_failure(psycopg.OperationalError(both)).is_of_login


def test_what_is_not_understood_may_be_a_refusal_in_another_language() -> None:
    said = "FATAL:  Passwort-Authentifizierung für Benutzer »hush« fehlgeschlagen"
    assert explain_connect_failure(psycopg.OperationalError(said)).is_refusal


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("session is read-only", "it takes no writes at the moment (it is read-only)"),
        (
            "session is not read-only",
            "it is a primary, while target_session_attrs asks for a standby",
        ),
        (
            'FATAL:  pg_hba.conf rejects connection for host "h"',
            "a line of pg_hba.conf rejects this login",
        ),
        ('FATAL:  no pg_hba.conf entry for host "h"', "pg_hba.conf has no entry for this login"),
        (
            'FATAL:  database "hush" does not exist',
            "the database named in the configuration does not exist",
        ),
    ],
)
def test_what_is_alike_is_told_apart(said: str, told: str) -> None:
    assert explain_connect_failure(psycopg.OperationalError(said)).told == told
