"""What the checks make of what they see, where no server of the tests shows it."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from pinakes.doctor import login, network, server
from pinakes.doctor.finding import Evidence, Status
from pinakes.postgres.connection import NOWHERE
from pinakes.postgres.diagnosis.network import Address, Answer, Handshake, Place
from pinakes.postgres.diagnosis.session import Refusal, Server
from unit.doctor.evidence import CONNINFO, NOW, SERVER, FakeSession, description, evidence

ADDRESS = Address(Place("db.example", 5432), "192.0.2.1")
SCRAM = Answer(ADDRESS, 10)


def refused(message: str) -> Evidence:
    return evidence(Refusal(message), answers=[SCRAM])


def seen(**changes: object) -> Evidence:
    changed: Server = replace(SERVER, **changes)  # pyright: ignore[reportArgumentType]
    return evidence(FakeSession(changed), seen=changed)


@pytest.mark.parametrize(
    "said",
    [
        "FATAL:  Passwort-Authentifizierung für Benutzer »x« fehlgeschlagen",
        'FATAL:  autenticazione con password fallita per l\'utente "x"',
        'ВАЖНО:  пользователь "x" не прошёл проверку подлинности (по паролю)',
        'FATAL:  ユーザー"x"のパスワード認証に失敗しました',
    ],
)
def test_a_wrong_password_is_guessed_in_any_language(said: str) -> None:
    verdict = login.login(refused(f"connection failed: {said}"))
    assert verdict.message.startswith("the password of pinakes is probably wrong")
    assert verdict.message.endswith(said)
    assert "SQLSTATE" not in verdict.message
    assert verdict.fix.startswith("correct password in /secret, or give")


def test_a_refusal_is_not_of_the_password_because_of_a_name() -> None:
    named = description("user=Passwort dbname=password host=h port=1", password="password in /")
    said = "FATAL:  etwas Neues über »Passwort« und »password«"
    verdict = login.login(evidence(Refusal(said), answers=[SCRAM], description=named))
    assert verdict.message == f"the server says: {said}"


@pytest.mark.parametrize(
    ("said", "fix"),
    [
        ('FATAL:  role "x" does not exist', "create it ('pinakes roles --sql' prints how)"),
        ('FATAL:  role "x" is not permitted to log in', 'let it: alter role "pinakes" login'),
        ('FATAL:  permission denied for database "metadata"', "let it: grant connect on"),
        ("FATAL:  the database system is starting up", "wait, then"),
        ("FATAL:  sorry, too many clients already", "close idle ones, or raise"),
        ("session is read-only", "name the primary in host"),
        ("session is not read-only", "set target_session_attrs to read-write"),
        ("server is not in hot standby mode", "set target_session_attrs to read-write"),
        ("FATAL:  certificate authentication failed for user", "use one that is valid"),
        ("FATAL:  the database system is not yet accepting connections", "wait, then"),
        (
            'FATAL:  database "metadata" is not currently accepting connections',
            'let it: alter database "metadata" allow_connections true',
        ),
        ("connection timeout expired", "find out what keeps the server busy"),
        ("server closed the connection unexpectedly", "look into the server's log"),
        ("FATAL:  no such database: metadata", "add it to [databases] in pgbouncer.ini"),
        ("FATAL:  SASL authentication failed", "correct password in /secret, or give"),
        (
            "FATAL:  server login has been failing, try again later (server_login_retry)",
            "start that server, or correct its host and port under [databases]",
        ),
        ("FATAL:  no more connections allowed (max_client_conn)", "close idle ones"),
        ("SSL error: tlsv1 alert protocol version", "let the server speak TLS 1.2"),
        ("SSL error: tlsv1 alert unknown ca", "use one that is valid"),
        (
            'FATAL:  pg_hba.conf rejects connection for host "h", user "u", database "d"',
            'change that line, or put above it: hostssl "metadata" "pinakes"',
        ),
    ],
)
def test_a_refusal_is_answered_with_one_thing_to_do(said: str, fix: str) -> None:
    verdict = login.login(refused(said))
    assert verdict.status is Status.FAILED
    assert verdict.fix.startswith(fix)


@pytest.mark.parametrize(
    "name",
    [
        "alert",
        "alert-nol",
        "pg_hba.conf",
        "timeout",
        "timed out",
        "read-only",
        "certificate required",
    ],
)
@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        ('FATAL:  password authentication failed for user "{}"', "the password of"),
        ('FATAL:  role "{}" is not permitted to log in', "the role"),
        ('FATAL:  database "{}" does not exist', "there is no database"),
        ('at "{}" (192.0.2.1), port 5432 failed: FATAL:  something new', "the server says"),
        ("FATAL:  something new\n- host: '{}', port: 5432", "the server says"),
    ],
)
def test_a_name_in_a_refusal_is_not_taken_for_its_reason(
    name: str, said: str, meaning: str
) -> None:
    assert login.login(refused(said.format(name))).message.startswith(meaning)


def test_names_are_written_as_sql_takes_them() -> None:
    described = description("user='my-\"app' dbname='my db' host=h port=1", password="password")
    told = evidence(Refusal("permission denied for database"), description=described)
    assert login.login(told).fix == 'let it: grant connect on database "my db" to "my-""app"'
    told = evidence(Refusal('database "my db" does not exist'), description=described)
    assert login.login(told).fix.startswith("create it (createdb 'my db'), or correct dbname")


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
    role = ("my-app", False, True, True, False, False)
    verdict = server.attributes(evidence(FakeSession(role=[role])))
    assert verdict.fix == 'take it away: alter role "my-app" nocreatedb nocreaterole'


def test_a_role_without_rights_is_named_as_a_shell_takes_it() -> None:
    named = description(CONNINFO.replace("user=pinakes", "user='my app'"))
    session = FakeSession(schema_usage=[(False,)])
    verdict = server.privileges(evidence(session, description=named))
    assert "--runtime 'my app'" in verdict.fix


@pytest.mark.parametrize("problem", ["tlsv1 alert protocol version", "unsupported protocol"])
def test_a_tls_that_is_too_old_is_nothing_for_a_client_certificate(problem: str) -> None:
    old = Handshake(ADDRESS, speaks_tls=True, problem=problem)
    verdict = network.chain(evidence(handshakes=[old]))
    assert verdict.fix.startswith("let the server speak TLS 1.2 or later")


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
