"""Coming in: what the server says to us, and why it says no."""

import re
from dataclasses import dataclass, replace

from pinakes.doctor.finding import Evidence, Verdict, failed, ok, skipped, warning
from pinakes.doctor.network import tell_stranger
from pinakes.postgres.diagnosis.network import Answer, ask_to_start, each
from pinakes.postgres.diagnosis.session import Refusal
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


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a server says no: how it is recognised, what it means, the one thing to do.

    ``{user}``, ``{database}`` and ``{place_of_...}`` are filled in.
    """

    sqlstate: str
    pattern: str
    meaning: str
    fix: str


REASONS = [
    Reason(
        "-",
        "'idna' codec",
        "one of the hosts has a name that cannot be looked up",
        "correct {place_of_host}; the hosts after it are not tried",
    ),
    Reason(
        "28P01",
        "password authentication failed",
        "the password of {user} is wrong",
        "correct {place_of_password}, or give the role that password (in psql: \\password {user})",
    ),
    Reason(
        "3D000",
        "database .* does not exist",
        "there is no database {database} on the server",
        "create it (createdb {database}), or correct {place_of_dbname}",
    ),
    Reason(
        "-",
        "requires a valid client certificate|certificate required",
        "the server asks for a client certificate, and there is none",
        "mount one with its key, tls.crt and tls.key, and name the directory in"
        " METADATA_PG_CLIENT_TLS_DIR",
    ),
    Reason(
        "-",
        "alert certificate expired",
        "the server finds that our client certificate has expired",
        "renew tls.crt",
    ),
    Reason(
        "-",
        "alert|certificate authentication failed",
        "the server does not accept our client certificate for {user}",
        "use one that is valid, signed by an authority in the server's ssl_ca_file, and whose"
        " common name is {user}",
    ),
    Reason(
        "-",
        "no encryption",
        "the server lets {user} into {database} only with TLS",
        "set sslmode to verify-full, with the authority's certificate in ca.crt",
    ),
    Reason(
        "-",
        "pg_hba.conf",
        "pg_hba.conf of the server has no entry that lets {user} into {database} from here",
        "add to pg_hba.conf: hostssl {database} {user} samenet scram-sha-256, with the network of"
        " this machine for samenet",
    ),
    Reason(
        "-",
        "role .* does not exist",
        "there is no role {user} on the server",
        "create it ('pinakes roles --sql' prints how), or correct {place_of_user}",
    ),
    Reason(
        "-",
        "not permitted to log in",
        "the role {user} may not log in",
        "let it: alter role {user} login",
    ),
    Reason(
        "42501",
        "permission denied for database",
        "the role {user} may not connect to {database}",
        "let it: grant connect on database {database} to {user}",
    ),
    Reason(
        "57P03",
        "starting up|shutting down|not accepting connections",
        "the server is starting up or shutting down",
        "wait, then run 'pinakes doctor' again",
    ),
    Reason(
        "53300",
        "too many clients|too many connections|remaining connection slots",
        "the server has no connection left",
        "close idle ones, or raise max_connections (or the limit of the role or database)",
    ),
    Reason(
        "-",
        "read-only|hot standby|not in hot standby|recovery",
        "no host that answers has the wanted state (target_session_attrs): each is a standby, or"
        " read-only by default_transaction_read_only",
        "name the primary in {place_of_host}, or let it take writes again",
    ),
]
"""What a server says, and what to do about it; the first that fits. By the SQLSTATE where there is
one that means nothing else: libpq keeps it to itself."""


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
    verdict = _explain(evidence, "", refusal.message)
    if asked and verdict.fix == UNKNOWN_FIX:
        return _explain(evidence, "28P01", "")  # said in a language that is not ours
    return verdict


UNKNOWN_FIX = "look into the server's log, which has the reason"


def _explain(evidence: Evidence, sqlstate: str, message: str) -> Verdict:
    for reason in REASONS:
        if reason.sqlstate == sqlstate or re.search(reason.pattern, message):
            known = _known(evidence)
            state = f" (SQLSTATE {sqlstate})" if sqlstate else ""
            return failed(reason.meaning.format(**known) + state, reason.fix.format(**known))
    last = (message.splitlines() or ["nothing"])[-1]
    return failed(f"the server says: {last}", UNKNOWN_FIX)


def _known(evidence: Evidence) -> dict[str, str]:
    """Return what meanings and fixes are filled in with."""
    description = evidence.description
    line_end = ", whose value ends in a line end" if description.password_ends_a_line else ""
    return {
        "user": description.parameters["user"],
        "database": description.parameters["dbname"],
        "place_of_host": evidence.name_of("host"),
        "place_of_user": evidence.name_of("user"),
        "place_of_password": evidence.name_of("password") + line_end,
        "place_of_dbname": evidence.name_of("dbname"),
    }
