"""Strategies: conditions, the text of a condition, and models that conditions can tell apart."""

from hypothesis import strategies as st

from pinakes.catalog.model import ArtifactType, DefaultProtocol, Model
from pinakes.query.conditions import (
    Both,
    Column,
    Comparison,
    Condition,
    Either,
    Field,
    Metric,
    Operator,
    Tag,
)

# Few characters, and those that order differently under other collations or mean something to
# LIKE, to the language or to SQL: so comparisons often hit, and often only just.
LETTERS = "abAB09 _%'[é\u00df\U0001f600()=\\-"
KEYS = ("k", "K", "a b", "", "x[0]")

SPELLINGS = {
    Column.URI: "URI",
    Column.NAME: "name",
    Column.VERSION: "Version",
    Column.PROJECT: "project",
    Column.ARTIFACT_TYPE: "artifactType",
    Column.TASK_TYPE: "task_type",
}


def texts() -> st.SearchStrategy[str]:
    return st.text(LETTERS, max_size=3) | st.sampled_from(["CUSTOM", "SKLEARN", "a", "b"])


def numbers() -> st.SearchStrategy[float]:
    return st.sampled_from([0.0, -1.0, 1.0, 0.1, 1e308, -1e308, 5e-324]) | st.floats(
        allow_nan=False, allow_infinity=False
    )


def comparisons() -> st.SearchStrategy[Comparison]:
    fields: st.SearchStrategy[Field] = st.sampled_from(list(SPELLINGS)) | st.builds(
        Tag, st.sampled_from(KEYS)
    )
    of_text = st.builds(Comparison, fields, st.sampled_from(Operator), texts())
    ordered = [operator for operator in Operator if operator is not Operator.CONTAINS]
    metrics = st.builds(Metric, st.sampled_from(KEYS))
    of_numbers = st.builds(Comparison, metrics, st.sampled_from(ordered), numbers())
    return of_text | of_numbers


def conditions() -> st.SearchStrategy[Condition]:
    return st.recursive(
        comparisons(),
        lambda inner: st.builds(Both, inner, inner) | st.builds(Either, inner, inner),
        max_leaves=8,
    )


def models() -> st.SearchStrategy[Model]:
    return st.builds(
        Model,
        uri=st.text(LETTERS, min_size=1, max_size=4),
        project=st.sampled_from(["default", "a", "b"]),
        name=texts(),
        version=texts(),
        artifact_type=st.sampled_from(ArtifactType),
        task_type=texts(),
        tags=st.dictionaries(st.sampled_from(KEYS), texts()),
        metrics=st.dictionaries(st.sampled_from(KEYS), numbers()),
        default_protocol=st.none() | st.sampled_from(DefaultProtocol),
    )


def printed(condition: Condition) -> str:
    """Write a condition in the language, with every value in quotes and every join in brackets."""
    match condition:
        case Comparison(field, operator, value):
            return f'"{_printed_field(field)}" {operator.value} "{value}"'
        case Both(left, right):
            return f"({printed(left)} AND {printed(right)})"
        case Either(left, right):
            return f"({printed(left)} OR {printed(right)})"


def _printed_field(field: Field) -> str:
    match field:
        case Column():
            return SPELLINGS[field]
        case Tag(key):
            return f"tags[{key}]"
        case Metric(key):
            return f"metrics[{key}]"
