"""Print what was found: a table for people, JSON for programs."""

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, tee

from pinakes.doctor.checks import CHECKS
from pinakes.doctor.finding import Finding, Status

MARKS = {Status.OK: "✓", Status.WARNING: "!", Status.FAILED: "✗", Status.SKIPPED: "-"}


WIDTH = max(len(check.id) for check in CHECKS)


def as_json(findings: Iterable[Finding]) -> str:
    """Write the findings as one list."""
    return json.dumps(
        [
            {
                "check": finding.check,
                "status": finding.status.value,
                "message": finding.message,
                "fix": finding.fix,
            }
            for finding in findings
        ],
        indent=2,
    )


def as_table(findings: Iterable[Finding]) -> Iterator[str]:
    """Write a line for each finding, below it what to do, and at the end how it all looks.

    A line is written as soon as its finding comes.
    """
    shown, counted = tee(findings)
    for finding in _without_repetition(shown):
        yield from _lines(finding)
    yield ""
    yield summary(list(counted))


def summary(findings: Sequence[Finding]) -> str:
    """Say in a line how it all looks."""
    failures = _count(findings, Status.FAILED, "check", "failed")
    warnings = _count(findings, Status.WARNING, "warning")
    told = ", ".join(part for part in (failures, warnings) if part)
    if failures:
        return f"doctor: {told}"
    return f"doctor: all well{f' ({told})' if told else ''}"


def _without_repetition(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Let one line stand for all checks in a row that were skipped for the same reason."""
    for (status, message), run in groupby(findings, key=lambda one: (one.status, one.message)):
        if status is not Status.SKIPPED:
            yield from run  # as they come, where a list would wait for the end of the run
            continue
        same = list(run)
        yield same[0] if len(same) == 1 else Finding(f"{len(same)} more checks", status, message)


def _lines(finding: Finding) -> Iterator[str]:
    message = " ".join(finding.message.split())
    yield f"{MARKS[finding.status]} {finding.check:{WIDTH}}  {message}"
    if finding.fix:
        yield f"{'':{WIDTH + 2}}  → {finding.fix}"


def _count(findings: Sequence[Finding], status: Status, noun: str, verb: str = "") -> str:
    count = sum(finding.status is status for finding in findings)
    plural = "" if count == 1 else "s"
    return f"{count} {noun}{plural} {verb}".rstrip() if count else ""
