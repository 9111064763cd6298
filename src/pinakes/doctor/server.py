"""The server, the role and the way between: whether they suit a catalogue."""

import re
import shlex
from dataclasses import replace
from datetime import date, timedelta

from pinakes.doctor.finding import Evidence, Verdict, failed, ok, warning
from pinakes.postgres.diagnosis.session import banner_of_pgbouncer
from pinakes.postgres.pool import MAX_CONNECTIONS
from pinakes.postgres.statements import quoted

ENDS_OF_LIFE = {
    14: date(2026, 11, 12),
    15: date(2027, 11, 11),
    16: date(2028, 11, 9),
    17: date(2029, 11, 8),
    18: date(2030, 11, 14),
}
"""https://www.postgresql.org/support/versioning/"""

OLDEST = min(ENDS_OF_LIFE)
HALF_A_YEAR = timedelta(days=180)
CLOCKS_AGREE = timedelta(seconds=5)

TOO_MUCH = ("superuser", "createdb", "createrole", "replication", "bypassrls")

BANNER = re.compile(r"PgBouncer (\d+)\.(\d+)")
PREPARES = (1, 21)
"""The PgBouncer from which on prepared statements survive its transaction pooling."""


REVOKE = "run as its owner: revoke {excess} on {schema}.model_revisions from {role}"
GRANT = "run what '{command}' prints, as an administrator of the database"


def version(evidence: Evidence) -> Verdict:
    """Whether the server is one that is supported, by us and by its makers."""
    server = evidence.session.server()
    learnt = replace(evidence, seen=server)
    major = server.number // 10000
    upgrade = f"upgrade to PostgreSQL {max(ENDS_OF_LIFE)}"
    if major < OLDEST:
        told = f"PostgreSQL {server.version}: at least {OLDEST} is needed"
        return failed(told, upgrade).learning(learnt)
    end = ENDS_OF_LIFE.get(major, date.max)
    if end < evidence.now.date() + HALF_A_YEAR:
        told = f"PostgreSQL {server.version}, whose last security update is that of {end:%B %Y}"
        return warning(told, upgrade).learning(learnt)
    return ok(f"PostgreSQL {server.version}").learning(learnt)


def encoding(evidence: Evidence) -> Verdict:
    """Whether every character can be stored."""
    if evidence.server.encoding == "UTF8":
        return ok("UTF8")
    database = shlex.quote(evidence.description.parameters["dbname"])
    return failed(
        f"the database is encoded in {evidence.server.encoding}, which lacks characters",
        f"create it anew: createdb --encoding=UTF8 --template=template0 {database}",
    )


def replication(evidence: Evidence) -> Verdict:
    """Whether the server takes writes."""
    if evidence.server.is_standby:
        return failed(
            "the server is a standby, which takes no writes",
            f"name the primary in {evidence.name_of('host')}",
        )
    if evidence.server.is_read_only:
        return failed(
            "the server takes no writes: its transactions are read-only",
            "find out why default_transaction_read_only is on (a full disk?), and set it off",
        )
    return ok("a primary that takes writes")


def clock(evidence: Evidence) -> Verdict:
    """Whether both machines tell the same time."""
    skew = evidence.server.time - evidence.server.our_time
    if abs(skew) < CLOCKS_AGREE:
        return ok("its clock and ours agree")
    return warning(
        f"its clock and ours are {abs(skew).total_seconds():.0f} s apart",
        "let both machines keep their time by NTP",
    )


def pooler(evidence: Evidence) -> Verdict:
    """Whether something stands between, and whether that bears prepared statements."""
    if evidence.session.is_direct():
        return ok("no pooler stands between")
    banner = banner_of_pgbouncer(evidence.description.conninfo)
    if (found := BANNER.match(banner)) and (int(found[1]), int(found[2])) >= PREPARES:
        return ok(f"{banner} stands between")
    return warning(
        f"{banner or 'a pooler'} stands between; prepared statements may get lost in it",
        "let its pool_mode be session, or take PgBouncer 1.21 or later with"
        " max_prepared_statements above 0",
    )


def attributes(evidence: Evidence) -> Verdict:
    """Whether the role may do what it never needs to."""
    [(name, *flags)] = evidence.session.ask("role")
    excess = [attribute for attribute, flag in zip(TOO_MUCH, flags, strict=True) if flag]
    if not excess:
        return ok(f"{name} has no power beyond its tables")
    return warning(
        f"{name} is more than it needs to be: {', '.join(excess)}",
        f"take it away: alter role {quoted(name)} {' '.join(f'no{one}' for one in excess)}",
    )


def privileges(evidence: Evidence) -> Verdict:
    """Whether the role may read and write the tables that are there."""
    role = evidence.description.parameters["user"]
    grant = GRANT.format(command=f"pinakes roles --sql --runtime {shlex.quote(role)}")
    if evidence.session.ask("schema_usage") == [(False,)]:
        return failed(f"{role} may not look into the schema {evidence.schema}", grant)
    if lacking := evidence.session.ask("lacking_privileges"):
        told = [f"{privileges} on {evidence.schema}.{table}" for table, privileges in lacking]
        return failed(f"{role} lacks {'; '.join(told)}", grant)
    for (excess,) in evidence.session.ask("excess_privileges"):
        told = f"{role} may change the history: {excess} on {evidence.schema}.model_revisions"
        names = {"schema": quoted(evidence.schema), "role": quoted(role)}
        return warning(told, REVOKE.format(excess=excess, **names))
    tables = [name for (name,) in evidence.session.ask("tables")]
    return ok(f"on {', '.join(tables)}" if tables else "there is no table yet")


def connections(evidence: Evidence) -> Verdict:
    """Whether there are connections enough for the pool of a server."""
    [(most, kept, of_role, of_database, used)] = evidence.session.ask("connections")
    limits = {
        "max_connections": most - kept,
        "the limit of the role": of_role,
        "the limit of the database": of_database,
    }
    name, least = min(
        ((name, limit) for name, limit in limits.items() if limit >= 0), key=lambda pair: pair[1]
    )
    free = min(least, most - kept - used)
    if least < MAX_CONNECTIONS or free < MAX_CONNECTIONS:
        return warning(
            f"{max(free, 0)} connections are free, {name} allows {least}; every 'pinakes serve'"
            f" takes up to {MAX_CONNECTIONS}",
            f"raise {name}",
        )
    return ok(f"{free} connections are free; every 'pinakes serve' takes up to {MAX_CONNECTIONS}")
