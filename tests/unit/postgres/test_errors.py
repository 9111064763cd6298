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
