"""Cut the text of a migration into its statements."""

import re

PIECE = re.compile(
    r"""
    (?P<comment> --[^\n]*\n? | /\*.*?\*/ )
    | (?P<quoted> '(?:[^']|'')*' | "(?:[^"]|"")*" | (?P<tag>\$\w*\$).*?(?P=tag) )
    | (?P<end> ; )
    | [^-/'"$;]+ | .
    """,
    re.VERBOSE | re.DOTALL,
)
"""What hides a semicolon, the semicolon itself, and all that lies between.

Strings with a backslash escape (E'...') and nested comments are not known: no migration needs them.
"""


def split(text: str) -> list[str]:
    """Return the statements, each with the comments before and inside it, without its semicolon."""
    statements = [""]
    for piece in PIECE.finditer(text):
        if piece["end"]:
            statements.append("")
        else:
            statements[-1] += piece[0]
    return [statement.strip() for statement in statements if without_comments(statement)]


def without_comments(statement: str) -> str:
    """Return a statement on one line, in single spaces."""
    pieces = (" " if piece["comment"] else piece[0] for piece in PIECE.finditer(statement))
    return " ".join("".join(pieces).split())
