"""The tables of the documentation, from what really happened."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pinakes.postgres.tls import SslMode
from tls.cases import Ca, Case, Client, Outcome, Server
from tls.matrix import Matrix

BEGIN = "<!-- from here on written by tests/tls -->\n"
END = "<!-- up to here -->\n"

SHORT = {
    Outcome.PLAIN: "plain text",
    Outcome.UNVERIFIED: "TLS, unverified",
    Outcome.VERIFIED: "**TLS**",
    Outcome.REFUSED_BY_US: "refused",
    Outcome.REFUSED_BY_LIBPQ: "fails",
    Outcome.REFUSED_BY_SERVER: "sent away",
}

MODES = [f"`{mode.value}`" for mode in SslMode]


@dataclass(frozen=True)
class Table:
    """A table: its names, and the case behind each cell."""

    title: str
    note: str
    corner: str
    columns: Sequence[str]
    rows: dict[str, list[Case]]


def tables(matrix: Matrix) -> str:
    """Return every table, each under its heading."""
    lines = [line for table in _tables() for line in _lines(matrix, table)]
    return "\n".join([*lines, "", ""])


def _tables() -> Iterator[Table]:
    yield Table(
        "`sslmode` and `ca.crt`",
        "A server that speaks TLS and does not insist on it, and no client certificate.",
        "`sslmode`",
        [ca.value for ca in Ca],
        {f"`{mode.value}`": _authorities(mode) for mode in SslMode},
    )
    for ca, title in [(Ca.NONE, "without `ca.crt`"), (Ca.RIGHT, "with the right `ca.crt`")]:
        yield Table(
            f"The server and `sslmode`, {title}",
            "With a good client certificate, which only the servers that ask for one need.",
            "server",
            MODES,
            {server.value: _modes(server, ca) for server in Server},
        )
    yield Table(
        "The server and the client certificate",
        "`verify-full` with the right `ca.crt`.",
        "server",
        [client.value for client in Client],
        {server.value: _clients(server) for server in Server},
    )


def _authorities(mode: SslMode) -> list[Case]:
    return [Case(Server.EITHER, mode, ca, Client.NONE) for ca in Ca]


def _modes(server: Server, ca: Ca) -> list[Case]:
    return [Case(server, mode, ca, Client.GOOD) for mode in SslMode]


def _clients(server: Server) -> list[Case]:
    return [Case(server, SslMode.VERIFY_FULL, Ca.RIGHT, client) for client in Client]


def _lines(matrix: Matrix, table: Table) -> Iterator[str]:
    yield from ("", f"### {table.title}", "", table.note, "")
    yield _row([table.corner, *table.columns])
    yield _row(["---"] * (len(table.columns) + 1))
    for name, cases in table.rows.items():
        yield _row([name, *(_cell(matrix, case) for case in cases)])


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(matrix: Matrix, case: Case) -> str:
    """Say what Pinakes does, and what libpq would do where it is not as strict."""
    ours, psql = matrix.results[case].ours.outcome, matrix.results[case].psql.outcome
    goes_on = psql in (Outcome.PLAIN, Outcome.UNVERIFIED, Outcome.VERIFIED)
    if ours is Outcome.REFUSED_BY_US and goes_on:
        return f"refused (libpq: {SHORT[psql].strip('*')})"
    return SHORT[ours]
