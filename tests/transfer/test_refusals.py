"""Files that are not imported: nothing of them is kept, and all that is wrong is told."""

import bz2
import gzip
import json
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest

from parts import migrated, new_database
from pinakes.transfers.files import FileRefused
from pinakes.wire.portable.reading import MAX_PROBLEMS, UnreadableFormat
from transfer.commands import exported, imported, lines, pinakes

A = '{"URI":"gs://a","name":"a"}'
B = '{"URI":"gs://b","name":"b"}'


@pytest.fixture(scope="module")
def export(postgres: str) -> bytes:
    """An export with two models and their revisions, and nothing of other tests."""
    database = migrated(new_database(postgres))
    imported(database, lines(A, B))
    return exported(database)


def problems(conninfo: str, text: bytes) -> list[tuple[int, str]]:
    """Import what is wrong; return what is told, by line."""
    before = exported(conninfo)
    with pytest.raises(FileRefused) as refused:
        imported(conninfo, text)
    assert exported(conninfo) == before
    return [(problem.line, problem.told) for problem in refused.value.problems]


def test_a_file_that_was_cut_anywhere_is_refused(fresh_database: str, export: bytes) -> None:
    whole = export.splitlines(keepends=True)
    for count in range(1, len(whole)):
        [(line, told)] = problems(fresh_database, b"".join(whole[:count]))
        assert (line, told) == (0, "the file ends before its manifest: it was cut; get it again")
        assert problems(fresh_database, b"".join(whole[count:]))
    assert problems(fresh_database, export[:-20])


def _flipped(export: bytes) -> bytes:
    return export.replace(b'"name":"b"', b'"name":"c"')


def _without_a_line(export: bytes) -> bytes:
    whole = export.splitlines(keepends=True)
    return b"".join([*whole[:-2], whole[-1]])


def _with_other_line_ends(export: bytes) -> bytes:
    return export.replace(b"\n", b"\r\n")


def _in_another_order(export: bytes) -> bytes:
    first, *revisions, model, other, last = export.splitlines(keepends=True)
    return b"".join([first, *reversed(revisions), model, other, last])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_flipped, "models: the lines are not those that were exported (SHA-256)"),
        (_without_a_line, "lines, the manifest says"),
        (_with_other_line_ends, "models: the lines are not those that were exported (SHA-256)"),
        (_in_another_order, "revisions: the lines are not those that were exported (SHA-256)"),
    ],
)
def test_a_file_that_was_changed_is_refused(
    fresh_database: str, export: bytes, change: Callable[[bytes], bytes], told: str
) -> None:
    assert any(told in one for _, one in problems(fresh_database, change(export)))


def test_any_byte_that_is_flipped_is_noticed(fresh_database: str, export: bytes) -> None:
    for place in range(0, len(export) - 1, len(export) // 40):
        text = bytearray(export)
        text[place] ^= 0x04
        with pytest.raises((FileRefused, UnreadableFormat)):
            imported(fresh_database, bytes(text))
    assert b'"URI"' not in exported(fresh_database)


def test_a_file_of_another_format_is_left_to_another_version(
    fresh_database: str, export: bytes
) -> None:
    newer = export.replace(b'"format":1', b'"format":2')
    with pytest.raises(UnreadableFormat, match="format 2, this version reads 1"):
        imported(fresh_database, newer)
    done = pinakes(fresh_database, "import", "-", stdin=newer)
    assert done.returncode == 1
    assert b"import it with the version that exported it, or a later one" in done.stderr


def test_everything_that_is_wrong_is_told_with_its_line(fresh_database: str) -> None:
    text = lines(A, "no JSON", '{"URI":"gs://b","artifactType":"NEW"}', '{"name":"nameless"}', B)
    assert [(line, told[:26]) for line, told in problems(fresh_database, text)] == [
        (2, "the body is not JSON: JSON"),
        (3, "artifactType: unknown valu"),
        (4, "URI: is missing, it says w"),
    ]


def test_of_very_many_problems_the_first_are_told_and_the_others_counted(
    fresh_database: str,
) -> None:
    text = lines(*["{}"] * (MAX_PROBLEMS + 7))
    assert len(problems(fresh_database, text)) == MAX_PROBLEMS
    done = pinakes(fresh_database, "import", "-", stdin=text)
    assert done.stderr.decode().splitlines()[-1] == "and 7 more"


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        (lines(A, A), 2, "'gs://a' 'default' comes a second time"),
        (lines(B, A), 2, "'gs://a' 'default' comes before 'gs://b' 'default': sort models"),
        (
            lines('{"runtimeMetadata":{"modelUri":"u"}}', A),
            2,
            "models come before runtimeMetadata",
        ),
        (lines(A, '{"export":{"format":1}}'), 2, "begins another export; a file holds one"),
        (lines(A, '{"manifest":{}}'), 2, "manifest.revisions: expected an object, got null"),
    ],
)
def test_what_comes_twice_or_in_another_order_is_refused(
    fresh_database: str, text: bytes, line: int, told: str
) -> None:
    found = problems(fresh_database, text)
    assert found[0][0] == line
    assert found[0][1].startswith(told)


def test_nothing_may_come_behind_the_manifest(fresh_database: str, export: bytes) -> None:
    found = problems(fresh_database, export + lines(A))
    assert found == [
        (len(export.splitlines()) + 1, "comes after the manifest, which is the last line")
    ]


def test_a_revision_that_comes_twice_is_refused(fresh_database: str, export: bytes) -> None:
    [first, *_] = [line for line in export.splitlines() if line.startswith(b'{"revision"')]
    done = pinakes(fresh_database, "import", "-", stdin=first + b"\n" + first + b"\n")
    assert done.returncode == 1
    assert b"a revision comes twice" in done.stderr


def test_a_name_that_is_given_twice_in_two_spellings_is_refused(fresh_database: str) -> None:
    line = json.dumps({"URI": "u", "taskType": "a", "task_type": "b"})
    [(_, told)] = problems(fresh_database, lines(line))
    assert told == "taskType: is given twice, as taskType and as task_type"


def test_blank_lines_and_a_missing_last_line_end_do_not_matter(fresh_database: str) -> None:
    assert imported(fresh_database, b"\n" + A.encode() + b"\n\n" + B.encode()).models.created == 2


def test_an_empty_file_is_one_that_was_not_written(fresh_database: str) -> None:
    assert problems(fresh_database, b"") == [
        (0, "it is empty: what was to write it has probably failed")
    ]


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress, bz2.compress])
def test_a_compressed_file_is_told_as_such(
    fresh_database: str, export: bytes, pack: Callable[[bytes], bytes]
) -> None:
    done = pinakes(fresh_database, "import", "-", stdin=pack(export))
    assert done.returncode == 1
    assert b"the file is compressed: unpack it into a pipe, as with gunzip -c" in done.stderr


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_file_in_another_encoding_is_told_as_such(fresh_database: str, encoding: str) -> None:
    with pytest.raises(UnreadableFormat, match="begins with a mark of its encoding"):
        imported(fresh_database, f"{A}\n".encode(encoding))


def test_a_database_without_a_catalogue_is_told_as_such(empty_database: str) -> None:
    for words in (("import", "-"), ("export",)):
        done = pinakes(empty_database, *words)
        assert done.returncode == 1
        assert b"run 'pinakes migrate'" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("import",),
        ("import", "file", "--from-api", "https://localhost"),
        ("import", "file", "--state", "state"),
        ("import", "--from-api", "https://localhost", "--mode", "replace"),
        ("import", "--from-api", "https://localhost", "--dry-run", "--state", "state"),
        ("import", "--from-api", "http://platform.example"),
        ("import", "--from-api", "https://user@platform.example"),
        ("import", "--mode", "other", "file"),
        ("import", "file", "--data-dir", "there"),
        ("export", "--data-dir", "there"),
    ],
    ids=" ".join,
)
def test_what_makes_no_sense_ends_with_2(database: str, words: tuple[str, ...]) -> None:
    assert pinakes(database, *words).returncode == 2


def test_a_file_that_is_not_there_is_named(database: str, tmp_path: Path) -> None:
    absent = tmp_path / "absent" / "file"
    done = pinakes(database, "import", absent)
    assert (done.returncode, done.stderr.decode()) == (
        1,
        f"pinakes import: {absent} cannot be read: No such file or directory\n",
    )
    done = pinakes(database, "export", "-o", absent)
    assert (done.returncode, done.stderr.decode()) == (
        1,
        f"pinakes export: {absent} cannot be written: No such file or directory\n",
    )
