"""Every Helm renders the chart, always the same, into what every Kubernetes takes."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.cases import EVERYTHING, MATRIX, PAGE, TRIAL, Values
from cluster.helm import CHART, OLDEST_KUBERNETES, find_helm, manifests, render
from cluster.schemas import NEWEST_KUBERNETES, faults, kubernetes_versions

ROOT = Path(__file__).parents[2]

every_helm = pytest.mark.parametrize("version", [3, 4], ids="helm {}".format)
matrix = pytest.mark.parametrize("values", MATRIX.values(), ids=MATRIX)


@every_helm
@matrix
def test_helm_has_nothing_against_the_chart(version: int, values: Values) -> None:
    assert find_helm(version).complaints(values) == []


@matrix
def test_both_helms_render_the_same(values: Values) -> None:
    assert manifests(find_helm(3).render(values)) == manifests(find_helm(4).render(values))


@every_helm
@pytest.mark.parametrize("values", [PAGE, EVERYTHING], ids=["page", "everything"])
def test_rendering_twice_gives_the_same(version: int, values: Values) -> None:
    helm = find_helm(version)
    assert helm.render(values) == helm.render(values)


@pytest.mark.parametrize("kubernetes", [OLDEST_KUBERNETES, NEWEST_KUBERNETES])
@matrix
def test_kubernetes_takes_what_is_rendered(values: Values, kubernetes: str) -> None:
    assert faults(render(values), kubernetes) == []


@pytest.mark.parametrize("kubernetes", kubernetes_versions(since=OLDEST_KUBERNETES))
def test_every_kubernetes_takes_all_kinds(kubernetes: str) -> None:
    assert faults(render(EVERYTHING), kubernetes) == []
    assert faults(render(TRIAL), kubernetes) == []


def test_a_fault_in_a_manifest_is_found() -> None:
    rendered = render(EVERYTHING)
    for manifest in rendered:
        manifest["spek"] = {}
    kinds = [fault.partition("/")[0] for fault in faults(rendered, NEWEST_KUBERNETES)]
    assert kinds == [manifest["kind"] for manifest in rendered]


@matrix
def test_no_two_manifests_have_one_name(values: Values) -> None:
    names = [(manifest["kind"], manifest["metadata"]["name"]) for manifest in render(values)]
    assert len(set(names)) == len(names)
    assert max(len(name) for _, name in names) <= 63


def test_two_releases_share_no_name_and_no_pod() -> None:
    one, other = render(EVERYTHING, "one"), render(EVERYTHING, "other")
    shared = {_identity(manifest) for manifest in one} & {_identity(manifest) for manifest in other}
    assert shared == {("ServiceAccount", "pinakes-server")}, "the name that the values give"
    selectors = [
        yaml.safe_dump(manifest["spec"].get("selector")) for manifest in one if "spec" in manifest
    ]
    assert not [selector for selector in selectors if "other" in selector]


def _identity(manifest: dict[str, Any]) -> tuple[str, str]:
    return manifest["kind"], manifest["metadata"]["name"]


def test_the_chart_installs_the_version_beside_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"] == project["version"]


def test_every_value_is_described_in_its_line() -> None:
    lines = (CHART / "values.yaml").read_text().splitlines()
    values = [line for line in lines if line and not line.lstrip().startswith("#")]
    assert not [line for line in values if "#" not in line and not line.endswith(":")]


def test_all_that_may_be_set_has_its_default() -> None:
    schema = yaml.safe_load((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    found = set(_paths(schema["properties"], schema["definitions"]))
    assert found == {*_keys(values), ("global",)}


KUBERNETES = {"affinity", "podSecurityContext", "securityContext", "resources"}
"""Values whose parts are Kubernetes' own; only those that matter have a default."""


def _paths(properties: dict[str, Any], definitions: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for name, part in properties.items():
        yield (name,)
        if name not in KUBERNETES:
            whole = definitions[part["$ref"].rpartition("/")[2]] if "$ref" in part else part
            inner = whole.get("properties", {})
            yield from ((name, *path) for path in _paths(inner, definitions))


def _keys(values: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for name, value in values.items():
        yield (name,)
        if isinstance(value, dict) and name not in KUBERNETES:
            yield from ((name, *path) for path in _keys(value))
