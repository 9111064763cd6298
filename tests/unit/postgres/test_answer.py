"""What a password command may print, and what is refused without repeating it."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from pinakes.postgres.passwords.answer import MAX_SECONDS, PLAIN_SECONDS, read_answer
from pinakes.postgres.passwords.source import PasswordUnavailable


@pytest.mark.parametrize(
    ("output", "password"),
    [
        (b"secret", "secret"),
        (b"secret\n", "secret"),
        (b"secret\r\n", "secret"),
        (b" two words ", " two words "),
        ("pässwörd\n".encode(), "pässwörd"),
        (b'"quoted"', '"quoted"'),
        (b"[]", "[]"),
    ],
)
def test_text_is_the_password_but_for_one_line_end(output: bytes, password: str) -> None:
    answer = read_answer(output)
    assert (answer.text, answer.seconds) == (password, PLAIN_SECONDS)


def test_json_says_how_long_a_password_is_good() -> None:
    answer = read_answer(b' {"password": "{x}\\u0041", "expiresIn": 900}\n')
    assert (answer.text, answer.seconds) == ("{x}A", 900)
    assert read_answer(b'{"password": "x", "expiresIn": 0.5}').seconds == 0.5
    assert read_answer(b'{"password": "x"}').seconds == PLAIN_SECONDS
    assert read_answer(b'{"password": "x", "expiresIn": 1e300}').seconds == MAX_SECONDS


@pytest.mark.parametrize("offset", [0, 5.5, -8])
def test_json_says_when_a_password_expires(offset: float) -> None:
    there = (datetime.now(UTC) + timedelta(minutes=15)).astimezone(_zone(offset))
    answer = read_answer(json.dumps({"password": "x", "expiresAt": there.isoformat()}).encode())
    assert 890 < answer.seconds <= 900


def _zone(hours: float) -> timezone:
    return timezone(timedelta(hours=hours))


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        (b"", "no password"),
        (b"\n", "no password"),
        (b'{"password": ""}', "no password"),
        (b"hunter2\n\n", "line end"),
        (b"hunter2\nhunter2", "line end"),
        (b"hunter2\0", "NUL"),
        (b'{"password": "hunter2\\u0000"}', "NUL"),
        (b"hunter2\xff", "UTF-8"),
        (b"{hunter2", "JSON"),
        (b'{"password": "hunter2"} hunter2', "JSON"),
        (b'{"password": "hunter2", "hunter2": 1}', "JSON"),
        (b'{"Password": "hunter2"}', "JSON"),
        (b'{"password": 7}', "JSON"),
        (b'{"password": null}', "JSON"),
        (b'{"password": "hunter2", "expiresIn": "hunter2"}', "JSON"),
        (b'{"password": "hunter2", "expiresIn": 0}', "JSON"),
        (b'{"password": "hunter2", "expiresIn": -1}', "JSON"),
        (b'{"password": "hunter2", "expiresAt": "hunter2"}', "JSON"),
        (b'{"password": "hunter2", "expiresAt": "2999-01-01T00:00:00"}', "JSON"),
        (b'{"password": "hunter2", "expiresAt": 4102444800}', "JSON"),
        (b'{"password": "hunter2", "expiresAt": "2001-01-01T00:00:00Z"}', "expired already"),
        (
            b'{"password": "hunter2", "expiresAt": "2999-01-01T00:00:00Z", "expiresIn": 9}',
            "both expiresAt and expiresIn",
        ),
    ],
)
def test_anything_else_is_refused_and_not_repeated(output: bytes, problem: str) -> None:
    with pytest.raises(PasswordUnavailable, match=problem) as refusal:
        read_answer(output)
    assert "hunter2" not in str(refusal.value)
    assert refusal.value.__cause__ is None
