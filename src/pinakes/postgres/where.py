"""Turn a Condition into the WHERE clause of one SELECT."""

from collections.abc import Iterable
from typing import assert_never

from psycopg import sql

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

COLUMNS = {
    Column.URI: sql.SQL("uri"),
    Column.NAME: sql.SQL("name"),
    Column.VERSION: sql.SQL("version"),
    Column.PROJECT: sql.SQL("project"),
    Column.ARTIFACT_TYPE: sql.SQL("artifact_type"),
    Column.TASK_TYPE: sql.SQL("task_type"),
    Column.DEFAULT_PROTOCOL: sql.SQL("default_protocol"),
}

TAG = sql.SQL('((tags ->> {key}) collate "C")')
METRIC = sql.SQL("((metrics -> {key})::float8)")

COMPARISONS = {
    Operator.EQUAL: sql.SQL("{field} = {value}"),
    Operator.NOT_EQUAL: sql.SQL("{field} <> {value}"),
    Operator.LESS: sql.SQL("{field} < {value}"),
    Operator.GREATER: sql.SQL("{field} > {value}"),
    Operator.AT_MOST: sql.SQL("{field} <= {value}"),
    Operator.AT_LEAST: sql.SQL("{field} >= {value}"),
    Operator.CONTAINS: sql.SQL("strpos({field}, {value}) > 0"),
}

AMONG = sql.SQL("{field} = any({values})")

HAS_TAG = sql.SQL("tags @> jsonb_build_object({key}::text, {value}::text)")
"""Equality on a tag, written so that the index over all tags serves it."""


Value = str | float | list[str]


class Bindings:
    """Values sent beside the statement, each under its own placeholder."""

    def __init__(self) -> None:
        self.values: dict[str, Value] = {}

    def add(self, value: Value) -> sql.Placeholder:
        """Bind a value and return what stands for it in the statement."""
        name = f"value_{len(self.values)}"
        self.values[name] = value
        return sql.Placeholder(name)


def where(condition: Condition, bindings: Bindings) -> sql.Composed:
    """Write ``condition`` in SQL; text of users reaches the statement only through ``bindings``."""
    match condition:
        case Comparison(Tag(key), Operator.EQUAL, value):
            return HAS_TAG.format(key=bindings.add(key), value=bindings.add(value))
        case Comparison(field, operator, value):
            return COMPARISONS[operator].format(
                field=_field(field, bindings), value=bindings.add(value)
            )
        case Both(left, right):
            return sql.SQL("({} and {})").format(where(left, bindings), where(right, bindings))
        case Either(left, right):
            return sql.SQL("({} or {})").format(where(left, bindings), where(right, bindings))
        case _:
            assert_never(condition)


def among(column: Column, values: Iterable[str], bindings: Bindings) -> sql.Composed:
    """Write that a column holds one of some values, and with none of them that nothing matches."""
    return AMONG.format(field=COLUMNS[column], values=bindings.add(sorted(values)))


def _field(field: Field, bindings: Bindings) -> sql.Composable:
    match field:
        case Column():
            return COLUMNS[field]
        case Tag(key):
            return TAG.format(key=bindings.add(key))
        case Metric(key):
            return METRIC.format(key=bindings.add(key))
        case _:
            assert_never(field)
