from pinakes.query import fields
from pinakes.query.conditions import Column


def test_every_column_but_the_protocol_can_be_searched() -> None:
    assert {*fields.COLUMNS.values()} == {*Column} - {Column.DEFAULT_PROTOCOL}
