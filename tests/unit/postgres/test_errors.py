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
