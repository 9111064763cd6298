"""What the checks make of what they see, where no server of the tests shows it."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from pinakes.doctor import login, server
from pinakes.doctor.finding import Evidence, Status
from pinakes.postgres.connection import NOWHERE
from pinakes.postgres.diagnosis.network import Address, Answer, Place
from pinakes.postgres.diagnosis.session import Refusal, Server
from unit.doctor.evidence import CONNINFO, NOW, SERVER, FakeSession, description, evidence

ADDRESS = Address(Place("db.example", 5432), "192.0.2.1")
SCRAM = Answer(ADDRESS, 10)


def refused(message: str) -> Evidence:
    return evidence(Refusal(message), answers=[SCRAM])


def seen(**changes: object) -> Evidence:
    changed: Server = replace(SERVER, **changes)  # pyright: ignore[reportArgumentType]
    return evidence(FakeSession(changed), seen=changed)


def test_a_wrong_password_is_recognised_in_any_language() -> None:
    said = "connection failed: FATAL:  Passwort-Authentifizierung für Benutzer »x« fehlgeschlagen"
    assert login.login(refused(said)).message.startswith("the password of pinakes is wrong")


@pytest.mark.parametrize(
    ("said", "fix"),
    [
        ('FATAL:  role "x" does not exist', "create it ('pinakes roles --sql' prints how)"),
        ('FATAL:  role "x" is not permitted to log in', "let it: alter role pinakes login"),
        ('FATAL:  permission denied for database "metadata"', "let it: grant connect on"),
        ("FATAL:  the database system is starting up", "wait, then"),
        ("FATAL:  sorry, too many clients already", "close idle ones, or raise"),
        ("session is read-only", "name the primary in host"),
        ("FATAL:  certificate authentication failed for user", "use one that is valid"),
    ],
)
def test_a_refusal_is_answered_with_one_thing_to_do(said: str, fix: str) -> None:
    verdict = login.login(refused(said))
    assert verdict.status is Status.FAILED
    assert verdict.fix.startswith(fix)


def test_a_refusal_that_nobody_foresaw_is_quoted() -> None:
    verdict = login.login(evidence(Refusal("connection failed\nFATAL:  something new")))
    assert "something new" in verdict.message
    assert "server's log" in verdict.fix


@pytest.mark.parametrize(
    ("number", "today", "status"),
    [
        (180000, date(2026, 6, 1), Status.OK),
        (140000, date(2026, 6, 1), Status.WARNING),
        (140000, date(2027, 6, 1), Status.WARNING),
        (130012, date(2026, 6, 1), Status.FAILED),
        (190000, date(2026, 6, 1), Status.OK),
    ],
)
def test_a_server_is_warned_of_half_a_year_before_its_end(
    number: int, today: date, status: Status
) -> None:
    at = NOW.replace(year=today.year, month=today.month, day=today.day)
    assert server.version(replace(seen(number=number), now=at)).status is status


def test_clocks_that_are_apart() -> None:
    verdict = server.clock(seen(time=NOW + timedelta(minutes=2)))
    assert verdict.message == "its clock and ours are 120 s apart"


def test_an_encoding_that_lacks_characters() -> None:
    assert server.encoding(seen(encoding="LATIN1")).status is Status.FAILED


def test_a_standby() -> None:
    assert server.replication(seen(is_standby=True)).fix == "name the primary in host"


def test_attributes_that_a_role_never_needs() -> None:
    role = ("app", False, True, True, False, False)
    verdict = server.attributes(evidence(FakeSession(role=[role])))
    assert verdict.fix == "take it away: alter role app nocreatedb nocreaterole"


@pytest.mark.parametrize(("names", "status"), [(["/CN=app"], Status.OK), ([None], Status.WARNING)])
def test_a_client_certificate_that_was_never_asked_for(
    names: list[str | None], status: Status, tmp_path: Path
) -> None:
    rows = [(True, "TLSv1.3", "TLS_AES_256_GCM_SHA384", name) for name in names]
    shown = tmp_path / "tls.crt"
    shown.write_text("a certificate")
    described = description(CONNINFO.replace(f"sslcert={NOWHERE}", f"sslcert={shown}"))
    verdict = login.client_certificate(
        evidence(FakeSession(encryption=rows), description=described)
    )
    assert verdict.status is status
