"""Turn a Condition into the WHERE clause of one SELECT.

What is composed here and in the modules that ``pages`` joins is a LiteralString throughout, which
the type checker holds us to: no text but our own is ever part of a statement.
"""

from collections.abc import Mapping
from typing import LiteralString, assert_never, cast

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

COLUMNS: Mapping[Column, LiteralString] = {
    Column.URI: "uri",
    Column.NAME: "name",
    Column.VERSION: "version",
    Column.PROJECT: "project",
    Column.ARTIFACT_TYPE: "artifact_type",
    Column.TASK_TYPE: "task_type",
    Column.DEFAULT_PROTOCOL: "default_protocol",
}

COMPARISONS: Mapping[Operator, LiteralString] = {
    Operator.EQUAL: "{field} = {value}",
    Operator.NOT_EQUAL: "{field} <> {value}",
    Operator.LESS: "{field} < {value}",
    Operator.GREATER: "{field} > {value}",
    Operator.AT_MOST: "{field} <= {value}",
    Operator.AT_LEAST: "{field} >= {value}",
    Operator.CONTAINS: "strpos({field}, {value}) > 0",
}

Value = str | float | list[str]


class Bindings:
    """Values sent beside the statement, each under its own placeholder.

    Whole numbers are ours, and stand in the statement itself: how many models are looked at is
    what a plan depends on, also one that is made before the values are known.
    """

    def __init__(self) -> None:
        self.values: dict[str, Value] = {}

    def add(self, value: Value) -> LiteralString:
        """Bind a value and return what stands for it in the statement."""
        if isinstance(value, int):
            return cast("LiteralString", str(int(value)))
        name = f"value_{len(self.values)}"
        self.values[name] = value
        return cast("LiteralString", f"%({name})s")  # of our own making, but for the number


def where(condition: Condition, bindings: Bindings) -> LiteralString:
    """Write ``condition`` in SQL; text of users reaches the statement only through ``bindings``."""
    match condition:
        case Comparison(field, operator, value):
            return compare(_field(field, bindings), operator, bindings.add(value))
        case Both(left, right):
            return f"({where(left, bindings)} and {where(right, bindings)})"
        case Either(left, right):
            return f"({where(left, bindings)} or {where(right, bindings)})"
        case _:
            assert_never(condition)


def compare(field: LiteralString, operator: Operator, value: LiteralString) -> LiteralString:
    """Write one thing held against another."""
    return COMPARISONS[operator].format(field=field, value=value)


def _field(field: Field, bindings: Bindings) -> LiteralString:
    match field:
        case Column():
            return COLUMNS[field]
        case Tag(key):
            return f'((tags ->> {bindings.add(key)}) collate "C")'
        case Metric(key):
            return f"((metrics -> {bindings.add(key)})::float8)"
        case _:
            assert_never(field)
