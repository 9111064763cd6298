"""Nothing real: these tests reach no socket but asyncio's own."""

import pytest
from pytest_socket import disable_socket


@pytest.fixture(autouse=True)
def no_sockets(socket_enabled: None) -> None:  # noqa: ARG001 - undoes what this one does
    disable_socket(allow_unix_socket=True)
