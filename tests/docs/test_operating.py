"""What the pages for operators say of values, connections and vacuum is so."""

import re
from pathlib import Path

import psycopg
import pytest
import yaml

from cluster.helm import CHART
from docs.pages import HOW_TO, blocks, marked, page
from docs.test_install import NO_VALUES, VALUES, is_value
from doctor.ward import run_doctor
from parts import environment_of
from pinakes.postgres.pool import MAX_CONNECTIONS

PAGES = sorted(HOW_TO.glob("operate-*.md"))
SIZING = page("operate-sizing")
[SIZES, SETTINGS, AGES] = blocks(SIZING, "sql")
FOR_OTHERS = 10 + 3

each_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)


@each_page
def test_every_value_that_is_named_is_one_of_the_chart(path: Path) -> None:
    for word in marked(path.read_text()):
        named = re.fullmatch(r"([a-z]+(?:\.[A-Za-z]+)+)(?:: .*)?", word)
        if named and named[1] not in NO_VALUES and named[1].split(".")[0] in VALUES["properties"]:
            assert is_value(named[1].split(".")), word


@each_page
def test_every_page_is_found_from_the_first_one(path: Path) -> None:
    assert f"docs/how-to/{path.name}" in (HOW_TO.parents[1] / "README.md").read_text()


def test_the_connections_that_are_counted_are_those_of_the_chart() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert f"opens up to {MAX_CONNECTIONS}." in SIZING
    for replicas in (values["replicas"], values["autoscaling"]["maxReplicas"]):
        assert f" {(replicas + 1) * MAX_CONNECTIONS + FOR_OTHERS}" in SIZING


def test_the_settings_of_vacuum_are_taken_and_the_doctor_finds_no_drift(
    fresh_database: str,
) -> None:
    with psycopg.connect(fresh_database, autocommit=True) as connection:
        connection.execute(SETTINGS.encode())
        tables = connection.execute(SIZES.encode()).fetchall()
        ages = connection.execute(AGES.encode()).fetchall()
    assert {row[0] for row in tables} >= {"models", "model_revisions", "runtime_metadata"}
    assert all(age < 200_000_000 for _, age in ages)
    done = run_doctor(environment_of(fresh_database))
    assert "✓ schema.drift" in done.stdout
