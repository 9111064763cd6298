"""The documents are true: all that can be set, said or asked is in them, and examples run."""

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
from starlette.routing import Route

from parts import RunningServer, open_gate
from pinakes.__main__ import COMMANDS, read_arguments
from pinakes.api.routes import route_table
from pinakes.postgres.sources import ALIASES
from pinakes.telemetry.events import Event
from pinakes.wire.status import STATUSES

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
SETTING = r"(?:METADATA_PG|PINAKES)_[A-Z_]+[A-Z]|[A-Z_]+_CLAIM_KEY"
SDK = ROOT / ".venvs" / "sdk-2.4.0" / "bin" / "python"


def read(*names: str) -> str:
    return (ROOT / "docs" / Path(*names)).read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def settings_in_code() -> Iterator[str]:
    for file in (ROOT / "src").rglob("*.py"):
        yield from re.findall(rf"\"({SETTING})\"", file.read_text())
    yield from (f"METADATA_PG_{keyword.upper()}" for keyword in ALIASES)


def test_every_setting_is_in_the_readme() -> None:
    names = set(settings_in_code())
    assert "PINAKES_PG_SCHEMA" in names
    assert not [name for name in names if f"`{name}`" not in README]


def test_every_setting_of_the_readme_is_read() -> None:
    documented = set(re.findall(rf"`({SETTING})`", README))
    assert documented <= set(settings_in_code())


def test_every_setting_of_the_how_to_pages_is_read() -> None:
    named = re.compile(r"\b(?:METADATA_PG|PINAKES)_[A-Z_]*[A-Z]\b")
    text = "".join(page.read_text() for page in (ROOT / "docs" / "how-to").glob("*.md"))
    assert set(named.findall(text)) <= set(settings_in_code())


def test_every_event_is_in_the_reference() -> None:
    reference = read("reference", "events.md")
    assert not [event for event in get_args(Event) if f"`{event.__name__}`" not in reference]


def test_every_status_is_in_the_reference() -> None:
    reference = read("reference", "api.md")
    for status in STATUSES.values():
        assert f"| {status.http.value} | {status.code} |" in reference


def test_every_path_is_in_the_reference() -> None:
    reference = read("reference", "api.md")
    paths = [route.path for route in route_table(open_gate()) if isinstance(route, Route)]
    assert not [path for path in paths if f"`{path}`" not in reference and path.count("docs") < 2]


def test_every_command_teaches_by_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    for command in COMMANDS:
        with pytest.raises(SystemExit):
            read_arguments([command, "--help"])
        told = capsys.readouterr().out
        assert "\n  pinakes " in told, f"{command} shows no example"
        _, described = told.partition("\noptions:\n")[0].split("\n\n", 1)
        assert len(described.splitlines()) > 2


def test_every_link_of_the_documents_leads_somewhere() -> None:
    for document in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for link in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / link).exists(), f"{document.name}: {link}"


def test_every_package_has_its_paragraph_in_the_architecture() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    for package in (ROOT / "src" / "pinakes").iterdir():
        if package.suffix in ("", ".py") and not package.name.startswith("__"):
            assert f"`{package.stem}`" in text


def first_look() -> list[tuple[str, str]]:
    """The commands of the README's first look, each with the output it shows."""
    [block] = blocks("console")
    steps = block.replace("\\\n", " ").split("$ curl ")[1:]
    return [(command, shown) for command, shown in (split_step(step) for step in steps)]


def split_step(step: str) -> tuple[str, str]:
    command, _, shown = step.rstrip().rpartition("\n")
    return command, shown


def curl(command: str) -> object:
    """Do what curl would, of which a fresh machine may have none."""
    words = iter(shlex.split(command))
    asked: dict[str, Any] = {"method": "GET", "headers": {}}
    for word in words:
        match word:
            case "-G":
                pass
            case "-H":
                name, value = next(words).split(": ")
                asked["headers"][name] = value
            case "-d":
                asked |= {"method": "POST", "content": next(words)}
            case "--data-urlencode":
                asked["params"] = [next(words).split("=", 1)]
            case url:
                asked["url"] = url
    return httpx.request(**asked).json()


def test_the_first_look_shows_real_output(fresh_server: RunningServer) -> None:
    steps = first_look()
    assert len(steps) == 3
    for command, shown in steps:
        answer = curl(command.replace("http://127.0.0.1:8000", fresh_server.url))
        assert without_times(answer) == without_times(json.loads(shown))


def test_the_same_through_the_sdk_shows_real_output(
    fresh_server: RunningServer, tmp_path: Path
) -> None:
    curl(first_look()[0][0].replace("http://127.0.0.1:8000", fresh_server.url))
    [block] = blocks("pycon")
    story = tmp_path / "story.txt"
    story.write_text(block.replace("http://127.0.0.1:8000", fresh_server.url))
    told = subprocess.run(
        [SDK, "-m", "doctest", story], check=False, capture_output=True, text=True
    )
    assert told.returncode == 0, told.stdout


def without_times(answer: Any) -> Any:
    for model in answer.get("models", []):
        model["creationTime"] = "..."
    return answer
