"""Write which values a field may have, of those that the table ``model_values`` knows.

What is written is something to select ``value`` from, under the name ``present``. Values that no
model has any more are among them, and each may come more than once.
"""

import hashlib
from typing import LiteralString

from pinakes.postgres.where import Bindings, compare
from pinakes.query.conditions import Column, Comparison, Metric, Operator, Tag

WINDOW = 3
"""Characters in a window, as the function ``windows`` of the schema cuts them."""

MAX_WINDOWS = 8
"""More are hardly ever found in fewer values, and each is read to its end."""


def given(values: list[str], bindings: Bindings) -> LiteralString:
    """Write values that are known beforehand."""
    return f"unnest({bindings.add(values)}::text[]) as present (value)"


def meeting(comparison: Comparison, bindings: Bindings) -> LiteralString:
    """Write the values that meet a comparison of a text."""
    field = name_of(comparison.field)
    value = str(comparison.value)
    if comparison.operator is Operator.EQUAL:
        return given([value], bindings)
    meets = compare("value", comparison.operator, bindings.add(value))
    if comparison.operator is Operator.CONTAINS and value:
        return _containing(field, value, meets, bindings)
    return (
        f"(select value from {{schema}}.model_values where field = {bindings.add(field)}"
        f" and {meets} order by field, value) as present"
    )


def _containing(field: str, needle: str, meets: LiteralString, bindings: Bindings) -> LiteralString:
    """Write the values that contain a text.

    An offset, and a query for windows that the planner does not see, leave it no other index
    than that of windows: what it thinks of them is often wrong.
    """
    windows = bindings.add(windows_of(field, needle))
    return (
        "(select value from (select field, value from {schema}.model_values"
        f" where {{schema}}.windows(field, value) @@ (select {windows}::tsquery) offset 0)"
        f" as likely where field = {bindings.add(field)} and {meets}) as present"
    )


def name_of(field: Column | Tag | Metric) -> str:
    """Return what ``model_values`` calls a field."""
    return field.value if isinstance(field, Column) else f"tags.{field.key}"


def windows_of(field: str, needle: str) -> str:
    """Write windows that every value of a field has that contains ``needle``, as a tsquery.

    A needle that is shorter than a window is the beginning of one.
    """
    kind = hashlib.sha256(field.encode()).hexdigest()[:6]
    if len(needle) < WINDOW:
        return f"{_lexeme(kind + needle)}:*"
    last = len(needle) - WINDOW
    step = max(1, last / (MAX_WINDOWS - 1))
    starts = dict.fromkeys(min(last, round(step * number)) for number in range(MAX_WINDOWS))
    return " & ".join([_lexeme(kind + needle[start : start + WINDOW]) for start in starts])


def _lexeme(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
