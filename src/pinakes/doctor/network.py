"""The way to the server: its name, its port, and whether it is who it should be."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from pinakes.doctor.certificates import DAY, judge_dates
from pinakes.doctor.finding import Evidence, Status, Verdict, failed, ok, skipped, warning
from pinakes.doctor.reasons import OLD_TLS, SPEAK_NEWER
from pinakes.postgres.diagnosis.network import (
    Address,
    Handshake,
    each,
    places_of,
    reach,
    resolve,
    shake_hands,
)
from pinakes.postgres.tls import OPPORTUNISTIC, SslMode

EXPIRED, NOT_YET_VALID = 10, 9
SELF_SIGNED = 18
UNKNOWN = (2, 19, 20, 21)
"""OpenSSL's numbers of what may be wrong with a chain; those of UNKNOWN mean its issuer."""

MOUNT_ONE = "mount a client certificate that the server accepts (METADATA_PG_CLIENT_TLS_DIR)"


def resolution(evidence: Evidence) -> Verdict:
    """Whether each host has an address."""
    places = places_of(evidence.description.parameters)
    found = dict(zip(places, each(places, resolve), strict=True))
    unknown = [place.host for place, addresses in found.items() if not addresses]
    addresses = [address for several in found.values() for address in several]
    if unknown:
        verdict = warning if addresses else failed
        return verdict(
            f"{', '.join(unknown)} is no name that is known here",
            f"correct {evidence.name_of('host')}; a service of another namespace is"
            " named like db.namespace.svc",
        ).learning(replace(evidence, addresses=addresses))
    told = [f"{place.host} is {', '.join(one.ip for one in found[place])}" for place in found]
    return ok("; ".join(told)).learning(replace(evidence, addresses=addresses))


def connection(evidence: Evidence) -> Verdict:
    """Whether something listens on each address."""
    problems = dict(zip(evidence.addresses, each(evidence.addresses, reach), strict=True))
    reachable = [address for address, problem in problems.items() if not problem]
    learnt = replace(evidence, reachable=reachable)
    closed = [f"{address}: {problem}" for address, problem in problems.items() if problem]
    if closed:
        verdict = warning if reachable else failed
        return verdict(
            "; ".join(closed),
            f"start PostgreSQL there, open the firewall to it, or correct"
            f" {evidence.name_of('host')} and {evidence.name_of('port')}",
        ).learning(learnt)
    return ok(f"{', '.join(map(str, reachable))} accepts connections").learning(learnt)


def request(evidence: Evidence) -> Verdict:
    """Whether each server speaks TLS."""
    if evidence.description.mode is SslMode.DISABLE:
        return skipped("sslmode is disable: nothing is encrypted")
    addresses = [address for address in evidence.reachable if not address.place.is_local]
    if not addresses:
        return skipped("nothing is encrypted on a Unix socket")
    parameters = evidence.description.parameters
    handshakes = each(addresses, lambda address: shake_hands(address, parameters))
    learnt = replace(evidence, handshakes=handshakes)
    silent = [one for one in handshakes if one.problem and not one.speaks_tls]
    if silent:
        verdict = failed if len(silent) == len(handshakes) else warning
        told = tell_stranger(evidence, silent[0].address, silent[0].problem)
        return verdict(*told).learning(learnt)
    plain = [str(one.address) for one in handshakes if not one.speaks_tls]
    if not plain:
        return ok(f"{', '.join(map(str, addresses))} speaks TLS").learning(learnt)
    return Verdict(
        _unless_optional(evidence, all_are_bad=len(plain) == len(handshakes)),
        f"{', '.join(plain)} speaks no TLS, which sslmode"
        f" {evidence.description.mode.value} asks for",
        "switch TLS on in the server (ssl = on); only where the network itself is trusted set"
        " sslmode to disable",
    ).learning(learnt)


def chain(evidence: Evidence) -> Verdict:
    """Whether the server's certificate comes from an authority that we trust."""
    spoken = _spoken(evidence)
    bad = [one for one in spoken if one.problem]
    if bad:
        message, fix = _explain_chain(bad[0], evidence.now)
        return Verdict(
            _unless_optional(evidence, all_are_bad=len(bad) == len(spoken)), message, fix
        )
    if not spoken:
        return skipped("no server speaks TLS")
    if not evidence.description.authorities:
        return warning(
            "encrypted, but nobody looks who it is that answers",
            "put the authority's certificate into ca.crt and set sslmode to verify-full",
        )
    return ok(f"{_issued(spoken[0])}, which leads to ca.crt")


def names(evidence: Evidence) -> Verdict:
    """Whether the server's certificate is for the host that we ask for."""
    spoken = [(one, one.certificate) for one in _spoken(evidence) if one.certificate]
    if not spoken:
        return skipped("there is no certificate of a server to look at")
    other = [(one, cert) for one, cert in spoken if not cert.is_for(one.address.place.host)]
    if not other:
        return ok(f"the certificate is for {', '.join(spoken[0][1].names)}")
    if evidence.description.mode is not SslMode.VERIFY_FULL:
        return ok(f"the certificate is for {', '.join(other[0][1].names)}; sslmode asks no more")
    one, certificate = other[0]
    return Verdict(
        Status.FAILED if len(other) == len(spoken) else Status.WARNING,
        f"{one.address.place.host} is not in the server's certificate, which is for"
        f" {', '.join(certificate.names)}",
        f"set {evidence.name_of('host')} to a name that the certificate has,"
        f" such as {certificate.names[0]}",
    )


def expiry(evidence: Evidence) -> Verdict:
    """Whether the server's certificate is valid today, and in a month."""
    named = [
        (f"the certificate of the server {one.address}", one.certificate)
        for one in _spoken(evidence)
        if one.certificate
    ]
    if not named:
        return skipped("there is no certificate of a server to look at")
    return judge_dates(named, evidence.now)


def tell_stranger(evidence: Evidence, address: Address, problem: str) -> tuple[str, str]:
    """Say that something else listens there, and what to do."""
    return (
        f"{address} does not answer as PostgreSQL does: {problem}",
        f"see what listens there, and correct {evidence.name_of('port')}",
    )


def _spoken(evidence: Evidence) -> Sequence[Handshake]:
    return [one for one in evidence.handshakes if one.speaks_tls]


def _unless_optional(evidence: Evidence, *, all_are_bad: bool) -> Status:
    """Return failed where no host is left, and none would be spoken to in plain text instead."""
    may_be_plain = evidence.description.mode in OPPORTUNISTIC
    return Status.FAILED if all_are_bad and not may_be_plain else Status.WARNING


def _issued(one: Handshake) -> str:
    if one.certificate is None:
        return f"the certificate of {one.address}"
    return f"the certificate of {one.address} was issued by {one.certificate.issuer}"


def _explain_chain(one: Handshake, now: datetime) -> tuple[str, str]:
    if one.verify_code == EXPIRED and one.certificate and one.certificate.ends < now:
        return (
            f"the certificate of {one.address} expired on {one.certificate.ends:{DAY}}",
            "renew the certificate of the server",
        )
    if one.verify_code == EXPIRED:
        return (
            f"{_issued(one)}, and an authority above it has expired",
            "put the renewed certificate of the authority into ca.crt",
        )
    if one.verify_code == NOT_YET_VALID:
        return f"the certificate of {one.address} is not valid yet", "set the clocks right"
    if one.verify_code == SELF_SIGNED:
        return (
            f"the certificate of {one.address} is self-signed, and not in ca.crt",
            "put that very certificate into ca.crt, if it is the server's",
        )
    if one.verify_code in UNKNOWN:
        return (
            f"{_issued(one)}, which nothing in ca.crt vouches for ({one.problem})",
            "put the certificate of that authority, and of all above it, into ca.crt",
        )
    return _explain_handshake(one)


def _explain_handshake(one: Handshake) -> tuple[str, str]:
    """Say why there is no TLS, where no certificate is at fault that the server showed."""
    if re.search(OLD_TLS, one.problem):
        return f"{one.address} speaks no TLS that is new enough: {one.problem}", SPEAK_NEWER
    return (
        f"no TLS with {one.address}: {one.problem}",
        MOUNT_ONE if "alert" in one.problem else "look into the server's log",
    )
