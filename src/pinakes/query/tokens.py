"""Cut the text of a query into tokens, one at a time, so that the first fault is met first."""

import re
from dataclasses import dataclass
from enum import Enum, auto

from pinakes.query.errors import QuerySyntaxError


class Kind(Enum):
    """What a token is."""

    WORD = auto()
    QUOTED = auto()
    OPERATOR = auto()
    OPEN = auto()
    CLOSE = auto()
    AND = auto()
    OR = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the query: ``text`` without its quotes, ``start`` where it begins."""

    kind: Kind
    text: str
    start: int


BLANK = re.compile(r"[ \t\r\n]*")
WORD = re.compile(r"[^ \t\r\n=><!()%]+")
QUOTED = re.compile(r'"([^"]*)"')
OPERATOR = re.compile(r"[!<>]=|[=<>%]")
PARENTHESES = {"(": Kind.OPEN, ")": Kind.CLOSE}
GATES = {"and": Kind.AND, "or": Kind.OR}


class Tokens:
    """The tokens of a query, read no further ahead than one.

    A word ends at white space or at any of ``= > < ! ( ) %``. A double quote opens a quoted text
    only where a word could begin and is an ordinary character inside a word; nothing may touch
    the closing quote but an operator or a parenthesis. ``and`` and ``or``, unquoted and in any
    letter case, join comparisons and are never words.
    """

    def __init__(self, query: str) -> None:
        self.query = query
        self._position = 0
        self._next: Token | None = None

    def peek(self) -> Token:
        """Return the next token and stay before it; at the end this is END."""
        if self._next is None:
            self._next = self._read()
        return self._next

    def take(self) -> Token:
        """Return the next token and step behind it; here a NUL in it is refused."""
        token = self.peek()
        self._refuse_nul(token.start, self._position)
        self._next = None
        return token

    def _read(self) -> Token:
        start = self._skip_blank()
        if start == len(self.query):
            return Token(Kind.END, "", start)
        if self.query[start] in PARENTHESES:
            self._position += 1
            return Token(PARENTHESES[self.query[start]], self.query[start], start)
        if self.query[start] == '"':
            return Token(Kind.QUOTED, self._read_quoted(start), start)
        if operator := self._match(OPERATOR):
            return Token(Kind.OPERATOR, operator, start)
        if word := self._match(WORD):
            return Token(GATES.get(word.lower(), Kind.WORD), word, start)
        raise QuerySyntaxError(self.query, start, "expected != here, a lone ! means nothing")

    def _skip_blank(self) -> int:
        self._match(BLANK)
        return self._position

    def _read_quoted(self, start: int) -> str:
        quoted = self._match(QUOTED)
        if not quoted:
            self._refuse_nul(start, len(self.query))
            raise QuerySyntaxError(self.query, len(self.query), 'expected a closing "')
        if WORD.match(self.query, self._position):
            message = 'expected a space, an operator or a parenthesis behind the closing "'
            raise QuerySyntaxError(self.query, self._position, message)
        return quoted[1:-1]

    def _refuse_nul(self, start: int, end: int) -> None:
        nul = self.query.find("\0", start, end)
        if nul >= 0:
            raise QuerySyntaxError(self.query, nul, "expected no NUL character")

    def _match(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.query, self._position)
        if not match:
            return ""
        self._position = match.end()
        return match.group()
