"""Every case, as Pinakes decides it and as psql does."""

import logging
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from tls.attempts import PRIVATE, Material, Target, as_pinakes, as_psql
from tls.cases import Case, Outcome, Verdict, key_is_copied
from tls.parts import Parts


class Connect(Protocol):
    """A way to connect."""

    def __call__(self, target: Target, material: Material, place: Path) -> Verdict: ...


@dataclass(frozen=True)
class Result:
    """What came of one case."""

    ours: Verdict
    psql: Verdict
    psql_with_private_key: Verdict
    """The same, unless libpq minds the mode of the key."""


@dataclass(frozen=True)
class Matrix:
    """What came of all cases, and what was logged meanwhile."""

    results: dict[Case, Result]
    log: list[str]


def run_case(parts: Parts, case: Case, place: Path) -> Result:
    """Connect as Pinakes and as psql does."""
    target, material = parts.target(case.server), parts.material(case)
    place = place / case.server.name / case.mode.value / case.ca.name / case.client.name

    def psql(target: Target, material: Material, place: Path) -> Verdict:
        return as_psql(parts.psql, target, material, place)

    def verdict(connect: Connect, name: str, material: Material) -> Verdict:
        """Tell verified from unverified by what happens: an impostor is let in, or is not."""
        seen = connect(target, material, place / name)
        if seen.outcome is not Outcome.VERIFIED:
            return seen
        impostor = replace(target, port=parts.impostor.port)
        fooled = connect(impostor, material, place / f"{name}-impostor")
        return Verdict(Outcome.UNVERIFIED) if fooled.outcome is Outcome.VERIFIED else seen

    theirs = verdict(psql, "psql", material)
    return Result(
        ours=verdict(as_pinakes, "pinakes", material),
        psql=theirs,
        psql_with_private_key=verdict(psql, "copied", replace(material, key_mode=PRIVATE))
        if key_is_copied(case)
        else theirs,
    )


@contextmanager
def everything_logged() -> Generator[list[str]]:
    """Collect what any logger says, however unimportant."""
    lines: list[str] = []
    collector = _Collector(lines)
    loggers = [logging.getLogger(name) for name in (None, "psycopg")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(collector)
        logger.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.removeHandler(collector)
            logger.setLevel(level)


class _Collector(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(self.format(record))
