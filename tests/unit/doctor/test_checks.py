"""The list of checks, and the page that describes them."""

import re
from pathlib import Path

from pinakes.doctor.checks import CHECKS

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "checks.md"
ROW = re.compile(r"^\| `([a-z_]+\.[a-z_]+)` \| (.+) \| (.+) \|$", re.MULTILINE)

SUBJECTS = {
    *("secret", "cert", "dns", "tcp", "tls", "auth"),
    *("server", "role", "schema", "pool", "pgbouncer"),
}


def test_every_check_is_described_with_what_to_do() -> None:
    described = [check for check, _, _ in ROW.findall(REFERENCE.read_text())]
    assert sorted(described) == sorted(check.id for check in CHECKS)


def test_every_check_has_one_of_the_subjects() -> None:
    assert {check.id.partition(".")[0] for check in CHECKS} == SUBJECTS


def test_a_check_needs_only_what_was_looked_at_before() -> None:
    seen: set[str] = set()
    for check in CHECKS:
        assert seen.issuperset(check.needs), check.id
        seen.add(check.id)
    assert len(seen) == len(CHECKS)
