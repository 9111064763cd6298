"""A secret that is a copy: whether what it is a copy of has changed, as far as that may be seen."""

import base64
import json
from pathlib import Path

import pytest

from cluster.api_server import Allowed, Cluster
from cluster.followers import running_pod
from doctor.ward import Doctor, Ward
from mounted import mount
from pinakes.postgres.origin import Origin
from tls.servers import EITHER, PASSWORD

SOURCE = ("postgres", "pinakes-db-app")
ORIGIN = Origin(*SOURCE, version="4711")
MAY_GET = [Allowed(SOURCE, frozenset({"get"}))]


def cluster_with(password: str, user: str = EITHER, role: list[Allowed] = MAY_GET) -> Cluster:
    """Return a cluster in which the operator's secret has this login."""
    cluster = Cluster(role=role)
    keys = {"username": user, "password": password, "host": "a\nb", "ca.key": "not read"}
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in keys.items()}
    cluster.put(SOURCE, data=encoded)
    return cluster


def examined_in(
    cluster: Cluster, ward: Ward, place: Path, origin: Origin = ORIGIN
) -> dict[str, str]:
    """Run the doctor as a pod of a cluster; return what he finds of the copy."""
    account = place / "account"
    account.mkdir()
    secret = mount(place / "secret", ward.secret(source=origin.words()))
    environment = {"METADATA_PG_SECRET_DIR": str(secret)}
    with running_pod(cluster, account, "doctor", "--json", environment=environment) as pod:
        out, errors = pod.process.communicate()
    assert not errors
    assert PASSWORD not in out
    [found] = [one for one in json.loads(out) if one["check"] == "secret.copy"]
    return found


def test_a_copy_of_what_has_changed_is_warned_of(ward: Ward, tmp_path: Path) -> None:
    found = examined_in(cluster_with("the next one"), ward, tmp_path)
    assert found["status"] == "warning"
    assert found["message"] == (
        "postgres/pinakes-db-app, which it is a copy of, has another login by now"
    )
    assert found["fix"] == "make the copy anew ('pinakes secret from')"


def test_a_copy_of_another_user_is_warned_of(ward: Ward, tmp_path: Path) -> None:
    found = examined_in(cluster_with(PASSWORD, "pinakes261125"), ward, tmp_path)
    assert found["status"] == "warning"


def test_of_a_copy_that_is_followed_the_follower_is_at_fault(ward: Ward, tmp_path: Path) -> None:
    origin = Origin(*SOURCE, version="4711", is_followed=True)
    found = examined_in(cluster_with("the next one"), ward, tmp_path, origin)
    assert found["fix"].startswith("the log of its follower says why")


def test_a_source_of_another_version_with_the_same_login_is_no_other(
    ward: Ward, tmp_path: Path
) -> None:
    cluster = cluster_with(PASSWORD)
    found = examined_in(cluster, ward, tmp_path)
    assert found["status"] == "ok"
    assert cluster.secrets[SOURCE]["metadata"]["resourceVersion"] != ORIGIN.version


def test_who_may_not_look_says_so_and_warns_of_nothing(ward: Ward, tmp_path: Path) -> None:
    found = examined_in(cluster_with("the next one", role=[]), ward, tmp_path)
    assert found["status"] == "skipped"
    assert "answers 403 Forbidden" in found["message"]


def test_a_source_that_is_gone_is_told(ward: Ward, tmp_path: Path) -> None:
    cluster = cluster_with(PASSWORD)
    cluster.delete(SOURCE)
    found = examined_in(cluster, ward, tmp_path)
    assert found["status"] == "skipped"
    assert "answers 404 NotFound" in found["message"]


@pytest.mark.parametrize("data", [None, {"password": "*"}, {"password": 1}, {}])
def test_a_source_that_cannot_be_read_costs_no_more(
    ward: Ward, tmp_path: Path, data: object
) -> None:
    cluster = cluster_with(PASSWORD)
    cluster.put(SOURCE, data=data)
    assert examined_in(cluster, ward, tmp_path)["status"] in ("skipped", "warning")


def test_outside_of_a_pod_it_is_not_looked_at(ward: Ward, doctor: Doctor) -> None:
    found = doctor(ward.secret(source=ORIGIN.words()))
    assert found.status("secret.copy") == "skipped"
    assert found.message("secret.copy").endswith("no service account is mounted here")


def test_what_is_no_copy_is_not_looked_at(ward: Ward, doctor: Doctor) -> None:
    assert (
        doctor(ward.secret())
        .message("secret.copy")
        .endswith("not said to be a copy of another secret's")
    )
