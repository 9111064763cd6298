"""Read a query: one function per grammar rule, the rule as its docstring.

The language is goven's (github.com/SeldonIO/goven), whose defects are not kept: parentheses always
group, and nothing is silently dropped. AND and OR have equal precedence and fold to the left.
See ``docs/reference/query-language.md``.
"""

import re
from functools import lru_cache

from pinakes.query import fields
from pinakes.query.conditions import (
    Both,
    Comparison,
    Condition,
    Either,
    Field,
    Metric,
    Operator,
)
from pinakes.query.errors import QuerySyntaxError
from pinakes.query.tokens import Kind, Token, Tokens

MAX_LENGTH = 8192
"""Code points in a query."""
MAX_DEPTH = 64
"""Parentheses inside one another."""
MAX_COMPARISONS = 200
"""Comparisons in a query: what later walks the condition does so recursively."""

KNOWN_QUERIES = 128
"""Queries that are remembered: each page of a walk asks the same one again, and to parse three
comparisons takes 22 us."""

FIELDS = "URI, name, version, project, artifact_type, task_type, tags[key] or metrics[key]"
BARE_KEY = re.compile(r"(?P<map>tags|metrics)\[(?P<key>[^\[\]]*)(?P<closed>\]?)", re.IGNORECASE)
OPERATORS = {operator.value: operator for operator in Operator}


@lru_cache(KNOWN_QUERIES)
def parse(query: str) -> Condition:
    """``query := item ((AND | OR) item)* END``.

    Raises QuerySyntaxError, and nothing else, for a text that is not a query.
    """
    if len(query) > MAX_LENGTH:
        raise QuerySyntaxError(query, MAX_LENGTH, f"expected at most {MAX_LENGTH} characters")
    return _Parser(query).parse()


class _Parser:
    def __init__(self, query: str) -> None:
        self._tokens = Tokens(query)
        self._comparisons = 0

    def parse(self) -> Condition:
        condition = self._items(depth=0)
        if self._tokens.peek().kind is not Kind.END:
            raise self._refuse(self._tokens.peek(), "expected AND, OR or the end of the query")
        return condition

    def _items(self, depth: int) -> Condition:
        """``items := item ((AND | OR) item)*``, folded to the left."""
        condition = self._item(depth)
        while self._tokens.peek().kind in (Kind.AND, Kind.OR):
            join = Both if self._tokens.take().kind is Kind.AND else Either
            condition = join(condition, self._item(depth))
        return condition

    def _item(self, depth: int) -> Condition:
        """``item := '(' items ')' | comparison``."""
        if self._tokens.peek().kind is not Kind.OPEN:
            return self._comparison()
        opening = self._tokens.take()
        if depth == MAX_DEPTH:
            raise self._refuse(opening, f"expected at most {MAX_DEPTH} levels of parentheses")
        condition = self._items(depth + 1)
        if self._tokens.peek().kind is not Kind.CLOSE:
            raise self._refuse(self._tokens.peek(), "expected AND, OR or a closing )")
        self._tokens.take()
        return condition

    def _comparison(self) -> Comparison:
        """``comparison := field operator value``."""
        start = self._tokens.peek()
        self._comparisons += 1
        if self._comparisons > MAX_COMPARISONS:
            raise self._refuse(start, f"expected at most {MAX_COMPARISONS} comparisons")
        field = self._field()
        operator = self._operator(field)
        value = self._value()
        comparison = fields.compare(field, operator, value.text)
        if comparison is None:
            raise self._refuse(
                value, "expected a finite number, as metrics are compared as numbers"
            )
        return comparison

    def _field(self) -> Field:
        """``field := word | quoted``, and its name is a column, ``tags[key]`` or ``metrics[key]``.

        The key of an unquoted field is not empty and holds no brackets.
        """
        name = self._tokens.take()
        if name.kind not in (Kind.WORD, Kind.QUOTED):
            raise self._refuse(name, "expected a field or a parenthesis")
        if name.kind is Kind.WORD:
            self._check_brackets(name)
        field = fields.column_named(name.text) or fields.tag_or_metric_named(name.text)
        if field is None:
            raise self._refuse(name, f"unknown field, expected {FIELDS}")
        return field

    def _check_brackets(self, name: Token) -> None:
        bare = BARE_KEY.match(name.text)
        if not bare:
            return
        if not bare["key"]:
            raise self._refuse(name, "expected a key", bare.start("key"))
        if not bare["closed"] or bare.end() < len(name.text):
            message = f'expected ] at the end of the key, else quotes: "{bare["map"]}[any key]"'
            raise self._refuse(name, message, bare.end("closed"))

    def _operator(self, field: Field) -> Operator:
        """``operator := '=' | '!=' | '<' | '>' | '<=' | '>=' | '%'``, but no ``%`` on a metric."""
        token = self._tokens.take()
        if token.kind is not Kind.OPERATOR:
            raise self._refuse(token, f"expected an operator: {', '.join(OPERATORS)}")
        operator = OPERATORS[token.text]
        if operator is Operator.CONTAINS and isinstance(field, Metric):
            raise self._refuse(token, "expected another operator, a number has no parts to find")
        return operator

    def _value(self) -> Token:
        """``value := word | quoted | nothing``; nothing, before ``)`` or END, is the empty text."""
        token = self._tokens.peek()
        if token.kind in (Kind.WORD, Kind.QUOTED):
            return self._tokens.take()
        if token.kind in (Kind.CLOSE, Kind.END):
            return Token(Kind.WORD, "", token.start)
        raise self._refuse(token, 'expected a value; one that is or holds a sign needs "quotes"')

    def _refuse(self, token: Token, expected: str, offset: int = 0) -> QuerySyntaxError:
        return QuerySyntaxError(self._tokens.query, token.start + offset, expected)
