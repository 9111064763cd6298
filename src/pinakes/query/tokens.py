"""Cut the text of a query into tokens, one at a time, so that the first fault is met first."""

import re
from enum import Enum, auto
from typing import NamedTuple

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


class Token(NamedTuple):
    """A piece of the query: ``text`` without its quotes, ``start`` where it begins."""

    kind: Kind
    text: str
    start: int


BLANK = re.compile(r"[ \t\r\n]*")
WORD = re.compile(r"[^ \t\r\n=><!()%]+")
TOKEN = re.compile(
    r"""[ \t\r\n]*(?:
    (?P<open>\()
    | (?P<close>\))
    | "(?P<quoted>[^"]*)"
    | (?P<operator>[!<>]= | [=<>%])
    | (?P<word>[^ \t\r\n=><!()%"][^ \t\r\n=><!()%]*)
    )""",
    re.VERBOSE,
)
"""All that a query consists of, told apart at once: tried in turn, they took twice as long."""

KINDS = {
    "open": Kind.OPEN,
    "close": Kind.CLOSE,
    "quoted": Kind.QUOTED,
    "operator": Kind.OPERATOR,
    "word": Kind.WORD,
}
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
        found = TOKEN.match(self.query, self._position)
        name = found and found.lastgroup
        if not found or not name:
            return self._read_the_rest()
        self._position = found.end()
        text, kind = found[name], KINDS[name]
        if kind is Kind.QUOTED:
            self._check_behind_quotes()
            return Token(kind, text, found.start(name) - 1)
        if kind is Kind.WORD:
            kind = GATES.get(text.lower(), kind)
        return Token(kind, text, found.start(name))

    def _check_behind_quotes(self) -> None:
        if WORD.match(self.query, self._position):
            message = 'expected a space, an operator or a parenthesis behind the closing "'
            raise QuerySyntaxError(self.query, self._position, message)

    def _read_the_rest(self) -> Token:
        """Read what is no token: nothing more, or a fault."""
        start = self._skip_blank()
        if start == len(self.query):
            return Token(Kind.END, "", start)
        if self.query[start] == '"':
            self._refuse_nul(start, len(self.query))
            raise QuerySyntaxError(self.query, len(self.query), 'expected a closing "')
        raise QuerySyntaxError(self.query, start, "expected != here, a lone ! means nothing")

    def _skip_blank(self) -> int:
        blank = BLANK.match(self.query, self._position)
        return blank.end() if blank else self._position

    def _refuse_nul(self, start: int, end: int) -> None:
        nul = self.query.find("\0", start, end)
        if nul >= 0:
            raise QuerySyntaxError(self.query, nul, "expected no NUL character")
