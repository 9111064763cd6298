from pinakes.catalog.listing import TEXTS
from pinakes.postgres.where import COLUMNS, COMPARISONS
from pinakes.query.conditions import Column, Operator


def test_every_column_has_its_sql_and_its_text() -> None:
    assert set(COLUMNS) == set(TEXTS) == set(Column)


def test_every_operator_has_its_sql() -> None:
    assert set(COMPARISONS) == set(Operator)
