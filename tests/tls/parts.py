"""The real parts of the tests of TLS: five servers, two authorities, and their certificates."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tls.attempts import OPEN, PRIVATE, Material, Target
from tls.authority import Authority, Pair
from tls.cases import Ca, Case, Client, Server
from tls.servers import (
    CERTIFICATE_ONLY,
    CERTIFIED,
    EITHER,
    HOST,
    PLAIN_ONLY,
    TLS_ONLY,
    Cluster,
    Programs,
    cluster_of,
)

LOCALHOST = "localhost"
USERS = {
    Server.TLS_ONLY: TLS_ONLY,
    Server.PLAIN_ONLY: PLAIN_ONLY,
    Server.CERTIFIED: CERTIFIED,
    Server.CERTIFICATE_ONLY: CERTIFICATE_ONLY,
}
"""The login that makes a server what it is; else it is one that either way suits."""


@dataclass(frozen=True)
class Parts:
    """The running servers, and what clients hold."""

    programs: Programs
    root: Authority
    intermediate: Authority
    foreign: Authority
    main: Cluster
    without_tls: Cluster
    other_name: Cluster
    address: Cluster
    impostor: Cluster
    changing: Cluster
    """A server whose certificate a test may change."""
    authorities: dict[Ca, bytes | None]
    clients: dict[Client, Pair | None]

    @property
    def psql(self) -> Path:
        return self.programs.folder / "psql"

    def target(self, server: Server) -> Target:
        clusters = {
            Server.WITHOUT_TLS: self.without_tls,
            Server.OTHER_NAME: self.other_name,
            Server.ADDRESS: self.address,
        }
        host = HOST if server is Server.ADDRESS else LOCALHOST
        password = {} if server is not Server.CERTIFICATE_ONLY else {"password": ""}
        port = clusters.get(server, self.main).port
        return Target(host, port, USERS.get(server, EITHER), **password)

    def material(self, case: Case) -> Material:
        return Material(
            sslmode=case.mode.value,
            ca=self.authorities[case.ca],
            client=self.clients[case.client],
            ca_is_missing=case.ca is Ca.MISSING,
            key_mode=OPEN if case.client is Client.OPEN_KEY else PRIVATE,
        )


def start_parts(programs: Programs, template: Path, root: Authority, undo: ExitStack) -> Parts:
    """Start the servers, which run until ``undo``."""
    intermediate, foreign = root.intermediate("intermediate"), Authority.root("foreign")
    good = root.issue(CERTIFIED)

    def certified(signer: Authority, *names: str) -> Pair:
        pair = signer.issue("server", *names)
        chain = signer.pem if signer is intermediate else b""
        return Pair(pair.certificate + chain, pair.key)

    pairs = {
        "main": certified(intermediate, LOCALHOST),
        "without_tls": None,
        "other_name": certified(intermediate, "other.example"),
        "address": certified(intermediate, HOST),
        "impostor": certified(foreign, LOCALHOST, HOST, "other.example"),
        "changing": certified(root, LOCALHOST),
    }

    def start(name: str) -> Cluster:
        return undo.enter_context(
            cluster_of(programs, template, name, pairs[name], client_ca=root.pem)
        )

    clusters = {name: start(name) for name in pairs}
    return Parts(
        programs,
        root,
        intermediate,
        foreign,
        **clusters,
        authorities={
            Ca.NONE: None,
            Ca.RIGHT: root.pem,
            Ca.WRONG: foreign.pem,
            Ca.MISSING: None,
            Ca.EMPTY: b"",
            Ca.INTERMEDIATE: intermediate.pem,
            Ca.CHAIN: root.pem + intermediate.pem,
        },
        clients={
            Client.NONE: None,
            Client.GOOD: good,
            Client.FOREIGN: foreign.issue(CERTIFIED),
            Client.EXPIRED: root.issue(CERTIFIED, expired=True),
            Client.OPEN_KEY: good,
        },
    )
