"""The language by example: what is read, what is refused, and where the caret stands."""

import pytest

from pinakes.query.conditions import (
    Both,
    Column,
    Comparison,
    Condition,
    Either,
    Metric,
    Operator,
    Tag,
)
from pinakes.query.errors import QuerySyntaxError
from pinakes.query.parser import MAX_COMPARISONS, MAX_DEPTH, MAX_LENGTH, parse

A = Comparison(Column.NAME, Operator.EQUAL, "a")
B = Comparison(Column.VERSION, Operator.EQUAL, "b")
C = Comparison(Column.PROJECT, Operator.EQUAL, "c")
D = Comparison(Column.URI, Operator.EQUAL, "d")


def equal(field: Column | Tag | Metric, value: str | float) -> Comparison:
    return Comparison(field, Operator.EQUAL, value)


@pytest.mark.parametrize(
    ("query", "meaning"),
    [
        ("name=a", A),
        ("NAME = a", A),
        (" \t\r\nname\n=\ta ", A),
        ('"name"="a"', A),
        ("((name=a))", A),
        ("name=a AND version=b OR project=c", Either(Both(A, B), C)),
        ("name=a or version=b and project=c", Both(Either(A, B), C)),
        ("name=a OR (version=b AND project=c)", Either(A, Both(B, C))),
        ("name=a OR (version=b AND project=c) AND uri=d", Both(Either(A, Both(B, C)), D)),
        ("name=a OR (version=b AND project=c )AND(uri=d)", Both(Either(A, Both(B, C)), D)),
        ('name="a" AND version=b', Both(A, B)),
    ],
)
def test_parentheses_group_and_joins_fold_to_the_left(query: str, meaning: Condition) -> None:
    assert parse(query) == meaning


@pytest.mark.parametrize("operator", list(Operator))
def test_every_operator_is_read_with_and_without_spaces(operator: Operator) -> None:
    meaning = Comparison(Column.NAME, operator, "a")
    assert parse(f"name{operator.value}a") == parse(f"name {operator.value} a") == meaning


@pytest.mark.parametrize(
    ("spelling", "column"),
    [
        ("URI", Column.URI),
        ("uri", Column.URI),
        ("artifact_type", Column.ARTIFACT_TYPE),
        ("artifactType", Column.ARTIFACT_TYPE),
        ("ArtifactType", Column.ARTIFACT_TYPE),
        ("ARTIFACTTYPE", Column.ARTIFACT_TYPE),
        ("task_type", Column.TASK_TYPE),
        ("TaskType", Column.TASK_TYPE),
        ("Task_Type", Column.TASK_TYPE),
    ],
)
def test_a_field_is_known_by_every_spelling(spelling: str, column: Column) -> None:
    assert parse(f"{spelling}=x") == equal(column, "x")


@pytest.mark.parametrize(
    ("query", "meaning"),
    [
        ("tags[Key]=x", equal(Tag("Key"), "x")),
        ("TAGS[key]=x", equal(Tag("key"), "x")),
        ('"tags[a b]"=x', equal(Tag("a b"), "x")),
        ('"tags[]"=x', equal(Tag(""), "x")),
        ('"tags[a[0]]"=x', equal(Tag("a[0]"), "x")),
        ('"tags[a=b]" = x', equal(Tag("a=b"), "x")),
        ('tags[a"b]=x', equal(Tag('a"b'), "x")),
        ("metrics[f1]=0.5", equal(Metric("f1"), 0.5)),
        ("metrics[f1]=-1e-3", equal(Metric("f1"), -0.001)),
        ("metrics[f1]=.5", equal(Metric("f1"), 0.5)),
        ('metrics[f1]="1"', equal(Metric("f1"), 1.0)),
    ],
)
def test_the_key_of_a_map_stands_in_brackets(query: str, meaning: Condition) -> None:
    assert parse(query) == meaning


@pytest.mark.parametrize(
    ("value", "meaning"),
    [
        ("gs://m/x?y", "gs://m/x?y"),
        ("a:b/c.d-e,f[g]", "a:b/c.d-e,f[g]"),
        ('"a b = (c) % d"', "a b = (c) % d"),
        ('""', ""),
        ("", ""),
        ("'a'", "'a'"),
        ('a"b"', 'a"b"'),
        ('"and"', "and"),
        ('"OR"', "OR"),
        ("android", "android"),
        ('"\n"', "\n"),
    ],
)
def test_a_value_is_a_word_or_anything_in_double_quotes(value: str, meaning: str) -> None:
    assert parse(f"name={value}") == equal(Column.NAME, meaning)
    assert parse(f"(name={value})") == equal(Column.NAME, meaning)


@pytest.mark.parametrize(
    ("query", "position", "expected"),
    [
        ("", 0, "a field"),
        ("name", 4, "an operator"),
        ("name x", 5, "an operator"),
        ("AND name=x", 0, "a field"),
        ("name=x AND", 10, "a field"),
        ("name=x AND AND name=y", 11, "a field"),
        ("=x", 0, "a field"),
        (")(name=x)", 0, "a field"),
        ("()", 1, "a field"),
        ("nom=x", 0, "unknown field"),
        ("name=x AND nom=x", 11, "unknown field"),
        ('"and"=x', 0, "unknown field"),
        ("name==x", 5, "a value"),
        ("name> =x", 6, "a value"),
        ("name= and version=x", 6, "a value"),
        ("(name= OR version=x)", 7, "a value"),
        ("name=and", 5, "a value"),
        ("name=(x)", 5, "a value"),
        ("name=x y", 7, "AND, OR or the end"),
        ("name=50%", 7, "AND, OR or the end"),
        ("name=f(x)", 6, "AND, OR or the end"),
        ("name=x) OR name=y", 6, "AND, OR or the end"),
        ("(name=x", 7, "a closing )"),
        ("(name=x OR (name=y)", 19, "a closing )"),
        ("(name=x y)", 8, "a closing )"),
        ("name=x !y", 7, "!="),
        ("nom=x !y", 0, "unknown field"),
        ("name!x", 4, "!="),
        ('name="x', 7, 'a closing "'),
        ('name="x"y', 8, "a space"),
        ('name="x"AND version=y', 8, "a space"),
        ('name="x""y"', 8, "a space"),
        ("tags[]=x", 5, "a key"),
        ("tags[a b]=x", 6, "]"),
        ("tags[a=x", 6, "]"),
        ("tags[a[0]]=x", 6, "]"),
        ("tags[a]b=x", 7, "]"),
        ("tags=x", 0, "unknown field"),
        ("metrics[f1]=x", 12, "a finite number"),
        ("metrics[f1]=", 12, "a finite number"),
        ("metrics[f1]=NaN", 12, "a finite number"),
        ("metrics[f1]=-Infinity", 12, "a finite number"),
        ("metrics[f1]=1e999", 12, "a finite number"),
        ("metrics[f1]=1_0", 12, "a finite number"),
        ("metrics[f1]=\u0661", 12, "a finite number"),
        ("metrics[f1]%1", 11, "another operator"),
        ("name=a\0b", 6, "no NUL"),
        ('name="a\0b"', 7, "no NUL"),
        ("na\0me=x", 2, "no NUL"),
        ('name="\0', 6, "no NUL"),
        ("name=x y\0", 7, "AND, OR or the end"),
        ("name=" + "x" * MAX_LENGTH, MAX_LENGTH, f"at most {MAX_LENGTH} characters"),
        ("(" * (MAX_DEPTH + 1) + "name=x", MAX_DEPTH, f"at most {MAX_DEPTH} levels"),
        (
            " or ".join(["name=x"] * (MAX_COMPARISONS + 1)),
            MAX_COMPARISONS * 10,
            f"at most {MAX_COMPARISONS} comparisons",
        ),
    ],
)
def test_what_is_no_query_is_refused_where_it_goes_wrong(
    query: str, position: int, expected: str
) -> None:
    with pytest.raises(QuerySyntaxError) as refused:
        parse(query)
    assert refused.value.position == position
    assert expected in str(refused.value).split("\n")[0]


def test_the_message_shows_the_query_on_one_line_and_a_caret_below() -> None:
    with pytest.raises(QuerySyntaxError) as refused:
        parse('name="a\tb\u2028\u0085\n" nom\0')
    assert str(refused.value).split("\n")[1:] == [
        'name="a b   " nom\\x00',
        "              ^",
    ]


def test_the_caret_stands_right_behind_an_escaped_nul() -> None:
    with pytest.raises(QuerySyntaxError) as refused:
        parse("\0" + "x" * MAX_LENGTH)
    _, query, caret = str(refused.value).split("\n")
    assert query.startswith("\\x00xxx")
    assert caret.index("^") == MAX_LENGTH + 3


def test_a_query_may_be_as_long_as_the_limits_say() -> None:
    assert MAX_LENGTH >= 4096
    assert MAX_DEPTH >= 32
    assert MAX_COMPARISONS >= 200
    parse("(" * MAX_DEPTH + "name=x" + ")" * MAX_DEPTH)
    parse(" or ".join(["name=x"] * MAX_COMPARISONS))
    parse("name=" + "x" * (MAX_LENGTH - 5))
