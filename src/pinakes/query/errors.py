"""The one way in which a query is refused."""

SHOWN = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029], " ") | {0: r"\x00"}
"""What stands for a character that would break the line: a space, and for NUL its escape."""


class QuerySyntaxError(ValueError):
    """The text is not a query.

    Its message has three lines: what was expected, the query, and a caret under the first
    character that is wrong (one past the end where something is missing).
    """

    def __init__(self, query: str, position: int, expected: str) -> None:
        self.position = position
        indent = " " * len(query[:position].translate(SHOWN))
        super().__init__(f"query: {expected}\n{query.translate(SHOWN)}\n{indent}^")
