"""The doctor tells the truth of a connection: one fault where it is not made, and else none."""

from pathlib import Path

import psycopg
import pytest

from doctor.ward import Ward
from mounted import mount
from pinakes.doctor.examination import examine
from pinakes.doctor.finding import CONNECTING, Status
from pinakes.postgres.connection import Configuration, ConnectionReader
from pinakes.postgres.files import PrivateFiles
from pinakes.postgres.secret import ConfigurationError
from pinakes.postgres.tls import SslMode
from pinakes.settings.environment import read_settings
from tls.servers import CERTIFIED, EITHER

CLIENTS = ("nobody", "good", "foreign")
AUTHORITIES = ("none", "right", "wrong")


def faults(environment: dict[str, str]) -> list[str]:
    settings = read_settings(environment, data_directory=None, embedded_installed=False)
    return [
        found.check
        for found in examine(settings)
        if found.status is Status.FAILED and found.check.partition(".")[0] in CONNECTING
    ]


def connects(environment: dict[str, str]) -> bool:
    try:
        conninfo = ConnectionReader(Configuration(environment, {}), PrivateFiles()).conninfo()
        psycopg.connect(conninfo).close()
    except (ConfigurationError, psycopg.OperationalError):
        return False
    return True


def mounted(ward: Ward, place: Path, user: str, authority: str, client: str) -> dict[str, str]:
    pem = {"right": ward.root.pem.decode(), "wrong": ward.foreign.pem.decode(), "none": None}
    signers = {"good": ward.root, "foreign": ward.foreign}
    secret = ward.secret(user=user, sslmode=place.name, **{"ca.crt": pem[authority]})
    place = place / f"{user}-{authority}-{client}"
    environment = {"METADATA_PG_SECRET_DIR": str(mount(place / "secret", secret))}
    if client in signers:
        pair = signers[client].issue(CERTIFIED)
        files = {"tls.crt": pair.certificate, "tls.key": pair.key}
        environment["METADATA_PG_CLIENT_TLS_DIR"] = str(mount(place / "client", files))
    return environment


@pytest.mark.parametrize("mode", [mode.value for mode in SslMode])
def test_there_is_one_fault_where_no_connection_is_made_and_else_none(
    ward: Ward, tmp_path: Path, mode: str
) -> None:
    for user in (EITHER, CERTIFIED):
        for authority in AUTHORITIES:
            for client in CLIENTS:
                environment = mounted(ward, tmp_path / mode, user, authority, client)
                found = faults(environment)
                assert len(found) == (not connects(environment)), (user, authority, client, found)
