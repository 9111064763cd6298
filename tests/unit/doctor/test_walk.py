"""How the checks are taken, and printed."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from pinakes.catalog.errors import CatalogUnavailable
from pinakes.doctor.finding import Check, Evidence, Finding, Status, Verdict, failed, ok, warning
from pinakes.doctor.report import as_json, as_table, summary
from pinakes.doctor.walk import walk
from unit.doctor.evidence import FakeSession, evidence


def good(_: Evidence) -> Verdict:
    return ok("fine")


def bad(_: Evidence) -> Verdict:
    return failed("broken", "mend it")


def away(_: Evidence) -> Verdict:
    raise CatalogUnavailable("the connection to the database was lost")


def statuses(*checks: Check, seen: Evidence | None = None) -> dict[str, Status]:
    return {found.check: found.status for found in walk(checks, seen or evidence())}


def test_what_needs_a_failed_check_is_skipped_and_names_the_first_cause() -> None:
    checks = [
        Check("tcp.connect", bad),
        Check("tls.chain", good, needs=["tcp.connect"]),
        Check("auth.login", good, needs=["tls.chain"]),
        Check("secret.modes", good),
    ]
    found = {one.check: one for one in walk(checks, evidence())}
    assert found["auth.login"].status is Status.SKIPPED
    assert found["auth.login"].message == "not looked at, since tcp.connect failed"
    assert found["secret.modes"].status is Status.OK


def test_beside_a_connection_that_works_nothing_that_it_needs_fails() -> None:
    checks = (Check("tls.chain", bad), Check("auth.login", good, needs=["tls.chain"]))
    found = statuses(*checks, seen=evidence(FakeSession()))
    assert found == {"tls.chain": Status.WARNING, "auth.login": Status.OK}


def test_beside_a_connection_that_works_other_checks_may_fail() -> None:
    assert statuses(Check("role.privileges", bad), seen=evidence(FakeSession())) == {
        "role.privileges": Status.FAILED
    }


def test_what_one_check_learns_the_next_one_knows() -> None:
    def learn(seen: Evidence) -> Verdict:
        return ok("learnt").learning(replace(seen, schema="learnt"))

    def tell(seen: Evidence) -> Verdict:
        return ok(seen.schema)

    *_, told = walk([Check("dns.resolve", learn), Check("tcp.connect", tell)], evidence())
    assert told.message == "learnt"


def test_a_database_that_goes_away_meanwhile_fails_the_check_alone() -> None:
    found = statuses(Check("server.version", away), Check("server.clock", good))
    assert found == {"server.version": Status.FAILED, "server.clock": Status.OK}


FOUND = [
    Finding("secret.keys", Status.OK, "fine"),
    Finding("cert.expiry", Status.WARNING, "it expires", "renew it"),
    Finding("tcp.connect", Status.FAILED, "closed", "open it"),
    Finding("tls.chain", Status.SKIPPED, "not looked at, since tcp.connect failed"),
    Finding("auth.login", Status.SKIPPED, "not looked at, since tcp.connect failed"),
]


def test_the_table_says_what_to_do_below_what_is_wrong() -> None:
    assert list(as_table(FOUND)) == [
        "✓ secret.keys         fine",
        "! cert.expiry         it expires",
        "                      → renew it",
        "✗ tcp.connect         closed",
        "                      → open it",
        "- 2 more checks       not looked at, since tcp.connect failed",
        "",
        "doctor: 1 check failed, 1 warning",
    ]


def test_the_table_does_not_wait_for_the_next_finding() -> None:
    def examination() -> Iterator[Finding]:
        yield FOUND[0]
        pytest.fail("the first finding was not told yet")

    assert next(as_table(examination())).endswith("fine")


def test_the_json_is_one_list() -> None:
    assert json.loads(as_json(FOUND))[1] == {
        "check": "cert.expiry",
        "status": "warning",
        "message": "it expires",
        "fix": "renew it",
    }


def test_all_is_well_with_a_warning_too() -> None:
    assert summary(FOUND[:1]) == "doctor: all well"
    assert summary(FOUND[:2]) == "doctor: all well (1 warning)"


def test_a_warning_is_no_failure() -> None:
    def unwise(_: Evidence) -> Verdict:
        return warning("unwise", "do better")

    checks = (Check("tcp.connect", unwise), Check("auth.login", good, needs=["tcp.connect"]))
    assert statuses(*checks)["auth.login"] is Status.OK
