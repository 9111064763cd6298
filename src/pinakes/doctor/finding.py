"""A check, what it looks at, and what it finds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from pinakes.postgres.diagnosis.description import Description
from pinakes.postgres.diagnosis.network import Address, Answer, Handshake
from pinakes.postgres.diagnosis.session import Refusal, Server, Session


class Status(Enum):
    """How a check ends."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check saw, and the one thing to do about it."""

    check: str
    status: Status
    message: str
    fix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that is known so far; a check that learns more returns a larger one."""

    schema: str
    now: datetime
    description: Description
    login: Session | Refusal | None
    """What came of connecting just as the server does; None where that is refused beforehand."""
    addresses: Sequence[Address] = ()
    reachable: Sequence[Address] = ()
    handshakes: Sequence[Handshake] = ()
    answers: Sequence[Answer] = ()
    seen: Server | None = None

    @property
    def session(self) -> Session:
        """The connection; only asked for by checks that need ``auth.login``."""
        if isinstance(self.login, Session):
            return self.login
        raise LookupError("there is no session")

    @property
    def server(self) -> Server:
        """The server from inside; only asked for by checks that need ``server.version``."""
        if self.seen is None:
            raise LookupError("nobody looked at the server")
        return self.seen

    def name_of(self, keyword: str) -> str:
        """Say where a keyword stands, or would."""
        return self.description.places.get(keyword, keyword)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one look gives: a finding to be, and perhaps more evidence."""

    status: Status
    message: str
    fix: str = ""
    evidence: Evidence | None = None

    def learning(self, evidence: Evidence) -> "Verdict":
        """Return the same with what was learnt by it."""
        return replace(self, evidence=evidence)


def ok(message: str) -> Verdict:
    """Say that all is as it should be."""
    return Verdict(Status.OK, message)


def warning(message: str, fix: str) -> Verdict:
    """Say that it works, but is unwise."""
    return Verdict(Status.WARNING, message, fix)


def failed(message: str, fix: str) -> Verdict:
    """Say that it cannot work like this."""
    return Verdict(Status.FAILED, message, fix)


def skipped(reason: str) -> Verdict:
    """Say why there is nothing to look at."""
    return Verdict(Status.SKIPPED, reason)


@dataclass(frozen=True, slots=True)
class Check:
    """A look at one thing, which makes sense only where ``needs`` did not fail."""

    id: str
    examine: Callable[[Evidence], Verdict]
    needs: Sequence[str] = ()

    @property
    def is_about_connecting(self) -> bool:
        """Whether it asks for what is needed to connect, rather than what comes after."""
        return self.id.partition(".")[0] in CONNECTING


CONNECTING = frozenset({"secret", "cert", "dns", "tcp", "tls", "auth"})
