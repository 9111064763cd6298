"""Where the server listens, to whom it opens, and the certificate that it shows."""

import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from cryptography.x509 import load_pem_x509_certificate

from mounted import mount
from parts import API, RunningServer, clean_environment, environment_of, running_server
from tls.authority import Authority, Pair

ROOT = Authority.root("a test's own authority")
NO_DATABASE = {"METADATA_PG_ENABLED": "false"}


def refusal(environment: dict[str, str], *arguments: str) -> str:
    """Start a server that must not start, and return what it says."""
    ended = subprocess.run(
        [sys.executable, "-m", "pinakes", "serve", "--port", "0", *arguments],
        check=False,
        env=clean_environment() | NO_DATABASE | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    return ended.stderr


# To whom it opens


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])  # noqa: S104 - which is refused
def test_an_address_beyond_loopback_is_refused_while_nobody_is_asked_who_he_is(host: str) -> None:
    told = refusal({}, "--host", host)
    assert told.startswith(f"pinakes serve: {host} is not loopback")
    assert "PINAKES_AUTH=oidc" in told
    assert "PINAKES_ALLOW_ANONYMOUS=read" in told


def test_a_host_that_nobody_knows_is_named() -> None:
    told = refusal({}, "--host", "nowhere.invalid")
    assert told.startswith("pinakes serve: cannot listen on nowhere.invalid:0: ")


def test_the_port_of_a_further_worker_is_not_any_free_one_where_ports_end() -> None:
    told = refusal({"PINAKES_ADMIN_PORT": "65535"}, "--workers", "2")
    assert told == "pinakes serve: PINAKES_ADMIN_PORT leaves no port for 2 workers\n"


@pytest.mark.parametrize(("allowed", "status"), [("read", 403), ("write", 200)])
def test_what_everybody_may_do_can_be_said_by_name(
    database: str, tmp_path: Path, allowed: str, status: int
) -> None:
    environment = environment_of(database) | {"PINAKES_ALLOW_ANONYMOUS": allowed}
    with running_server(tmp_path, environment, "--host", "0.0.0.0") as server:  # noqa: S104
        api = server.api.replace("0.0.0.0", "127.0.0.1")  # noqa: S104
        model = {"URI": f"s3://anonymous/{allowed}"}
        assert httpx.post(f"{api}/model/metadata", json=model).status_code == status
        assert httpx.get(f"{api}/model/metadata").status_code == 200


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"PINAKES_AUTH": "oidc"}, "PINAKES_OIDC_ISSUER is missing"),
        ({"PINAKES_ADMIN_PORT": "many"}, "PINAKES_ADMIN_PORT is 'many'"),
        ({"PINAKES_TLS_DIR": "/nowhere"}, "PINAKES_TLS_DIR"),
        (
            {
                "PINAKES_AUTH": "oidc",
                "PINAKES_OIDC_ISSUER": "http://127.0.0.1:9",
                "PINAKES_OIDC_AUDIENCE": "pinakes",
                "PINAKES_POLICY_FILE": "/nowhere",
            },
            "PINAKES_POLICY_FILE",
        ),
    ],
)
def test_what_cannot_be_meant_ends_with_the_name_of_the_setting(
    environment: dict[str, str], told: str
) -> None:
    assert told in refusal(environment)


# The admin port


def test_health_and_metrics_are_told_on_a_port_of_their_own(tmp_path: Path) -> None:
    environment = NO_DATABASE | {"PINAKES_ADMIN_PORT": "0"}
    with running_server(tmp_path, environment) as server:
        for path in ("/livez", "/readyz", "/metrics"):
            assert httpx.get(server.admin_url + path).status_code == 200
        assert httpx.get(f"{server.admin_url}{API}/model/metadata").status_code == 404
        assert httpx.get(f"{server.url}/livez").status_code == 200


# The certificate


def context() -> ssl.SSLContext:
    return ssl.create_default_context(cadata=ROOT.pem.decode())


def show(directory: Path, pair: Pair) -> Path:
    return mount(directory, {"tls.crt": pair.certificate, "tls.key": pair.key})


def serial_of(server: RunningServer) -> int:
    """Return the serial number of the certificate that a new connection is shown."""
    with (
        httpx.Client(verify=context()) as client,
        client.stream("GET", f"{server.url}/livez") as it,
    ):
        shown = it.extensions["network_stream"].get_extra_info("ssl_object").getpeercert()
        return int(shown["serialNumber"], 16)


def serial_in(pair: Pair) -> int:
    return load_pem_x509_certificate(pair.certificate).serial_number


def test_a_certificate_is_rotated_without_a_restart(tmp_path: Path) -> None:
    first, second, third = (ROOT.issue("pinakes", "127.0.0.1", "localhost") for _ in range(3))
    directory = show(tmp_path / "tls", first)
    environment = NO_DATABASE | {"PINAKES_TLS_DIR": str(directory)}
    with running_server(tmp_path, environment) as server:
        assert server.url.startswith("https://")
        assert serial_of(server) == serial_in(first)
        show(directory, second)
        assert serial_of(server) == serial_in(second)
        show(directory, Pair(first.certificate, third.key))
        assert serial_of(server) == serial_in(second)
        assert "CertificateRefused" in server.log.read_text()
        show(directory, third)
        assert serial_of(server) == serial_in(third)


def test_a_connection_that_is_open_outlives_its_certificate(tmp_path: Path) -> None:
    directory = show(tmp_path / "tls", ROOT.issue("pinakes", "127.0.0.1"))
    environment = NO_DATABASE | {"PINAKES_TLS_DIR": str(directory)}
    with (
        running_server(tmp_path, environment) as server,
        httpx.Client(verify=context(), base_url=server.url) as client,
    ):
        assert client.get("/livez").status_code == 200
        show(directory, ROOT.issue("pinakes", "127.0.0.1"))
        assert client.get("/livez").status_code == 200


def test_an_encrypted_key_is_refused_by_name_and_nobody_is_asked_for_its_password(
    tmp_path: Path,
) -> None:
    pair = ROOT.issue("pinakes", "127.0.0.1", password=b"secret")
    told = refusal({"PINAKES_TLS_DIR": str(show(tmp_path / "tls", pair))})
    assert "tls.crt and tls.key" in told


def test_plain_http_is_not_answered_where_tls_is_spoken(tmp_path: Path) -> None:
    directory = show(tmp_path / "tls", ROOT.issue("pinakes", "127.0.0.1"))
    with (
        running_server(tmp_path, NO_DATABASE | {"PINAKES_TLS_DIR": str(directory)}) as server,
        pytest.raises(httpx.TransportError),
    ):
        httpx.get(server.url.replace("https", "http") + "/livez")
