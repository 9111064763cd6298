"""The schema: whether it is that of this version, whole, and can be written to."""

from pinakes.doctor.finding import Evidence, Verdict, failed, ok, skipped, warning
from pinakes.postgres.diagnosis.session import QuestionFailed, drift, look_at_schema
from pinakes.postgres.statements import quoted


def version(evidence: Evidence) -> Verdict:
    """Whether this version works with what was migrated."""
    migrated = look_at_schema(evidence.session)
    if migrated.is_behind:
        return failed(migrated.problem, _how_to_migrate(evidence))
    if migrated.problem:
        return failed(
            migrated.problem, "run the version of Pinakes that migrated it, or a later one"
        )
    return ok(f"migrated to {migrated.last}")


def _how_to_migrate(evidence: Evidence) -> str:
    if evidence.session.ask("may_create_schema") != [(False,)]:
        return "run 'pinakes migrate', as the role that owns the schema"
    role = quoted(evidence.description.parameters["user"])
    return (
        "run 'pinakes migrate' with the secret of a role that may create a schema; for it to be"
        f" this role, an administrator first runs: create schema {quoted(evidence.schema)}"
        f" authorization {role}"
    )


def comparison(evidence: Evidence) -> Verdict:
    """Whether somebody has changed the schema by hand."""
    if not evidence.session.is_direct():
        return skipped("it cannot be compared through a pooler")
    try:
        differences = drift(evidence.session)
    except QuestionFailed as error:
        return skipped(f"it cannot be compared: {error}")
    if not differences:
        return ok("columns and indexes are what the migrations make")
    more = f"; and {len(differences) - 1} more" if len(differences) > 1 else ""
    return warning(
        differences[0] + more, "undo what was changed by hand, or restore the schema from a backup"
    )


def indexes(evidence: Evidence) -> Verdict:
    """Whether every index is in use."""
    broken = [name for (name,) in evidence.session.ask("invalid_indexes")]
    if not broken:
        return ok("every index is valid")
    return warning(
        f"{', '.join(broken)} was never completed, and is not used",
        f"rebuild it: reindex index concurrently {quoted(evidence.schema)}.{quoted(broken[0])}",
    )


def write(evidence: Evidence) -> Verdict:
    """Whether a model can be written; nothing of it stays."""
    try:
        evidence.session.write_and_roll_back()
    except QuestionFailed as error:
        return failed(f"no model can be written: {error}", "see what the server's log says of it")
    return ok("a model was written, and rolled back")
