"""Evidence without any server."""

from datetime import UTC, datetime
from typing import Any

from pinakes.doctor.finding import Evidence
from pinakes.postgres.connection import NOWHERE
from pinakes.postgres.diagnosis.description import Description
from pinakes.postgres.diagnosis.session import Refusal, Server, Session

NOW = datetime(2026, 6, 1, tzinfo=UTC)
CONNINFO = (
    "host=db.example port=5432 user=pinakes dbname=metadata sslmode=require"
    f" sslrootcert={NOWHERE} sslcert={NOWHERE}"
)
SERVER = Server(180000, "18.0", "UTF8", False, False, NOW, NOW)  # noqa: FBT003 - as it comes


class FakeSession(Session):
    """A session with the answers that it gives."""

    def __init__(self, server: Server = SERVER, **answers: list[tuple[Any, ...]]) -> None:
        self._server, self._answers = server, answers

    def server(self) -> Server:
        return self._server

    def ask(self, question: str) -> list[tuple[Any, ...]]:
        return self._answers[question]

    def is_direct(self) -> bool:
        return True


def description(conninfo: str = CONNINFO, **places: str) -> Description:
    return Description(
        mounts=(),
        places=places,
        missing=(),
        misspelt={},
        problem="",
        ca_problem="",
        pair_problem="",
        conninfo=conninfo,
    )


def evidence(login: Session | Refusal | None = None, **known: Any) -> Evidence:
    known.setdefault("description", description(password="password in /secret"))
    return Evidence(schema="pinakes", now=NOW, login=login, **known)
