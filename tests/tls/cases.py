"""What the matrix is made of: the servers, the modes, the secrets, and what came of each."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import product

from pinakes.postgres.tls import SslMode


class Server(Enum):
    """A way in; the value is what people are told."""

    EITHER = "TLS, not required"
    WITHOUT_TLS = "no TLS"
    TLS_ONLY = "`hostssl` only"
    PLAIN_ONLY = "`hostnossl` only"
    CERTIFIED = "`clientcert=verify-full`"
    OTHER_NAME = "certificate of another name"
    ADDRESS = "IP address, certified"
    CERTIFICATE_ONLY = "`cert`, no password"


class Ca(Enum):
    """What stands in ``ca.crt``."""

    NONE = "none"
    RIGHT = "the right root"
    WRONG = "a foreign root"
    MISSING = "named, but missing"
    EMPTY = "empty"
    INTERMEDIATE = "intermediate only"
    CHAIN = "root and intermediate"


class Client(Enum):
    """What stands in ``tls.crt`` and ``tls.key``."""

    NONE = "none"
    GOOD = "good"
    FOREIGN = "of a foreign authority"
    EXPIRED = "expired"
    OPEN_KEY = "good, key of mode 0644"


class Outcome(Enum):
    """What came of an attempt to connect."""

    PLAIN = "plain text"
    UNVERIFIED = "TLS, unverified"
    VERIFIED = "TLS, verified"
    REFUSED_BY_US = "refused by Pinakes"
    REFUSED_BY_LIBPQ = "refused by libpq"
    REFUSED_BY_SERVER = "refused by the server"


@dataclass(frozen=True)
class Case:
    """One line of the matrix."""

    server: Server
    mode: SslMode
    ca: Ca
    client: Client

    def __str__(self) -> str:
        return f"{self.server.name}/{self.mode.value}/{self.ca.name}/{self.client.name}"


@dataclass(frozen=True)
class Verdict:
    """What came of a case, and what was said about it."""

    outcome: Outcome
    text: str = ""
    trace: str = ""
    """Everything that a log could hold of it."""


def all_cases() -> list[Case]:
    """Return the whole product for the main server, every pair for the others, and the table's."""
    cases = [*_full(Server.EITHER), *_documented()]
    for server in Server:
        cases += _pairwise(server)
    return list(dict.fromkeys(cases))


def _full(server: Server) -> Iterator[Case]:
    return (Case(server, *rest) for rest in product(SslMode, Ca, Client))


def _pairwise(server: Server) -> Iterator[Case]:
    """Walk diagonals: each mode and authority meets each client certificate, and each other."""
    clients = list(Client)
    for (row, mode), (column, ca) in product(enumerate(SslMode), enumerate(Ca)):
        yield Case(server, mode, ca, clients[(row + column) % len(clients)])


def _documented() -> Iterator[Case]:
    """Yield what the tables of the documentation show beside the main server."""
    for server, mode, ca in product(Server, SslMode, (Ca.NONE, Ca.RIGHT)):
        yield Case(server, mode, ca, Client.GOOD)
    for server, mode, client in product(Server, (SslMode.REQUIRE, SslMode.VERIFY_FULL), Client):
        yield Case(server, mode, Ca.RIGHT, client)


# Where we differ from libpq on purpose: it would go on, silently doing less than was meant.


def differs_on_purpose(case: Case) -> str:
    """Say why we refuse what libpq may allow; nothing where both must do the same."""
    if case.mode is SslMode.DISABLE:
        return ""
    if case.ca is Ca.MISSING:
        return "a named file that is missing"
    if case.ca is Ca.EMPTY:
        return "a named file that is empty"
    if case.ca is not Ca.NONE and case.mode in (SslMode.ALLOW, SslMode.PREFER):
        return "authorities beside allow or prefer"
    return ""


def key_is_copied(case: Case) -> bool:
    """Whether libpq would refuse the mode of the key, where we hand it a private copy."""
    return case.client is Client.OPEN_KEY and case.mode is not SslMode.DISABLE
