"""What an API server does not do, and what to do about it."""

from collections.abc import Mapping, Sequence

import msgspec

from pinakes.kubernetes.reference import SecretReference

GONE = 410
FORBIDDEN = 403

REMEDIES: Mapping[int, str] = {
    401: "it does not know the token of this pod: does its service account still exist?",
    404: "is there such a namespace, and such a secret in it?",
    415: "it is older than Kubernetes 1.22",
}


class ClusterError(Exception):
    """A cluster did not do what was asked of it; the message says what, and what to do."""


class VersionGone(ClusterError):
    """The server no longer knows what changed since then: what there is has to be listed again."""


class _Cause(msgspec.Struct):
    field: str = ""


class _Details(msgspec.Struct):
    causes: Sequence[_Cause] = ()


class Status(msgspec.Struct):
    """What an API server says of a request that failed.

    Its message is left out: it may quote what was sent, which is a password.
    """

    code: int = 0
    reason: str = ""
    details: _Details | None = None

    def words(self) -> str:
        """Say the number, its name, and the fields that are at fault."""
        causes = self.details.causes if self.details else ()
        fields = ", ".join(cause.field for cause in causes if cause.field)
        return f"{self.code} {self.reason}{f' ({fields})' if fields else ''}".strip()


def read_status(code: int, body: bytes) -> Status:
    """Read what came with an error; what stands between may answer as it likes."""
    try:
        told = msgspec.json.decode(body, type=Status)
    except msgspec.DecodeError:
        return Status(code)
    return Status(code, told.reason, told.details)


def status_in(document: Mapping[str, object]) -> Status:
    """Read what came where a stream went wrong."""
    try:
        return msgspec.convert(document, Status)
    except msgspec.ValidationError:
        return Status()


def refusal(verbs: Sequence[str], wanted: SecretReference, status: Status) -> ClusterError:
    """Return why a request was refused; ``verbs`` are those of the Role that it needs."""
    told = f"{verbs[0]} of the secret {wanted}: the API server answers {status.words()}"
    match status.code:
        case code if code == GONE:
            return VersionGone(told)
        case code if code == FORBIDDEN:
            return ClusterError(f"{told}; {_needed_role(verbs, wanted)}")
        case code:
            remedy = REMEDIES.get(code)
            return ClusterError(f"{told}; {remedy}" if remedy else told)


def _needed_role(verbs: Sequence[str], wanted: SecretReference) -> str:
    return (
        f"bind the service account of this pod to a Role in {wanted.namespace} that has the verbs"
        f" {', '.join(verbs)} on secrets, resourceNames {wanted.name}"
    )
