"""Why a server says no: how that is recognised, what it means, the one thing to do."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pinakes.postgres.errors import without_names


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason by its SQLSTATE, where there is one that means nothing else, or by what is said.

    What is said is searched without the names in it, which are the user's own and may be any word.
    ``{user}``, ``{database}``, ``{place_of_...}`` and ``{remedy_of_password}`` are filled in;
    ``{role}`` and ``{name}`` are the first two as SQL and pg_hba.conf take them, ``{word}`` is the
    second as a shell does.
    """

    sqlstate: str
    pattern: str
    meaning: str
    fix: str


PASSWORD = Reason(
    "28P01",
    "(?:password|SASL|LDAP|PAM|RADIUS) authentication failed",
    "the password of {user} is wrong",
    "{remedy_of_password}",
)

OLD_TLS = "alert protocol version|unsupported protocol|version too low"
SPEAK_NEWER = "let the server speak TLS 1.2 or later (ssl_max_protocol_version in postgresql.conf)"

REASONS = [
    Reason(
        "-",
        "'idna' codec",
        "one of the hosts has a name that cannot be looked up",
        "correct {place_of_host}; the hosts after it are not tried",
    ),
    Reason(
        "-",
        "no such database: |bouncer config error",
        "PgBouncer, which answers, is not set up for the database {database}",
        "add it to [databases] in pgbouncer.ini, or correct {place_of_dbname}",
    ),
    Reason(
        "-",
        "server_login_retry|server login failed|client_login_timeout|query_wait_timeout",
        "PgBouncer, which answers, comes by no connection to the server behind it",
        "start that server, or correct its host and port under [databases] in pgbouncer.ini",
    ),
    PASSWORD,
    Reason(
        "3D000",
        "database … does not exist",
        "there is no database {database} on the server",
        "create it (createdb {word}), or correct {place_of_dbname}",
    ),
    Reason(
        "55000",
        "database … is not currently accepting connections",
        "the database {database} lets nobody in",
        "let it: alter database {name} allow_connections true",
    ),
    Reason(
        "-",
        "requires a valid client certificate|alert certificate required",
        "the server asks for a client certificate, and there is none",
        "mount one with its key, tls.crt and tls.key, and name the directory in"
        " METADATA_PG_CLIENT_TLS_DIR",
    ),
    Reason("-", OLD_TLS, "the server speaks no TLS that is new enough", SPEAK_NEWER),
    Reason(
        "-",
        "alert certificate expired",
        "the server finds that our client certificate has expired",
        "renew tls.crt",
    ),
    Reason(
        "-",
        r"(?:ssl|tls)\S* alert |certificate authentication failed",
        "the server does not accept our client certificate for {user}",
        "use one that is valid, signed by an authority in the server's ssl_ca_file, and whose"
        " common name is {user}",
    ),
    Reason(
        "-",
        r"pg_hba\.conf rejects connection",
        "a line of the server's pg_hba.conf rejects {user} in {database} from here",
        "change that line, or put above it: hostssl {name} {role} samenet scram-sha-256, with the"
        " network of this machine for samenet",
    ),
    Reason(
        "-",
        r"no pg_hba\.conf entry .*no encryption",
        "the server lets {user} into {database} only with TLS",
        "set sslmode to verify-full, with the authority's certificate in ca.crt",
    ),
    Reason(
        "-",
        r"no pg_hba\.conf entry",
        "pg_hba.conf of the server has no entry that lets {user} into {database} from here",
        "add to pg_hba.conf: hostssl {name} {role} samenet scram-sha-256, with the network of"
        " this machine for samenet",
    ),
    Reason(
        "-",
        "role … does not exist|no such user",
        "there is no role {user} on the server",
        "create it ('pinakes roles --sql' prints how), or correct {place_of_user}",
    ),
    Reason(
        "-",
        "not permitted to log in",
        "the role {user} may not log in",
        "let it: alter role {role} login",
    ),
    Reason(
        "42501",
        "permission denied for database",
        "the role {user} may not connect to {database}",
        "let it: grant connect on database {name} to {role}",
    ),
    Reason(
        "57P03",
        "database system is (?:starting|shutting|in recovery|not (?:yet )?accepting connections)",
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
        "no more connections allowed",
        "PgBouncer, which answers, has no connection left",
        "close idle ones, or raise max_client_conn in pgbouncer.ini",
    ),
    Reason(
        "-",
        "session is read-only|server is in hot standby mode",
        "no host that answers has the wanted state (target_session_attrs): each is a standby, or"
        " read-only by default_transaction_read_only",
        "name the primary in {place_of_host}, or let it take writes again",
    ),
    Reason(
        "-",
        "session is not read-only|server is not in hot standby mode",
        "target_session_attrs asks for a standby, and each host that answers is a primary",
        "set {place_of_target_session_attrs} to read-write: the catalogue is written to",
    ),
    Reason(
        "-",
        "timeout expired|timed out",
        "the server does not end the login in time",
        "find out what keeps the server busy (of PgBouncer: whether the server behind it runs), or"
        " raise {place_of_connect_timeout}, to 10 at most",
    ),
    Reason(
        "-",
        "closed the connection|onnection reset|connection has been closed|unexpected eof",
        "the server closed the connection in the middle of the login",
        "look into the server's log, which has the reason",
    ),
]
"""The first that fits is it. libpq keeps the SQLSTATE to itself, while the walk of the doctor's own
hears it."""

PASSWORD_ABROAD = re.compile(
    "passwor|contraseñ|mot de passe|senha|hesl|hasł|parola|şifre|lösenord|парол|συνθηματικ|პაროლ"
    "|パスワード|패스워드|비밀번호|密码|密碼|口令|mật khẩu",
    re.IGNORECASE,
)
"""The word, in the languages that PostgreSQL speaks."""


def recognise(sqlstate: str, said: str) -> Reason | None:
    """Return the reason of a refusal, None where nobody foresaw it."""
    text = without_names(said)
    known = (one for one in REASONS if one.sqlstate == sqlstate or re.search(one.pattern, text))
    return next(known, None)


def is_of_password(said: str, names: Iterable[str]) -> bool:
    """Guess whether a refusal in a language that is not ours is about the password."""
    for name in names:
        said = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "…", said)
    return bool(PASSWORD_ABROAD.search(said))
