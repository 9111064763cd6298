"""What operators and clouds hand out, each turned into the login that it describes.

Only the login and certificates of authorities are taken: whatever else stands beside them, such as
the private key of an authority, is never looked at.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from pinakes.bridge.errors import BridgeError
from pinakes.bridge.manifest import Manifest, secrets_in
from pinakes.bridge.page import Login
from pinakes.postgres.origin import Origin
from pinakes.postgres.secret import ConfigurationError, Secret
from pinakes.postgres.sources import ALIASES, Trust, ca_of, secret_source

Documents = Sequence[object]
Told = TypeVar("Told")
Bridge = Callable[[Documents, str | None], Login]

CLUSTER_OF_ZALANDO = "cluster-name"
OF_THE_INSTANCE = (None, "", "CA_MODE_UNSPECIFIED", "GOOGLE_MANAGED_INTERNAL_CA")
"""Modes of Cloud SQL in which an authority signs for one instance, and for no name."""


def zalando(documents: Documents, user: str | None) -> Login:
    """Read a secret with user and password alone; the service is called as the cluster is."""
    secrets = secrets_in(documents)
    secret = _login_among(secrets, user)
    values = _values(secret)
    if cluster := secret.labels.get(CLUSTER_OF_ZALANDO):
        values["host"] = _seen_from_elsewhere(cluster, secret.namespace)
    return Login(values, _authority_among(secrets), _origin_of(secret))


def cnpg(documents: Documents, user: str | None) -> Login:
    """Read ``CLUSTER-app``, whose host is known in its own namespace only, and ``CLUSTER-ca``."""
    secrets = secrets_in(documents)
    secret = _login_among(secrets, user)
    values = _values(secret)
    if host := values.get("host"):
        values["host"] = _seen_from_elsewhere(host, secret.namespace)
    return Login(values, _authority_among(secrets), _origin_of(secret))


def crunchy(documents: Documents, user: str | None) -> Login:
    """Read ``CLUSTER-pguser-USER``, never its PgBouncer, and ``CLUSTER-cluster-cert``."""
    return _login_as_it_is(secrets_in(documents), user)


class _Rds(msgspec.Struct):
    username: str
    password: str
    host: str | None = None
    port: int | str | None = None
    dbname: str | None = None


def rds(documents: Documents, user: str | None) -> Login:
    """Read the secret string of Secrets Manager, or a secret that has its parts as keys.

    External Secrets makes such ones of it.
    """
    if secrets := secrets_in(documents):
        return _login_as_it_is(secrets, user)
    told = _read(documents, _Rds, "the secret string of Secrets Manager")
    values = {
        "host": told.host,
        "port": str(told.port or ""),
        "user": told.username,
        "password": told.password,
        "dbname": told.dbname,
    }
    return Login({key: value for key, value in values.items() if value})


class _Address(msgspec.Struct, rename="camel"):
    type: str
    ip_address: str


class _Certificate(msgspec.Struct):
    cert: str


class _DnsName(msgspec.Struct):
    name: str


class _IpConfiguration(msgspec.Struct, rename="camel"):
    server_ca_mode: str | None = None


class _Settings(msgspec.Struct, rename="camel"):
    ip_configuration: _IpConfiguration


class _Instance(msgspec.Struct, rename="camel"):
    settings: _Settings
    ip_addresses: list[_Address] = []
    server_ca_cert: _Certificate | None = None
    dns_names: list[_DnsName] = []


def cloudsql(documents: Documents, user: str | None) -> Login:  # noqa: ARG001 - it names no login
    """Read the description of an instance: whom its authority signs for decides how to verify.

    An authority of this instance alone is enough for verify-ca; another one signs for others as
    well, so that only the name tells.
    """
    instance = _read(documents, _Instance, "the description of a Cloud SQL instance")
    if instance.settings.ip_configuration.server_ca_mode in OF_THE_INSTANCE:
        ca = instance.server_ca_cert.cert.encode() if instance.server_ca_cert else None
        return Login(_host(_address(instance)) | {"sslmode": "verify-ca"}, ca)
    name = next((one.name for one in instance.dns_names), None)
    return Login(_host(name) | {"sslmode": "verify-full"})


BRIDGES: Mapping[str, Bridge] = {
    "zalando": zalando,
    "cnpg": cnpg,
    "crunchy": crunchy,
    "rds": rds,
    "cloudsql": cloudsql,
}


def _address(instance: _Instance) -> str | None:
    addresses = {one.type: one.ip_address for one in instance.ip_addresses}
    return addresses.get("PRIVATE") or addresses.get("PRIMARY")


def _host(host: str | None) -> dict[str, str]:
    return {"host": host} if host else {}


def _read(documents: Documents, shape: type[Told], what: str) -> Told:
    try:
        [document] = documents
        return msgspec.convert(document, shape)
    except (ValueError, msgspec.ValidationError) as error:
        reason = f": {error}" if isinstance(error, msgspec.ValidationError) else ""
        raise BridgeError(f"what was given is not {what}{reason}") from None


def _login_as_it_is(secrets: Sequence[Manifest], user: str | None) -> Login:
    """Take a secret by its word, its host too."""
    secret = _login_among(secrets, user)
    return Login(_values(secret), _authority_among(secrets), _origin_of(secret))


def _login_among(secrets: Sequence[Manifest], user: str | None) -> Manifest:
    """Return the one secret with a password, or that of the user who is named."""
    logins = {_values(one).get("user", ""): one for one in secrets if one.files.get("password")}
    if not logins:
        raise BridgeError("no Secret with a password is among what was given")
    if user is None and len(logins) == 1:
        return next(iter(logins.values()))
    if user not in logins:
        raise BridgeError(f"there are logins of {', '.join(sorted(logins))}: choose one by --user")
    return logins[user]


def _values(secret: Manifest) -> dict[str, str]:
    """Read the keys of a login by whichever of their names they have; no connection string."""
    keys = {key for aliases in ALIASES.values() for key in aliases}
    files = {key: value for key, value in secret.files.items() if key in keys}
    try:
        return dict(secret_source(Secret(Path(secret.name), files), Trust).values)
    except ConfigurationError as error:
        raise BridgeError(str(error)) from error


def _authority_among(secrets: Sequence[Manifest]) -> bytes | None:
    """Return the certificates of the authority, where one secret has some."""
    found = {ca_of(Secret(Path(one.name), one.files)) for one in secrets} - {None}
    if len(found) > 1:
        raise BridgeError("there are several authorities: leave the secrets of the others out")
    return next(iter(found), None)


def _origin_of(secret: Manifest) -> Origin | None:
    """Tell which secret of a cluster it is; one that somebody wrote is none."""
    if secret.namespace is None or secret.version is None:
        return None
    return Origin(secret.namespace, secret.name, secret.version)


def _seen_from_elsewhere(service: str, namespace: str | None) -> str:
    """Name a service so that pods of other namespaces find it."""
    return service if "." in service or not namespace else f"{service}.{namespace}.svc"
