"""The house keeps its own rules: those that a machine can keep are kept by one."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

COMPOSED = """
import psycopg


def find(connection: psycopg.Connection, name: str) -> None:
    connection.execute("select * from models where name = '" + name + "'")
"""

BOUND = """
import psycopg


def find(connection: psycopg.Connection, name: str) -> None:
    connection.execute("select * from models where name = %s", [name])
"""


def complaints_about(program: str, directory: Path) -> str:
    file = directory / "program.py"
    file.write_text(program)
    command = [sys.executable, "-m", "basedpyright", "--pythonpath", sys.executable, str(file)]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=directory
    ).stdout


def test_a_composed_sql_string_does_not_pass_the_type_checker(tmp_path: Path) -> None:
    assert "reportCallIssue" in complaints_about(COMPOSED, tmp_path)
    assert "reportCallIssue" not in complaints_about(BOUND, tmp_path)


def test_no_file_of_the_source_is_a_crowd() -> None:
    lines = {file: len(file.read_text().splitlines()) for file in (ROOT / "src").rglob("*.py")}
    assert not [file.name for file, count in lines.items() if count > 400]
