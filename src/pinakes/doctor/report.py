"""Print what was found: a table for people, JSON for programs."""

import json
from collections.abc import Iterator, Sequence
from itertools import groupby

from pinakes.doctor.finding import Finding, Status

MARKS = {Status.OK: "✓", Status.WARNING: "!", Status.FAILED: "✗", Status.SKIPPED: "-"}


def as_json(findings: Sequence[Finding]) -> str:
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


def as_table(findings: Sequence[Finding]) -> str:
    """Write a line for each finding, below it what to do, and at the end how it all looks."""
    shown = list(_without_repetition(findings))
    width = max(len(finding.check) for finding in shown)
    lines = [line for finding in shown for line in _lines(finding, width)]
    return "\n".join([*lines, "", summary(findings)])


def summary(findings: Sequence[Finding]) -> str:
    """Say in a line how it all looks."""
    failures = _count(findings, Status.FAILED, "check", "failed")
    warnings = _count(findings, Status.WARNING, "warning")
    told = ", ".join(part for part in (failures, warnings) if part)
    if failures:
        return f"doctor: {told}"
    return f"doctor: all well{f' ({told})' if told else ''}"


def _without_repetition(findings: Sequence[Finding]) -> Iterator[Finding]:
    """Let one line stand for all checks in a row that were skipped for the same reason."""
    for (status, message), run in groupby(findings, key=lambda one: (one.status, one.message)):
        same = list(run)
        if status is Status.SKIPPED and len(same) > 1:
            yield Finding(f"{len(same)} more checks", status, message)
        else:
            yield from same


def _lines(finding: Finding, width: int) -> list[str]:
    message = " ".join(finding.message.split())
    lines = [f"{MARKS[finding.status]} {finding.check:{width}}  {message}"]
    return [*lines, f"{'':{width + 2}}  → {finding.fix}"] if finding.fix else lines


def _count(findings: Sequence[Finding], status: Status, noun: str, verb: str = "") -> str:
    count = sum(finding.status is status for finding in findings)
    plural = "" if count == 1 else "s"
    return f"{count} {noun}{plural} {verb}".rstrip() if count else ""
