from pinakes.postgres.where import COLUMNS, COMPARISONS
from pinakes.query import fields
from pinakes.query.conditions import Column, Operator


def test_every_column_but_the_protocol_can_be_searched() -> None:
    assert {*fields.COLUMNS.values()} == {*Column} - {Column.DEFAULT_PROTOCOL}


def test_sql_is_known_for_every_column_and_operator() -> None:
    assert set(COLUMNS) == set(Column)
    assert set(COMPARISONS) == set(Operator)
