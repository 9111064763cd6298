"""Every event that is worth noticing, each a class of its own."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RequestAnswered:
    """A request was answered; ``route`` is the template of its path, ``duration`` in seconds."""

    method: str
    route: str
    status: int
    duration: float
    actor: str
    request_id: str


@dataclass(frozen=True, slots=True)
class RequestCrashed:
    """A request met a fault of ours."""

    request_id: str
    traceback: str


@dataclass(frozen=True, slots=True)
class RequestUnreadable:
    """What arrived was refused before it was a request."""

    status: int


@dataclass(frozen=True, slots=True)
class ServerListening:
    """The server takes requests at this address, and those of its operators at another."""

    url: str
    admin_url: str = ""


@dataclass(frozen=True, slots=True)
class ServerStopping:
    """The server was told to stop: it wants no more requests, and answers those that still come."""


@dataclass(frozen=True, slots=True)
class ServerStopped:
    """The server has answered its last request."""


@dataclass(frozen=True, slots=True)
class DatabaseMigrated:
    """Migrations were applied; none where the schema was up to date."""

    migrations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MigrationFailed:
    """The schema could not be brought up to date; it is tried again."""

    reason: str


@dataclass(frozen=True, slots=True)
class CredentialsRefused:
    """The newest credentials for the database do not work; what was in use before goes on."""

    reason: str


@dataclass(frozen=True, slots=True)
class CredentialsRenewed:
    """The newest credentials for the database work, and are in use from now on."""


@dataclass(frozen=True, slots=True)
class EmbeddedServerDied:
    """The embedded PostgreSQL ended unasked; it is started again."""

    exit_code: int


@dataclass(frozen=True, slots=True)
class WorkerDied:
    """A process of the server ended unasked, below 0 by that signal; it is replaced."""

    worker: int
    exit_code: int


@dataclass(frozen=True, slots=True)
class TokenRefused:
    """Somebody was not let in; ``reason`` is never told to him."""

    reason: str
    request_id: str


@dataclass(frozen=True, slots=True)
class KeysRead:
    """An issuer publishes other keys than before."""

    issuer: str
    key_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KeysUnreadable:
    """The keys of an issuer could not be read; those that are known stay good."""

    issuer: str
    reason: str


@dataclass(frozen=True, slots=True)
class PolicyRead:
    """A policy is in force; ``ignored`` are its grants that mean nothing here."""

    file: str
    ignored: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PolicyRefused:
    """A changed policy cannot be used; the last good one stays in force."""

    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class CertificateRead:
    """The server shows this certificate from now on."""

    directory: str


@dataclass(frozen=True, slots=True)
class CertificateRefused:
    """A changed certificate cannot be used; the last good one is still shown."""

    directory: str
    reason: str


@dataclass(frozen=True, slots=True)
class SecretCopied:
    """A secret that is followed was copied, as of its resourceVersion; the target is another."""

    source: str
    version: str
    target: str


@dataclass(frozen=True, slots=True)
class SourceAbsent:
    """The secret that is followed is not there; what was copied of it stays."""

    source: str
    target: str


@dataclass(frozen=True, slots=True)
class SourceRefused:
    """The secret that is followed makes no secret of ours; what was copied before stays."""

    source: str
    target: str
    reason: str


@dataclass(frozen=True, slots=True)
class ClusterFailed:
    """A cluster did not do what was asked of it; it is asked again."""

    reason: str


@dataclass(frozen=True, slots=True)
class PasswordFetched:
    """A source of passwords gives them, for the first time or again."""

    source: str


@dataclass(frozen=True, slots=True)
class PasswordNotFetched:
    """A source gives no password; the last one is used while it is not expired."""

    source: str
    reason: str


Event = (
    RequestAnswered
    | RequestCrashed
    | RequestUnreadable
    | ServerListening
    | ServerStopping
    | ServerStopped
    | DatabaseMigrated
    | MigrationFailed
    | CredentialsRefused
    | CredentialsRenewed
    | EmbeddedServerDied
    | WorkerDied
    | TokenRefused
    | KeysRead
    | KeysUnreadable
    | PolicyRead
    | PolicyRefused
    | CertificateRead
    | CertificateRefused
    | SecretCopied
    | SourceAbsent
    | SourceRefused
    | ClusterFailed
    | PasswordFetched
    | PasswordNotFetched
)
