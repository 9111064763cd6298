"""The searchable fields: how they are spelled, what they hold, and how they may be compared."""

import math
import re

from pinakes.query.conditions import Column, Comparison, Field, Metric, Operator, Tag

COLUMNS = {
    "uri": Column.URI,
    "name": Column.NAME,
    "version": Column.VERSION,
    "project": Column.PROJECT,
    "artifact_type": Column.ARTIFACT_TYPE,
    "artifacttype": Column.ARTIFACT_TYPE,
    "task_type": Column.TASK_TYPE,
    "tasktype": Column.TASK_TYPE,
}
"""Every spelling of a column, in lower case: goven accepts snake case and camel case alike."""

MAPS = {"tags": Tag, "metrics": Metric}

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def column_named(name: str) -> Column | None:
    """Find a column by any of its spellings, whatever the case; None where there is none."""
    return COLUMNS.get(name.lower())


def tag_or_metric_named(name: str) -> Tag | Metric | None:
    """Read ``tags[key]`` or ``metrics[key]``; None where ``name`` is neither.

    The key is everything between the first and the last bracket and keeps its case.
    """
    word, bracket, rest = name.partition("[")
    kind = MAPS.get(word.lower())
    if kind is None or not bracket or not rest.endswith("]"):
        return None
    return kind(rest[:-1])


def read_number(text: str) -> float | None:
    """Read a finite decimal number; None for all else, so also for NaN and the infinities."""
    if not NUMBER.fullmatch(text):
        return None
    number = float(text) or 0.0  # of two zeros that are equal only one is ever met
    return number if math.isfinite(number) else None


def compare(field: Field, operator: Operator, text: str) -> Comparison | None:
    """Hold ``field`` against ``text``; None where the field is a metric and the text no number."""
    value = read_number(text) if isinstance(field, Metric) else text
    return None if value is None else Comparison(field, operator, value)
