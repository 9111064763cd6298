"""How fields are called outside: the JSON name of each, and the proto name that also counts."""

import json
import re
from collections.abc import Iterable
from functools import cache

MAX_SHOWN_KEY = 100


@cache
def proto_name(json_name: str) -> str:
    """Return the proto name of a field: ``predictionSchema`` is ``prediction_schema``.

    The names are ours, so there are few; made anew each time, they are a quarter of what it costs
    to read a model with its schema.
    """
    return re.sub("(?<=[a-z])(?=[A-Z])", "_", json_name).lower()


MODEL_NAMES = (
    "URI",
    "name",
    "version",
    "artifactType",
    "taskType",
    "tags",
    "metrics",
    "creationTime",
    "predictionSchema",
    "project",
    "runtimeDefaults",
)
"""The fields of v1Model."""

RUNTIME_NAMES = (
    "modelUri",
    "deploymentName",
    "deploymentNamespace",
    "deploymentKubernetesUid",
    "predictorName",
    "nodeName",
    "deploymentStatus",
    "deploymentType",
    "traffic",
    "shadow",
    "creationTime",
    "model",
    "explainer",
    "replicas",
)
"""The fields of v1RuntimeMetadata."""


def either_spelling(names: Iterable[str]) -> dict[str, str]:
    """Map the JSON name and the proto name of every field to its JSON name."""
    return {spelling: name for name in names for spelling in (proto_name(name), name)}


MODEL_SPELLINGS = either_spelling(MODEL_NAMES)
RUNTIME_SPELLINGS = either_spelling(RUNTIME_NAMES)


def json_path(path: Iterable[str]) -> str:
    """Write a path of the domain's names as clients know it: ``tags["author"]``."""
    field, *keys = path
    return MODEL_SPELLINGS.get(field, field) + "".join(at_key(key) for key in keys)


def at_key(key: str) -> str:
    """Write the step of a path into a map; of a very long key only the beginning."""
    shown = key if len(key) <= MAX_SHOWN_KEY else f"{key[:MAX_SHOWN_KEY]}..."
    return f"[{json.dumps(shown, ensure_ascii=False)}]"
