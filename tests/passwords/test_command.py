"""Real programs that print a password, or misbehave: under asyncio, and under uvloop as served."""

import asyncio
import os
import shlex
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest
import uvloop

from pinakes.postgres.passwords import command as module
from pinakes.postgres.passwords.command import run_command
from pinakes.postgres.passwords.source import Login, Password, PasswordUnavailable
from pinakes.settings.database import ConfiguredDatabase, read_database
from pinakes.settings.passwords import PasswordCommand

LOGIN = Login("db.example", 6432, "pinakes")
SHORT = 0.5
"""In place of the ten seconds, where a test waits for their end."""

Run = Callable[[Coroutine[None, None, Password]], Password]


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """What runs a coroutine, in a loop of its own."""
    return request.param


def configured(*words: str, **environment: str) -> PasswordCommand:
    """Return a command as the settings read it."""
    described = {"METADATA_PG_HOST": "db", "PINAKES_PG_PASSWORD_COMMAND": shlex.join(words)}
    database = read_database(environment | described, None, embedded_installed=False)
    assert isinstance(database, ConfiguredDatabase)
    assert isinstance(database.password_source, PasswordCommand)
    return database.password_source


def asked(*words: str, **environment: str) -> Coroutine[None, None, Password]:
    return run_command(configured(*words, **environment), LOGIN)


def script(text: str, **environment: str) -> Coroutine[None, None, Password]:
    return asked("/bin/sh", "-c", text, PATH=os.environ["PATH"], **environment)


def refusal(run: Run, answer: Coroutine[None, None, Password]) -> str:
    with pytest.raises(PasswordUnavailable) as raised:
        run(answer)
    return str(raised.value)


def is_running(process: int) -> bool:
    """Tell one that runs from one that is gone, or waits to be buried."""
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] not in "ZX"


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - what it waits for is not of this loop
            await asyncio.sleep(0.01)


def test_what_a_program_prints_is_the_password(run: Run) -> None:
    assert run(asked("/bin/echo", "correct horse")).text == "correct horse"


def test_there_is_no_shell(run: Run, tmp_path: Path) -> None:
    words = ("$HOME", "*", ";", f">{tmp_path}/out", "`id`", "|", "cat")
    assert run(asked("/bin/echo", *words, HOME="/h")).text == " ".join(words)
    assert not list(tmp_path.iterdir())


SHOW = "print(*sorted(open('/proc/self/environ').read().split(chr(0))[:-1]), sep=' ')"


def test_a_program_sees_few_variables_and_who_wants_to_come_in(run: Run) -> None:
    surroundings = {"METADATA_PG_PASSWORD": "old", "PINAKES_WRITERS": "x", "AWS_REGION": "r"}
    seen = run(asked(sys.executable, "-c", SHOW, HOME="/h", LANG="C", **surroundings)).text
    assert seen == "HOME=/h LANG=C PGHOST=db.example PGPORT=6432 PGUSER=pinakes"


def test_our_own_environment_is_not_handed_down(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", "hunter2")
    assert "hunter2" not in run(asked(sys.executable, "-c", SHOW)).text


def test_a_program_has_nothing_to_read(run: Run) -> None:
    assert "no password" in refusal(run, asked("/bin/cat"))


def test_a_program_inherits_none_of_our_files(run: Run) -> None:
    held = os.memfd_create("key")
    try:
        os.set_inheritable(held, True)  # noqa: FBT003 - the standard library's own
        listing = "import os; print(*sorted(map(int, os.listdir('/proc/self/fd'))))"
        fds = run(asked(sys.executable, "-c", listing)).text.split()
    finally:
        os.close(held)
    assert fds[:3] == ["0", "1", "2"]
    assert len(fds) == 4  # the fourth is that of the listing


def test_json_with_an_expiry_is_understood(run: Run) -> None:
    password = run(asked("/bin/echo", '{"password": "token", "expiresIn": 900}'))
    assert (password.text, password.seconds) == ("token", 900)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("echo hunter2; echo hunter2 >&2; exit 3", "ended with exit code 3"),
        ("echo hunter2; kill -9 $$", "was ended by signal 9"),
    ],
)
def test_a_failure_is_told_by_its_code_alone(
    run: Run, capfd: pytest.CaptureFixture[str], text: str, told: str
) -> None:
    assert refusal(run, script(text)) == f"the password command {told}"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("program", ["/nowhere/program", "/etc/passwd", "/"])
def test_a_program_that_cannot_be_started_is_told_without_its_name(run: Run, program: str) -> None:
    told = refusal(run, asked(program, "--token=hunter2"))
    assert told.startswith("the password command could not be started: ")
    assert "hunter2" not in told
    assert program not in told or program == "/"


def test_standard_error_is_seen_by_nobody(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(script("echo hunter2 >&2; echo x")).text == "x"
    assert capfd.readouterr() == ("", "")


def test_64_kib_are_read_and_no_more(run: Run) -> None:
    printing = "import sys; sys.stdout.write('x' * int(sys.argv[1]))"
    limit = 64 * 1024
    assert len(run(asked(sys.executable, "-c", printing, str(limit))).text) == limit
    told = refusal(run, asked(sys.executable, "-c", printing, str(limit + 1)))
    assert told == "the password command printed more than 65536 bytes"


def test_one_that_prints_without_end_is_ended(run: Run, tmp_path: Path) -> None:
    told = refusal(run, script(f"echo $$ > {tmp_path}/pid; exec yes hunter2"))
    assert told == "the password command printed more than 65536 bytes"
    assert not is_running(int((tmp_path / "pid").read_text()))


FAMILY = """
sh -c 'sleep 1000 & echo $! > {0}/grandchild; wait' &
echo $! > {0}/child
while [ ! -s {0}/grandchild ]; do sleep 0.01; done
"""


def family(directory: Path) -> list[int]:
    return [int((directory / name).read_text()) for name in ("child", "grandchild")]


def test_who_takes_too_long_is_ended_with_all_he_started(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LIMIT_SECONDS", 3 * SHORT)
    told = refusal(run, script(FAMILY.format(tmp_path) + "wait"))
    assert "did not end within" in told
    asyncio.run(until(lambda: not any(map(is_running, family(tmp_path)))))


def test_nothing_that_a_program_left_behind_stays(run: Run, tmp_path: Path) -> None:
    assert run(script(f"({FAMILY.format(tmp_path)}) >/dev/null; echo x")).text == "x"
    asyncio.run(until(lambda: not any(map(is_running, family(tmp_path)))))


def test_a_child_that_holds_the_output_is_not_waited_for(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LIMIT_SECONDS", SHORT)
    told = refusal(run, script(f"sleep 1000 & echo $! > {tmp_path}/child; echo x"))
    assert "did not end within" in told
    child = int((tmp_path / "child").read_text())
    asyncio.run(until(lambda: not is_running(child)))


def test_the_loop_goes_on_while_a_program_runs(run: Run, tmp_path: Path) -> None:
    """The program waits for what only the loop does meanwhile."""

    async def both() -> Password:
        waiting = f"touch {tmp_path}/begun; while [ ! -e {tmp_path}/go ]; do sleep 0.01; done"
        running = asyncio.create_task(script(f"{waiting}; echo x"))
        await until((tmp_path / "begun").exists)
        (tmp_path / "go").touch()
        return await running

    assert run(both()).text == "x"


def test_who_is_not_waited_for_any_more_is_ended(run: Run, tmp_path: Path) -> None:
    async def give_up() -> Password:
        running = asyncio.create_task(script(FAMILY.format(tmp_path) + "wait"))
        await until(lambda: (tmp_path / "grandchild").exists() and bool(family_text(tmp_path)))
        running.cancel()
        await asyncio.wait({running})
        assert running.cancelled()
        return Password("", 0)

    run(give_up())
    asyncio.run(until(lambda: not any(map(is_running, family(tmp_path)))))


def family_text(directory: Path) -> str:
    return (directory / "grandchild").read_text()
