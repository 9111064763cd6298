"""Coming in: what the server says to us, and why it says no."""

import shlex
from dataclasses import replace

from pinakes.doctor.copied import remedy_of_copy
from pinakes.doctor.finding import Evidence, Verdict, failed, ok, skipped, warning
from pinakes.doctor.network import tell_stranger
from pinakes.doctor.reasons import PASSWORD, is_of_password, recognise
from pinakes.postgres.diagnosis.network import Answer, ask_to_start, each
from pinakes.postgres.diagnosis.session import Refusal
from pinakes.postgres.sources import ALIASES
from pinakes.postgres.statements import quoted
from pinakes.postgres.tls import SslMode

METHODS = {
    0: "lets us in without a password",
    2: "asks for Kerberos",
    3: "asks for the password in clear text",
    5: "asks for the password (md5)",
    7: "asks for GSSAPI",
    9: "asks for SSPI",
    10: "asks for the password (SCRAM)",
}
PASSWORDS = (3, 5, 10)


UNKNOWN_FIX = "look into the server's log, which has the reason"
MEND_SOURCE = "mend the source of passwords (docs/how-to/use-short-lived-passwords.md)"
OF_SOURCE = (
    "see that {source} is for the role {role} and, of a token, that the role may log in by it"
    " (Amazon RDS: grant rds_iam to {role}; Cloud SQL: a user of IAM)"
)
COPIED = (
    "the mounted secret is a copy of {origin.place} (resourceVersion {origin.version}); if that has"
    " another password by now: {remedy}"
)


def startup(evidence: Evidence) -> Verdict:
    """Whether the server would hear more when it is told who wants to come in."""
    parameters = evidence.description.parameters
    answers = each(evidence.reachable, lambda address: ask_to_start(address, parameters))
    learnt = replace(evidence, answers=answers)
    willing = [one for one in answers if one.method is not None]
    refusals = [one for one in answers if one.method is None]
    if refusals:
        verdict = _explain_answer(evidence, refusals[0])
        verdict = warning(verdict.message, verdict.fix) if willing else verdict
        return verdict.learning(learnt)
    methods = [METHODS.get(one.method or 0, f"asks for method {one.method}") for one in willing]
    told = [f"{one.address} {told}" for one, told in zip(willing, methods, strict=True)]
    return ok("; ".join(told)).learning(learnt)


def password(evidence: Evidence) -> Verdict:
    """Whether the source of passwords, where there is one, gives a password."""
    description = evidence.description
    if not description.passwords:
        return skipped("the password is not from a command or a cloud")
    if description.password_problem:
        return failed(description.password_problem, MEND_SOURCE)
    return ok(f"it is {description.passwords}")


def login(evidence: Evidence) -> Verdict:
    """Whether libpq connects, just as the server of Pinakes would."""
    match evidence.login:
        case None:
            return skipped("no connection was tried")
        case Refusal() as refusal:
            return _explain_refusal(evidence, refusal)
        case session:
            user = evidence.description.parameters["user"]
            return ok(f"{user} is connected to {session.host()}")


def encryption(evidence: Evidence) -> Verdict:
    """How the connection is encrypted."""
    if evidence.session.is_encrypted():
        if not evidence.session.is_direct():
            return ok("encrypted as far as the pooler that stands between")
        [(_, version, cipher, _)] = evidence.session.ask("encryption")
        return ok(f"{version}, {cipher}")
    if evidence.description.parameters["host"].startswith("/"):
        return ok("nothing is encrypted on a Unix socket, and nothing needs to be")
    return warning(
        "nothing is encrypted: everybody on the way can read it",
        "set sslmode to verify-full, with the authority's certificate in ca.crt",
    )


def client_certificate(evidence: Evidence) -> Verdict:
    """Whether the server wanted to see our certificate."""
    if not evidence.description.certificate or evidence.description.mode is SslMode.DISABLE:
        return skipped("there is no client certificate")
    if not evidence.session.is_direct():
        return skipped("what a pooler asks for cannot be seen")
    [(_, _, _, name)] = evidence.session.ask("encryption")
    if name:
        return ok(f"the server knows us as {name}")
    return warning(
        "the server never asked for our client certificate",
        "set ssl_ca_file in the server, or take METADATA_PG_CLIENT_TLS_DIR away",
    )


def _explain_answer(evidence: Evidence, answer: Answer) -> Verdict:
    """Say why a server refuses, and which one where there are several."""
    if answer.problem:
        return failed(*tell_stranger(evidence, answer.address, answer.problem))
    verdict = _explain(evidence, answer.sqlstate, answer.message)
    is_alone = len(evidence.reachable) == 1
    return verdict if is_alone else replace(verdict, message=f"{answer.address}: {verdict.message}")


def _explain_refusal(evidence: Evidence, refusal: Refusal) -> Verdict:
    asked = any(one.method in PASSWORDS for one in evidence.answers)
    if asked and "password" not in evidence.description.places:
        return failed(
            "the server asks for a password, and there is none",
            "add the key password to the secret",
        )
    known = _known(evidence)
    names = (known["user"], known["database"], *evidence.description.parameters["host"].split(","))
    if asked and not recognise("", refusal.message) and is_of_password(refusal.message, names):
        told = f"the password of {known['user']} is probably wrong; {_quote(refusal.message)}"
        return failed(told, PASSWORD.fix.format(**known))
    return _explain(evidence, "", refusal.message)


def _explain(evidence: Evidence, sqlstate: str, message: str) -> Verdict:
    reason = recognise(sqlstate, message)
    if reason is None:
        return failed(_quote(message), UNKNOWN_FIX)
    known = _known(evidence)
    state = f" (SQLSTATE {sqlstate})" if sqlstate else ""
    return failed(reason.meaning.format(**known) + state, reason.fix.format(**known))


def _quote(message: str) -> str:
    last = (message.splitlines() or ["nothing"])[-1]
    return f"the server says: {last}"


def _known(evidence: Evidence) -> dict[str, str]:
    """Return what meanings and fixes are filled in with."""
    description = evidence.description
    user, database = description.parameters["user"], description.parameters["dbname"]
    places = {f"place_of_{keyword}": evidence.name_of(keyword) for keyword in ALIASES}
    return places | {
        "remedy_of_password": _remedy_of_password(evidence),
        "user": user,
        "role": quoted(user),
        "database": database,
        "name": quoted(database),
        "word": shlex.quote(database),
    }


def _remedy_of_password(evidence: Evidence) -> str:
    """Say what to do about a password that is wrong: of a copy, that the other may be newer."""
    description = evidence.description
    if description.passwords:
        role = quoted(description.parameters["user"])
        return OF_SOURCE.format(source=description.passwords, role=role)
    if description.origin is not None:
        return COPIED.format(origin=description.origin, remedy=remedy_of_copy(description.origin))
    line_end = ", whose value ends in a line end" if description.password_ends_a_line else ""
    return (
        f"correct {evidence.name_of('password')}{line_end}, or give the role that password (in"
        f" psql: \\password {quoted(description.parameters['user'])})"
    )
