"""The certificates of our side: the authorities that we trust, and who we say that we are."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from pinakes.doctor.finding import Evidence, Verdict, failed, ok, skipped, warning
from pinakes.postgres.diagnosis.certificates import X509, read_certificates

SOON = timedelta(days=30)
DAY = "%d %B %Y"
SHOWN = 3

AS_PEM = "put the certificate of the authority that signed the server's into ca.crt, as PEM"
INSTALL = (
    "install the package ca-certificates, or name the file of the certificates in SSL_CERT_FILE"
)
MOUNT_EXTRA = (
    "mount certificates where PINAKES_EXTRA_CA_FILE says (in the chart: extraCA), or take it away"
)
A_PAIR = "put a certificate and the key that it was made for into tls.crt and tls.key, as PEM"
DECRYPT = "store it without its passphrase: openssl pkey -in tls.key -out plain.key"

NO_ROOT = "ca.crt holds intermediate authorities only, and libpq trusts nothing without their root"


def authorities(evidence: Evidence) -> Verdict:
    """Whether ``ca.crt`` holds authorities, with a root among them."""
    description = evidence.description
    if description.ca_problem:
        verdict = failed if description.problem == description.ca_problem else warning
        return verdict(description.ca_problem, _fix(description.ca_problem))
    if not description.conninfo:
        return skipped("nothing is wrong with it as far as was looked")
    if not description.authorities:
        return skipped("no authority is asked for: sslmode and the lack of ca.crt say so")
    trusted = read_certificates(description.authorities)
    if trusted and not any(one.is_root for one in trusted):
        return failed(NO_ROOT, f"add the certificate of {trusted[-1].issuer} to ca.crt")
    holder = "the system's bundle" if description.trusts_system else "ca.crt"
    return ok(f"{holder} holds {_listed(trusted)}")


def pair(evidence: Evidence) -> Verdict:
    """Whether the client certificate and its key are there and belong together."""
    description = evidence.description
    if description.pair_problem:
        verdict = failed if description.problem == description.pair_problem else warning
        fix = DECRYPT if "encrypted" in description.pair_problem else A_PAIR
        return verdict(description.pair_problem, fix)
    if not description.certificate:
        return skipped("there is no client certificate")
    shown = read_certificates(description.certificate)
    return ok(f"tls.crt is that of {_listed(shown[:1])}, and tls.key is its key")


def expiry(evidence: Evidence) -> Verdict:
    """Whether what lies on our side is valid today, and in a month."""
    named = list(_ours(evidence))
    if not named:
        return skipped("there is no certificate on our side")
    return judge_dates(named, evidence.now)


def judge_dates(named: Sequence[tuple[str, X509]], now: datetime) -> Verdict:
    """Judge certificates, each with what it is called, by their dates; the first to end counts.

    None of them fails here: whether a date matters is decided by who looks at it.
    """
    for name, one in named:
        if one.begins > now:
            told = f"{name} is valid only from {one.begins:{DAY}} on"
            return warning(told, "set the clock of this machine")
    name, first = min(named, key=lambda pair: pair[1].ends)
    if first.ends < now:
        return warning(f"{name} expired on {first.ends:{DAY}}", f"renew {name}")
    if first.ends < now + SOON:
        days = (first.ends - now).days
        return warning(f"{name} expires on {first.ends:{DAY}}, in {days} days", f"renew {name}")
    return ok(f"valid until {first.ends:{DAY}} ({name})")


def _fix(ca_problem: str) -> str:
    if "PINAKES_EXTRA_CA_FILE" in ca_problem:
        return MOUNT_EXTRA
    return INSTALL if "the system's" in ca_problem else AS_PEM


def _ours(evidence: Evidence) -> Iterator[tuple[str, X509]]:
    description = evidence.description
    ca = None if description.trusts_system else description.authorities
    for key, pem in [("ca.crt", ca), ("tls.crt", description.certificate)]:
        for one in read_certificates(pem or b""):
            yield f"the certificate of {one.subject} in {key}", one


def _listed(some: Sequence[X509]) -> str:
    names = (
        "; ".join(one.subject for one in some[:SHOWN]) or "somebody whose name is not to be read"
    )
    return names if len(some) <= SHOWN else f"{names} and {len(some) - SHOWN} more"
