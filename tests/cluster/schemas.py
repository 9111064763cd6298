"""What Kubernetes takes: its own schemas by version, and ours for the resources of others."""

from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml
from jsonschema import Draft202012Validator
from kubernetes_validate import utils

from cluster.helm import Manifest

DEFINITIONS = Path(__file__).parent / "definitions"
"""A file for each kind; its header says of which version it was written."""

utils.schema_contents = cache(utils.schema_contents)  # else each manifest reads them all again


def kubernetes_versions(since: str) -> list[str]:
    """Return every version that the validator knows, from ``since`` on."""
    known = [utils.major_minor(version) for version in utils.all_versions()]
    versions = list(dict.fromkeys(known))
    return versions[versions.index(since) :]


NEWEST_KUBERNETES = kubernetes_versions(since="1.25")[-1]


def faults(manifests: list[Manifest], kubernetes: str) -> list[str]:
    """Say what of these manifests a version of Kubernetes would not take, or not know."""
    found = ((manifest, _fault(manifest, kubernetes)) for manifest in manifests)
    return [
        f"{manifest['kind']}/{manifest['metadata']['name']}: {fault}"
        for manifest, fault in found
        if fault
    ]


def _fault(manifest: Manifest, kubernetes: str) -> str:
    if definition := _definitions().get(manifest["kind"]):
        return next((error.message for error in definition.iter_errors(manifest)), "")
    try:
        kubernetes_validate.validate(manifest, kubernetes, strict=True)
    except kubernetes_validate.ValidationError as error:
        return f"{error.json_path}: {error.message}"
    return ""


@cache
def _definitions() -> dict[str, Draft202012Validator]:
    schemas: list[dict[str, Any]] = [
        yaml.safe_load(file.read_text()) for file in DEFINITIONS.glob("*.yaml")
    ]
    return {
        schema["properties"]["kind"]["const"]: Draft202012Validator(schema) for schema in schemas
    }
