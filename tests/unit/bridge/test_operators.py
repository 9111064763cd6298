"""What operators and clouds hand out, shaped as their sources and documentation have it."""

import base64
from typing import Any

import pytest

from pinakes.bridge.errors import BridgeError
from pinakes.bridge.operators import BRIDGES, Documents
from pinakes.bridge.page import SOURCE, SOURCE_VERSION, Login, page_manifest, page_secret
from pinakes.postgres.origin import Origin
from tls.authority import Authority

ROOT = Authority.root("root").pem.decode()
PRIVATE = {"ca.key": "of the authority", "tls.key": "of the server", "tls.crt": "of the server"}
LOGIN = {"user": "app", "password": "pw"}
VERSION = "4711"


def secret(
    name: str, keys: dict[str, str], namespace: str | None = "pg", **labels: str
) -> dict[str, Any]:
    return {
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "resourceVersion": VERSION,
            "labels": labels,
        },
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in keys.items()},
    }


def of_zalando(user: str) -> dict[str, Any]:
    name = f"{user.replace('_', '-')}.db.credentials.postgresql.acid.zalan.do"
    keys = {"username": user, "password": "pw", "nextRotation": "2027-01-01T00:00:00Z"}
    return secret(name, keys, **{"application": "spilo", "cluster-name": "db", "team": "pinakes"})


OF_CNPG = {
    "username": "app",
    "user": "app",
    "password": "pw",
    "dbname": "metadata",
    "host": "db-rw",
    "port": "5432",
    "pgpass": "db-rw:5432:metadata:app:pw\n",
    "uri": "postgresql://app:pw@db-rw.pg:5432/metadata",
    "jdbc-uri": "jdbc:postgresql://db-rw.pg:5432/metadata?password=pw&user=app",
    "fqdn-uri": "postgresql://app:pw@db-rw.pg.svc.cluster.local:5432/metadata",
}
OF_CRUNCHY = {
    "host": "db-primary.pg.svc",
    "port": "5432",
    "user": "app",
    "password": "pw",
    "verifier": "SCRAM-SHA-256$...",
    "dbname": "metadata",
    "uri": "postgresql://app:pw@db-primary.pg.svc:5432/metadata",
    "pgbouncer-host": "db-pgbouncer.pg.svc",
}
AUTHORITY = secret("db-ca", {"ca.crt": ROOT, **PRIVATE})
WHERE = {"port": "5432", "dbname": "metadata"}

MADE = {
    "zalando": (of_zalando("app"), LOGIN | {"host": "db.pg.svc"}),
    "cnpg": (secret("db-app", OF_CNPG), LOGIN | WHERE | {"host": "db-rw.pg.svc"}),
    "crunchy": (secret("db-pguser-app", OF_CRUNCHY), LOGIN | WHERE | {"host": "db-primary.pg.svc"}),
}

each_operator = pytest.mark.parametrize("operator", MADE)


def bridge(operator: str, *documents: object, user: str | None = None) -> Login:
    return BRIDGES[operator](documents, user)


def refusal(operator: str, *documents: object, user: str | None = None) -> str:
    with pytest.raises(BridgeError) as failure:
        bridge(operator, *documents, user=user)
    return str(failure.value)


def origin_of(made: dict[str, Any]) -> Origin:
    return Origin("pg", made["metadata"]["name"], VERSION)


@each_operator
def test_the_login_leads_to_the_primary_from_every_namespace(operator: str) -> None:
    made, expected = MADE[operator]
    assert bridge(operator, made) == Login(expected, origin=origin_of(made))


@each_operator
def test_of_the_authority_s_secret_its_certificate_alone_is_taken(operator: str) -> None:
    made, expected = MADE[operator]
    login = bridge(operator, made, AUTHORITY)
    assert login == Login(expected, ROOT.encode(), origin_of(made))
    files = page_secret("one", Login(WHERE | dict(login.values), login.ca))
    assert set(files) == {*WHERE, *LOGIN, "host", "sslmode", "ca.crt"}
    assert not [value for value in files.values() if b"of the " in value]


@each_operator
def test_no_private_key_is_copied_though_it_stands_in_ca_crt(operator: str) -> None:
    key = Authority.root("root").issue("server").key.decode()
    careless = secret("db-ca", {"ca.crt": ROOT + key})
    login = bridge(operator, MADE[operator][0], careless)
    with pytest.raises(BridgeError, match="a private key stands among"):
        page_secret("one", Login(WHERE | dict(login.values), login.ca))


@each_operator
def test_the_copy_tells_where_it_came_from(operator: str) -> None:
    made, _ = MADE[operator]
    login = bridge(operator, made).overruled_by(WHERE)
    secret = page_manifest("one", None, login)
    assert secret.annotations == {SOURCE: f"pg/{made['metadata']['name']}", SOURCE_VERSION: VERSION}
    assert secret.files["source"].decode() == origin_of(made).words()


def test_of_another_user_s_password_no_origin_is_told() -> None:
    assert bridge("cnpg", MADE["cnpg"][0]).overruled_by({"user": "other"}).origin is None


def test_what_no_cluster_has_is_no_origin() -> None:
    written = secret("db-app", OF_CNPG)
    del written["metadata"]["resourceVersion"]
    assert bridge("cnpg", written).origin is None


def test_one_of_a_cluster_s_users_is_chosen() -> None:
    documents = [{"kind": "List", "items": [of_zalando("postgres"), of_zalando("app_user")]}]
    assert bridge("zalando", *documents, user="app_user").values["user"] == "app_user"
    told = "there are logins of app_user, postgres: choose one by --user"
    assert refusal("zalando", *documents) == refusal("zalando", *documents, user="app") == told


def test_without_a_login_it_is_said_so() -> None:
    assert refusal("cnpg", AUTHORITY) == "no Secret with a password is among what was given"


def test_two_authorities_are_refused() -> None:
    other = secret("other", {"ca.crt": "another"})
    told = refusal("cnpg", secret("db-app", OF_CNPG), AUTHORITY, other)
    assert told.startswith("there are several authorities")


def test_a_value_that_cannot_be_meant_is_refused_by_name() -> None:
    assert "password in db-app" in refusal("cnpg", secret("db-app", OF_CNPG | {"password": "a\nb"}))


def test_the_host_stays_as_it_is_where_no_namespace_is_told() -> None:
    assert bridge("cnpg", secret("db-app", OF_CNPG, None)).values["host"] == "db-rw"


def test_secrets_manager_s_string_is_read() -> None:
    told = {"username": "app", "password": "pw", "engine": "postgres", "port": 5432}
    where = {"host": "db.rds.amazonaws.com", "dbname": "metadata"}
    expected = LOGIN | where | {"port": "5432"}
    assert bridge("rds", told | where) == Login(expected)


def test_a_managed_master_password_has_no_host() -> None:
    assert bridge("rds", {"username": "app", "password": "pw"}) == Login(LOGIN)


@pytest.mark.parametrize("documents", [(), ({}, {}), ([],), ({"username": "app", "password": 1},)])
def test_what_is_no_string_of_secrets_manager_is_refused(documents: Documents) -> None:
    assert refusal("rds", *documents).startswith("what was given is not the secret string of")


def instance(mode: str | None, **parts: object) -> dict[str, Any]:
    addresses = [
        {"type": "PRIMARY", "ipAddress": "203.0.113.9"},
        {"type": "PRIVATE", "ipAddress": "10.0.0.9"},
    ]
    return {
        "name": "pinakes",
        "settings": {"ipConfiguration": {"serverCaMode": mode}},
        "ipAddresses": addresses,
        "serverCaCert": {"cert": ROOT},
        "dnsNames": [
            {"name": "1.2.us-east1.sql.goog", "connectionType": "PRIVATE_SERVICES_ACCESS"}
        ],
        **parts,
    }


@pytest.mark.parametrize("mode", [None, "GOOGLE_MANAGED_INTERNAL_CA"])
def test_an_authority_of_the_instance_alone_verifies_by_address(mode: str | None) -> None:
    expected = Login({"host": "10.0.0.9", "sslmode": "verify-ca"}, ROOT.encode())
    assert bridge("cloudsql", instance(mode)) == expected


@pytest.mark.parametrize("mode", ["GOOGLE_MANAGED_CAS_CA", "CUSTOMER_MANAGED_CAS_CA"])
def test_an_authority_that_others_share_verifies_by_name(mode: str) -> None:
    expected = Login({"host": "1.2.us-east1.sql.goog", "sslmode": "verify-full"})
    assert bridge("cloudsql", instance(mode)) == expected


def test_an_instance_without_a_name_leaves_the_host_to_be_given() -> None:
    assert "host" not in bridge("cloudsql", instance("GOOGLE_MANAGED_CAS_CA", dnsNames=[])).values


def test_what_is_no_instance_is_refused() -> None:
    assert refusal("cloudsql", {}).startswith("what was given is not the description of a Cloud")
