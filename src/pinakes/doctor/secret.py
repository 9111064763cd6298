"""The secret: whether it is there, has its keys, and has values that can be meant."""

from collections.abc import Sequence

from pinakes.doctor.finding import Evidence, Verdict, failed, ok, skipped, warning
from pinakes.postgres.diagnosis.description import keys_too_open

FIXES = {
    "needs the certificates in ca.crt": "add the authority's certificate to the secret, as ca.crt",
    "beside sslmode": "set sslmode to verify-full",
    "only of use with verify-full": "set sslmode to verify-full",
    "is none of": "set sslmode to verify-full where there is a ca.crt, else to require",
    "neither one port": "give one port for all hosts, or one for each",
    "is no PostgreSQL URI": "write it like postgresql://user@host:5432/dbname",
    "cannot set": "take that out of the connection string",
    "more than one @": "write each @ of the user, the password and the database as %40",
    "inside its value": "write the value anew, without a line end in it",
    "is not UTF-8": "write the value anew, as UTF-8",
    "no regular file": "put a plain file in its place, or take it out of the directory",
    "larger than 1 MiB": "take it out of the directory, where only the keys of the secret belong",
}
"""What is said of a configuration that is refused, and what to do about it."""

HOSTS = (
    "give names or addresses alone, between commas: a port belongs into the key port, and a whole"
    " URL into the key uri"
)


def source(evidence: Evidence) -> Verdict:
    """Where the description of the database stands, and whether that can be read."""
    mounts = evidence.description.mounts
    if broken := [mount for mount in mounts if mount.secret is None]:
        verdict = failed if evidence.description.problem else warning  # where nobody needs it
        mount = (
            f"mount the secret at {broken[0].directory} so that this user may read it"
            " (in Kubernetes: fsGroup, and defaultMode 0440)"
        )
        return verdict(broken[0].problem, _fix(broken[0].problem, otherwise=mount))
    read = [f"{mount.directory} ({mount.variable})" for mount in mounts]
    return ok(f"read from {' and '.join(read) or 'the environment alone'}")


def keys(evidence: Evidence) -> Verdict:
    """Which key, by which of its names, gives what."""
    description = evidence.description
    wrong, right = next(iter(description.misspelt.items()), ("", ""))
    if description.missing:
        missing = description.missing[0]
        return failed(
            _nowhere(description.missing),
            f"call {wrong}, which nobody reads, {right}"
            if wrong
            else f"add the key {missing} to the secret (or set METADATA_PG_{missing.upper()})",
        )
    if wrong:
        return warning(f"{wrong} is read by nobody", f"call it {right}, or take it away")
    told = ", ".join(_with_alias(*place) for place in description.places.items())
    return ok(told) if told else skipped("they cannot be read; secret.values says why")


def values(evidence: Evidence) -> Verdict:
    """Whether the values, taken together, say how to connect."""
    description = evidence.description
    if description.problem in ("", description.ca_problem, description.pair_problem):
        return ok("the values say how to connect")
    is_of_hosts = description.problem.startswith(evidence.name_of("host"))
    otherwise = HOSTS if is_of_hosts else "correct what is named there"
    return failed(description.problem, _fix(description.problem, otherwise))


def modes(evidence: Evidence) -> Verdict:
    """Whether a private key lies open."""
    if loose := keys_too_open(evidence.description.mounts):
        return warning(
            f"others may read {loose[0]}; libpq would refuse it, so a private copy in memory"
            " is used",
            "mount it with fsGroup and defaultMode 0440, or as 0600 for the user alone",
        )
    return ok("no private key lies open")


def _nowhere(missing: Sequence[str]) -> str:
    *others, last = missing
    return f"{', '.join(others)} and {last} stand nowhere" if others else f"{last} stands nowhere"


def _fix(problem: str, otherwise: str) -> str:
    return next((fix for hint, fix in FIXES.items() if hint in problem), otherwise)


def _with_alias(keyword: str, place: str) -> str:
    key = place.partition(" in ")[0]
    return keyword if key == keyword else f"{keyword} ({key})"
