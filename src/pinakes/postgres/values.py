"""Write which values a field may have, of those that the table ``model_values`` knows.

What is written is something to select ``value`` from, under the name ``present``. Values that no
model has any more are among them, and each may come more than once.
"""

import hashlib
from typing import LiteralString, cast

from pinakes.postgres.where import COLUMNS, Bindings, compare
from pinakes.query.conditions import Column, Comparison, Metric, Operator, Tag

WINDOW = 3
"""Characters in a window, as the function ``windows`` of the schema cuts them."""

MAX_WINDOWS = 6
"""More are hardly ever found in fewer values, and each is read to its end."""


def given(values: list[str], bindings: Bindings) -> LiteralString:
    """Write values that are known beforehand."""
    return f"unnest({bindings.add(values)}::text[]) as present (value)"


def of_column(column: Column) -> LiteralString:
    """Write all values of a column."""
    field = COLUMNS[column]
    return f"(select value from {{schema}}.model_values where field = '{field}') as present"


class Values:
    """The values that comparisons of one statement meet, and what those that are searched refer to.

    To search the windows of a part takes long, hence it is done once, however often it is read. A
    comparison that is written twice is two nevertheless, for it is in the shape of its listing.
    """

    def __init__(self, bindings: Bindings) -> None:
        self.definitions: list[LiteralString] = []
        self._bindings = bindings
        self._searched: dict[int, LiteralString] = {}

    def meeting(self, comparison: Comparison) -> LiteralString:
        """Write the values that meet a comparison of a text."""
        if comparison.operator is Operator.EQUAL:
            return given([str(comparison.value)], self._bindings)
        if comparison.operator is Operator.CONTAINS and comparison.value:
            return self._containing(comparison)
        field, meets = self._named(comparison)
        return (
            f"(select value from {{schema}}.model_values where field = {field}"
            f" and {meets} order by field, value) as present"
        )

    def _containing(self, comparison: Comparison) -> LiteralString:
        """Write the values that contain a text.

        An offset, and a query for windows that the planner does not see, leave it no other index
        than that of windows: what it thinks of them is often wrong.
        """
        if id(comparison) not in self._searched:
            # of our own making, but for the number
            name = cast("LiteralString", f"values_{len(self._searched)}")
            self._searched[id(comparison)] = name
            needle = windows_of(name_of(comparison.field), str(comparison.value))
            field, meets = self._named(comparison)
            self.definitions.append(
                f"{name} as materialized (select value from (select field, value"
                " from {schema}.model_values where {schema}.windows(field, value)"
                f" @@ (select {self._bindings.add(needle)}::tsquery) offset 0) as likely"
                f" where field = {field} and {meets})"
            )
        return f"{self._searched[id(comparison)]} as present"

    def _named(self, comparison: Comparison) -> tuple[LiteralString, LiteralString]:
        """Write the name of a field, and that one of its values meets a comparison."""
        value = self._bindings.add(str(comparison.value))
        field = self._bindings.add(name_of(comparison.field))
        return field, compare("value", comparison.operator, value)


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
