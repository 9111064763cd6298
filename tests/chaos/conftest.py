"""The server whose credentials change, and that fails in other ways."""

from collections.abc import Iterator

import pytest

from chaos.credentials import Catalogue
from chaos.nodes import Node, new_node
from parts import migrated, new_database
from tls.authority import Authority
from tls.servers import HOST, Programs, find_programs, missing_programs


@pytest.fixture(scope="session")
def programs() -> Programs:
    """The programs of a PostgreSQL that can be had twice."""
    if missing := missing_programs():
        pytest.skip(missing)
    return find_programs()


@pytest.fixture(scope="session")
def authority() -> Authority:
    """Who vouches for the server, and for clients."""
    return Authority.root("the authority")


@pytest.fixture(scope="session")
def node(programs: Programs, authority: Authority) -> Iterator[Node]:
    """A server with TLS that the tests of this folder share, one after the other."""
    with new_node(programs, authority.issue("server", HOST), authority.pem) as running:
        yield running


@pytest.fixture
def node_database(node: Node) -> str:
    """A migrated database of this test's own on that server."""
    return migrated(new_database(node.conninfo()))


@pytest.fixture
def catalogue(node: Node, node_database: str) -> Catalogue:
    """The same database, and those who may log in."""
    return Catalogue.of(node, node_database)
