"""The catalogue that is measured: realistic in its skew and its sizes, and the same for a seed."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from bench.vocabulary import (
    ALGORITHMS,
    ARTIFACTS,
    BUCKETS,
    DOMAINS,
    ENVIRONMENTS,
    OWNERS,
    PROJECTS,
    SCHEMAS,
    TASKS,
    TEAMS,
)
from pinakes.catalog.model import ArtifactType, DefaultProtocol, Model, PredictionSchema
from pinakes.wire.prediction_schema import read_prediction_schema

SEED = 7
MODELS_PER_NAME = 25
SKEW = 1.1
"""The exponent of Zipf's law: the first of 40 projects holds about a quarter of all models."""
SCHEMA_FEATURES = 15
"""Features of a prediction schema: about 2 KB as JSON."""
TICKET_SHARE = 0.3
RARE_SHARE = 0.0008
DRIFT_SHARE = 0.01
NO_SCHEMA_SHARE = 0.1
SPEAK_V2 = ("ONNX", "HUGGINGFACE")


@dataclass(frozen=True, slots=True)
class Choice:
    """A skewed choice among words."""

    words: Sequence[str]
    up_to: Sequence[float]

    def take(self, source: random.Random) -> str:
        """Choose."""
        return source.choices(self.words, cum_weights=self.up_to)[0]


def models(count: int, seed: int = SEED) -> Iterator[Model]:
    """Generate models, in the order of no column."""
    source = random.Random(seed)
    choices = {
        "names": _zipf(_names(max(1, count // MODELS_PER_NAME), source)),
        "projects": _zipf([f"project-{number:02}" for number in range(PROJECTS)]),
        "teams": _zipf(TEAMS),
        "owners": _zipf([f"user{number:04}" for number in range(OWNERS)]),
        "artifacts": _weighted({name: share for name, (_, share) in ARTIFACTS.items()}),
        "tasks": _weighted(TASKS),
        "environments": _weighted(ENVIRONMENTS),
    }
    schemas = [_schema(source) for _ in range(SCHEMAS)]
    versions: dict[str, int] = {}
    for number in range(count):
        drawn = {kind: choice.take(source) for kind, choice in choices.items()}
        version = versions[drawn["names"]] = versions.get(drawn["names"], 0) + 1
        schema = None if source.random() < NO_SCHEMA_SHARE else source.choice(schemas)
        yield _model(drawn, version, _tags(number, drawn, source), _metrics(source), schema)


def _model(
    drawn: Mapping[str, str],
    version: int,
    tags: dict[str, str],
    metrics: dict[str, float],
    schema: PredictionSchema | None,
) -> Model:
    name = drawn["names"]
    bucket = BUCKETS[len(name) % len(BUCKETS)]
    return Model(
        uri=f"{bucket}/{drawn['teams']}/{name}/v{version}",
        project=drawn["projects"],
        name=name,
        version=f"{1 + version // 10}.{version % 10}.0",
        artifact_type=ArtifactType(drawn["artifacts"]),
        task_type=drawn["tasks"],
        tags=tags,
        metrics=metrics,
        prediction_schema=schema,
        default_protocol=DefaultProtocol.V2 if drawn["artifacts"] in SPEAK_V2 else None,
    )


def _tags(number: int, drawn: Mapping[str, str], source: random.Random) -> dict[str, str]:
    tags = {
        "env": drawn["environments"],
        "team": drawn["teams"],
        "owner": drawn["owners"],
        "framework": ARTIFACTS[drawn["artifacts"]][0],
    }
    if source.random() < TICKET_SHARE:
        tags["ticket"] = f"ML-{number}"
    if source.random() < RARE_SHARE:
        tags["gdpr"] = "reviewed"
    return tags


def _metrics(source: random.Random) -> dict[str, float]:
    accuracy = min(0.999, max(0.5, source.gauss(0.87, 0.06)))
    metrics = {
        "accuracy": round(accuracy, 4),
        "f1": round(accuracy * source.uniform(0.9, 1), 4),
        "latency_ms": round(source.lognormvariate(3, 0.8), 2),
    }
    if source.random() < DRIFT_SHARE:
        metrics["drift"] = round(source.expovariate(1 / 10), 3)
    return metrics


def _schema(source: random.Random) -> PredictionSchema:
    words = [source.choice(DOMAINS) for _ in range(SCHEMA_FEATURES)]
    features = [_feature(f"{word}_{place}", source) for place, word in enumerate(words)]
    answer = {"name": "score", "type": "PROBA", "dataType": "FLOAT"}
    value = {"requests": features, "responses": [answer]}
    return read_prediction_schema(value, "predictionSchema")


def _feature(name: str, source: random.Random) -> dict[str, object]:
    if source.random() < TICKET_SHARE:
        categories = {str(place): f"{name}-{source.choice(TEAMS)}" for place in range(3)}
        return {"name": name, "type": "CATEGORICAL", "dataType": "INT", "categoryMap": categories}
    return {"name": name, "type": "REAL", "dataType": "FLOAT", "shape": [1]}


def _names(count: int, source: random.Random) -> list[str]:
    return [
        f"{source.choice(DOMAINS)}-{source.choice(ALGORITHMS)}-{number:05}"
        for number in range(count)
    ]


def _zipf(words: Sequence[str]) -> Choice:
    return Choice(words, list(accumulate(1 / rank**SKEW for rank in range(1, len(words) + 1))))


def _weighted(shares: Mapping[str, float]) -> Choice:
    return Choice(list(shares), list(accumulate(shares.values())))
