"""Every sslmode, with every kind of secret: Pinakes does as psql does, or refuses on purpose."""

import os
from pathlib import Path

import pytest

from pinakes.postgres.tls import SslMode
from tls.cases import Ca, Case, Client, Outcome, Server, all_cases, differs_on_purpose
from tls.matrix import Matrix
from tls.servers import PASSWORD
from tls.table import BEGIN, END, tables

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "tls.md"

REGENERATE = "PINAKES_REGENERATE=true scripts/test tests/tls writes it anew"

REFUSED_HERE = (Outcome.REFUSED_BY_US, Outcome.REFUSED_BY_LIBPQ)


def side(outcome: Outcome) -> Outcome:
    """Let go of who refused on this side, before or while libpq connects."""
    return Outcome.REFUSED_BY_LIBPQ if outcome in REFUSED_HERE else outcome


@pytest.mark.parametrize("server", Server)
def test_pinakes_does_as_psql_does(matrix: Matrix, server: Server) -> None:
    told = {
        str(case): (result.ours, result.psql_with_private_key)
        for case, result in matrix.results.items()
        if case.server is server and not differs_on_purpose(case)
    }
    assert len(told) > 20
    different = {
        case: (ours, psql)
        for case, (ours, psql) in told.items()
        if side(ours.outcome) is not side(psql.outcome)
    }
    assert not different


def test_where_libpq_would_do_less_than_was_meant_pinakes_refuses(matrix: Matrix) -> None:
    ours = {
        result.ours.outcome for case, result in matrix.results.items() if differs_on_purpose(case)
    }
    assert ours == {Outcome.REFUSED_BY_US}


def test_the_list_of_differences_is_no_longer_than_it_must_be(matrix: Matrix) -> None:
    """For each of them there is a case in which libpq would go on."""
    needed = {
        differs_on_purpose(case)
        for case, result in matrix.results.items()
        if side(result.ours.outcome) is not side(result.psql.outcome)
    }
    assert needed == {differs_on_purpose(case) for case in matrix.results}


def test_a_key_that_libpq_finds_too_open_is_copied(matrix: Matrix) -> None:
    case = Case(Server.CERTIFICATE_ONLY, SslMode.VERIFY_FULL, Ca.RIGHT, Client.OPEN_KEY)
    result = matrix.results[case]
    assert result.ours.outcome is Outcome.VERIFIED
    assert "group or world access" in result.psql.text


def test_verification_is_never_lost_without_a_word(matrix: Matrix) -> None:
    """Where authorities are given, no server is talked to but one that they vouch for."""
    outcomes = {
        result.ours.outcome
        for case, result in matrix.results.items()
        if case.ca is not Ca.NONE and case.mode is not SslMode.DISABLE
    }
    assert outcomes.isdisjoint({Outcome.PLAIN, Outcome.UNVERIFIED})
    assert Outcome.VERIFIED in outcomes


def test_the_whole_product_is_tried_on_the_main_server() -> None:
    main = [case for case in all_cases() if case.server is Server.EITHER]
    assert len(main) == len(SslMode) * len(Ca) * len(Client)


def test_every_pair_is_tried_on_every_server() -> None:
    for server in Server:
        cases = [case for case in all_cases() if case.server is server]
        assert len({(case.mode, case.ca) for case in cases}) == len(SslMode) * len(Ca)
        assert len({(case.mode, case.client) for case in cases}) == len(SslMode) * len(Client)
        assert len({(case.ca, case.client) for case in cases}) == len(Ca) * len(Client)


def test_nothing_that_is_said_has_a_password(matrix: Matrix) -> None:
    said = [result.ours.text + result.ours.trace for result in matrix.results.values()]
    assert any(said)
    assert matrix.log
    secrets = [PASSWORD, PASSWORD.split()[0], "PRIVATE KEY"]
    assert not [text for text in said + matrix.log for secret in secrets if secret in text]


def test_the_documentation_shows_these_verdicts(matrix: Matrix) -> None:
    before, _, rest = REFERENCE.read_text().partition(BEGIN)
    shown, _, after = rest.partition(END)
    fresh = tables(matrix)
    if os.environ.get("PINAKES_REGENERATE"):
        REFERENCE.write_text(before + BEGIN + fresh + END + after)
        return
    assert shown == fresh, f"docs/reference/tls.md is out of date: {REGENERATE}"
