"""What search looks into beside the models is kept whoever writes, and however many at once."""

from collections.abc import Iterator

import psycopg
import pytest

ADD = """
    insert into pinakes.models (
        uri, project, name, version, artifact_type, task_type, tags, metrics
    )
    select
        'gs://' || n, 'default', 'name ' || n, '', 'CUSTOM', '',
        jsonb_build_object('even', n & 1 = 0, 'n', n::text, 'long', repeat('x', 100) || n),
        jsonb_build_object('n', n, 'half', n / 2.0)
    from generate_series(%s::integer, %s::integer) as n
"""

KEPT = """
    select (
        select array_agg((key, beginning, uri, project) order by key, beginning, uri, project)
        from pinakes.model_tags
    ), (
        select array_agg((key, number, uri, project) order by key, number, uri, project)
        from pinakes.model_metrics
    )
"""

MEANT = """
    select (
        select array_agg(
            (key, left(value, 100), uri, project) order by key, left(value, 100), uri, project
        )
        from pinakes.models cross join jsonb_each_text(tags)
    ), (
        select array_agg(
            (key, value::float8, uri, project) order by key, value::float8, uri, project
        )
        from pinakes.models cross join jsonb_each_text(metrics)
    )
"""

UNKNOWN_VALUES = """
    select * from (
        select 'uri', uri from pinakes.models
        union select 'name', name from pinakes.models
        union select 'tags.' || key, value from pinakes.models cross join jsonb_each_text(tags)
        except select field, value from pinakes.model_values
    ) as unknown
"""


@pytest.fixture
def connection(fresh_database: str) -> Iterator[psycopg.Connection]:
    """A transaction over a catalogue that has just been made."""
    with psycopg.connect(fresh_database) as connection:
        yield connection
        connection.rollback()


@pytest.mark.parametrize(
    "change",
    [
        "select",
        "update pinakes.models set name = name || 'x', tags = tags - 'even'",
        "update pinakes.models set metrics = metrics - 'n'",
        "update pinakes.models set tags = tags || '{\"n\": \"0\"}' where name < 'name 5'",
        "update pinakes.models set tags = tags || jsonb_build_object('long', repeat('x', 101))",
        'update pinakes.models set metrics = metrics || \'{"half": 1e300, "new": -0.0}\'',
        "delete from pinakes.models where metrics @> '{\"n\": 7}'",
        "delete from pinakes.models",
    ],
)
def test_what_search_looks_into_is_what_the_models_hold(
    connection: psycopg.Connection, change: str
) -> None:
    connection.execute(ADD, [1, 20])
    connection.execute(change.encode())
    kept = connection.execute(KEPT).fetchone()
    assert kept == connection.execute(MEANT).fetchone()
    assert connection.execute(UNKNOWN_VALUES).fetchall() == []


def test_to_keep_it_no_table_is_read_from_end_to_end(connection: psycopg.Connection) -> None:
    """Plans are kept that were made when a table was empty, where reading all of it is cheapest."""
    connection.execute(ADD, [1, 1])
    connection.execute(ADD, [2, 2000])
    connection.execute("update pinakes.models set tags = '{}' where uri = 'gs://1'")
    connection.execute("delete from pinakes.models where uri = 'gs://2'")
    read = connection.execute(
        "select relname, seq_tup_read from pg_stat_xact_user_tables"
        " where relname like 'model\\_%' and seq_tup_read > 0"
    )
    assert read.fetchall() == []
