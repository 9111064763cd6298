"""What the page about operators mounts is read, and leads to the primary.

The secrets hold the keys that the page names, behind each the value that an operator writes there.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from docs.pages import manifests, marked, page, section
from mounted import mount
from pinakes.postgres.connection import SECRET_DIRECTORY, Configuration, ConnectionReader
from pinakes.postgres.diagnosis.description import KEYS, describe
from pinakes.postgres.files import PrivateFiles
from tls.authority import Authority

PAGE = page("connect-operators")
POOLER = "pinakes-db-pgbouncer.ns.svc"
PRIMARY = {
    "CloudNativePG": "pinakes-db-rw",
    "Zalando": "pinakes-db",
    "Crunchy": "pinakes-db-primary.ns.svc",
}
SECRET = {
    "CloudNativePG": "pinakes-db-app",
    "Zalando": "pinakes.pinakes-db.credentials.postgresql.acid.zalan.do",
    "Crunchy": "pinakes-db-pguser-pinakes",
}
WITH_THE_AUTHORITY = ("pinakes-db-ca", "pinakes-db-tls", "pinakes-db-cluster-cert")

Keys = dict[str, bytes]

each_operator = pytest.mark.parametrize("operator", PRIMARY)


def keys_of(operator: str) -> tuple[list[str], list[str]]:
    """Return the keys of an operator's secret that are read, as the page says, and the others."""
    rows = re.findall(rf"^\| {operator}: `.+?` \| (.+) \| (.+) \|$", PAGE, re.MULTILINE)
    [(are_read, left_alone)] = rows
    return marked(are_read), marked(left_alone)


@each_operator
def test_the_keys_are_read_or_left_alone_as_the_page_says(operator: str) -> None:
    are_read, left_alone = keys_of(operator)
    assert set(are_read) <= KEYS
    assert not set(left_alone) & KEYS


def secrets_of(operator: str) -> dict[str, Keys]:
    """Return what is in the namespace of an operator's cluster."""
    login = f"postgresql://pinakes:pw@{PRIMARY[operator]}:5432/metadata"
    values = {
        "host": PRIMARY[operator],
        "port": "5432",
        "user": "pinakes",
        "username": "pinakes",
        "password": "pw",
        "dbname": "metadata",
        "uri": login,
        "fqdn-uri": login,
        "pgbouncer-host": POOLER,
        "pgbouncer-port": "6432",
    }
    are_read, left_alone = keys_of(operator)
    keys = {key: values.get(key, "of no use").encode() for key in (*are_read, *left_alone)}
    private = {"tls.crt": b"the server's", "tls.key": b"the server's", "ca.key": b"the authority's"}
    trusted = {"ca.crt": Authority.root("root").pem, **private}
    return {SECRET[operator]: keys, **dict.fromkeys(WITH_THE_AUTHORITY, trusted)}


def projected(volume: dict[str, Any], secrets: dict[str, Keys]) -> Iterator[tuple[str, bytes]]:
    """Do as Kubernetes does with a projected volume."""
    for source in volume["projected"]["sources"]:
        keys = secrets[source["secret"]["name"]]
        every = [{"key": key, "path": key} for key in keys]
        for item in source["secret"].get("items", every):
            yield item["path"], keys[item["key"]]


def login_of(text: str, operator: str, place: Path) -> dict[str, Any]:
    """Mount what a page says, and return what Pinakes would connect with."""
    [volume] = [one for manifest in manifests(text) for one in manifest.get("volumes", ())]
    variables = [one for manifest in manifests(text) for one in manifest.get("env", ())]
    keys = dict(projected(volume, secrets_of(operator)))
    assert not [key for key in keys if key.endswith(".key")]
    environment = {
        **{variable["name"]: variable["value"] for variable in variables},
        SECRET_DIRECTORY: str(mount(place, keys)),
    }
    configuration = Configuration(environment, {})
    assert not describe(configuration, PrivateFiles()).misspelt
    told = conninfo_to_dict(ConnectionReader(configuration, PrivateFiles()).conninfo())
    return {name: told[name] for name in ("host", "port", "user", "password", "dbname", "sslmode")}


@each_operator
def test_the_volume_leads_to_the_primary_and_verifies_it(operator: str, tmp_path: Path) -> None:
    assert login_of(section(PAGE, operator), operator, tmp_path) == {
        "host": PRIMARY[operator],
        "port": "5432",
        "user": "pinakes",
        "password": "pw",
        "dbname": "metadata",
        "sslmode": "verify-full",
    }


def test_renamed_keys_lead_to_the_pooler(tmp_path: Path) -> None:
    told = login_of(page("connect-through-pgbouncer"), "Crunchy", tmp_path)
    assert (told["host"], told["port"], told["sslmode"]) == (POOLER, "6432", "verify-full")
