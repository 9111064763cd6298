"""The servers with TLS, and what came of every case."""

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tls.authority import Authority
from tls.cases import all_cases
from tls.matrix import Matrix, everything_logged, run_case
from tls.parts import Parts, start_parts
from tls.servers import find_programs, make_template, missing_programs

AT_ONCE = 4


@pytest.fixture(scope="session")
def parts() -> Iterator[Parts]:
    """Everything that the tests of TLS share."""
    if missing := missing_programs():
        pytest.skip(missing)
    with tempfile.TemporaryDirectory(prefix="pinakes-tls-") as place, ExitStack() as undo:
        programs = find_programs()
        template = make_template(programs, Path(place))
        yield start_parts(programs, template, Authority.root("right"), undo)


@pytest.fixture(scope="session")
def matrix(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Matrix:
    """The verdicts of Pinakes and of psql on every case."""
    place = tmp_path_factory.mktemp("matrix")
    with everything_logged() as log, ThreadPoolExecutor(AT_ONCE) as pool:
        results = pool.map(lambda case: run_case(parts, case, place), all_cases())
        return Matrix(dict(zip(all_cases(), results, strict=True)), log)
