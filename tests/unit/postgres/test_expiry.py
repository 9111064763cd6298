"""When mounted certificates expire, as the metrics tell it."""

from pathlib import Path

from mounted import mount, page_secret
from pinakes.postgres.connection import Configuration, ConnectionReader
from pinakes.postgres.expiry import expiry_readings
from pinakes.postgres.files import PrivateFiles
from tls.authority import Authority


def days(environment: dict[str, str]) -> dict[str, int]:
    reader = ConnectionReader(Configuration(environment, {}), PrivateFiles())
    readings = list(expiry_readings(reader))
    return {reading.label[1]: round(reading.value) for reading in readings if reading.label}


def test_the_first_certificate_of_each_file_counts(tmp_path: Path) -> None:
    root = Authority.root("root")
    pair = root.issue("client")
    secret = mount(tmp_path / "secret", page_secret(sslmode="verify-full") | {"ca.crt": root.pem})
    tls = mount(tmp_path / "tls", {"tls.crt": pair.certificate + root.pem, "tls.key": pair.key})
    found = days({"METADATA_PG_SECRET_DIR": str(secret), "METADATA_PG_CLIENT_TLS_DIR": str(tls)})
    assert set(found) == {"ca.crt", "tls.crt"}
    assert all(left > 0 for left in found.values())


def test_where_there_is_no_certificate_nothing_is_told(tmp_path: Path) -> None:
    secret = mount(tmp_path / "secret", page_secret(sslmode="require"))
    assert days({"METADATA_PG_SECRET_DIR": str(secret)}) == {}


def test_a_configuration_that_cannot_be_read_is_for_readyz_to_tell(tmp_path: Path) -> None:
    assert days({"METADATA_PG_SECRET_DIR": str(tmp_path / "absent")}) == {}
