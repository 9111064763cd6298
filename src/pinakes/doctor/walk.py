"""Take the checks one after another."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from pinakes.catalog.errors import CatalogUnavailable
from pinakes.doctor.finding import Check, Evidence, Finding, Status, Verdict, failed, skipped
from pinakes.postgres.diagnosis.session import Session


def walk(checks: Sequence[Check], evidence: Evidence) -> Iterator[Finding]:
    """Yield what each check finds; one whose need failed is skipped and says so.

    What is needed to connect fails only where no connection can be made: beside a connection that
    works it is a warning.
    """
    causes: dict[str, str] = {}
    for check in checks:
        cause = next((causes[need] for need in check.needs if need in causes), None)
        verdict = _examine(check, evidence) if cause is None else _not_examined(cause)
        evidence = verdict.evidence or evidence
        if verdict.status is Status.FAILED or cause is not None:
            causes[check.id] = cause or check.id
        yield Finding(check.id, verdict.status, verdict.message, verdict.fix)


def _not_examined(cause: str) -> Verdict:
    return skipped(f"not looked at, since {cause} failed")


def _examine(check: Check, evidence: Evidence) -> Verdict:
    try:
        verdict = check.examine(evidence)
    except CatalogUnavailable as error:
        verdict = failed(f"it could not be found out: {error}", "run 'pinakes doctor' again")
    except Exception as error:  # noqa: BLE001 - one check that breaks must not cost the others
        told = f"it could not be found out: the check itself broke ({type(error).__name__})"
        verdict = failed(told, "report it to the maintainers")
    works = isinstance(evidence.login, Session)
    if works and check.is_about_connecting and verdict.status is Status.FAILED:
        return replace(verdict, status=Status.WARNING)
    return verdict
