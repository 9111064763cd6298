"""A policy: which users and groups may read and write which projects, as the platform has it.

The document is that of the platform's ConfigMap ``seldon-deploy-policies``: grants to groups
(``role_grants``) and to users (``user_grants``), each an action on a resource. Nothing is allowed
that is not granted; the names of users and of groups never mix.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from pinakes.auth.caller import Caller
from pinakes.catalog.access import Access, Projects, joined
from pinakes.mounted import UnusableError

EVERYBODY = "*"
"""The user that every caller with a valid token is."""
PROJECT = "project/"
EVERY_PROJECT = "project/*"


class _Grant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    action: str
    resource: str


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    role_grants: dict[str, list[_Grant]] = {}
    user_grants: dict[str, list[_Grant]] = {}


@dataclass(frozen=True, slots=True)
class Policy:
    """What was granted to whom."""

    users: Mapping[str, Access]
    groups: Mapping[str, Access]
    ignored: tuple[str, ...] = ()
    """Grants that mean nothing here, such as those on namespaces."""

    def access_of(self, caller: Caller) -> Access:
        """Return all that was granted to a caller, himself or through a group."""
        users = [self.users[name] for name in (EVERYBODY, caller.id) if name in self.users]
        groups = [self.groups[name] for name in caller.groups if name in self.groups]
        return joined([*users, *groups])


def read_policy(document: bytes) -> Policy:
    """Read a policy. Raises UnusableError, which says where it is wrong."""
    try:
        read = msgspec.json.decode(document, type=_Document)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnusableError(str(error)) from error
    granted = [*read.role_grants.values(), *read.user_grants.values()]
    return Policy(
        users={name: _access(grants) for name, grants in read.user_grants.items()},
        groups={name: _access(grants) for name, grants in read.role_grants.items()},
        ignored=tuple(
            dict.fromkeys(
                f"{grant.action} {grant.resource}"
                for grants in granted
                for grant in grants
                if not _counts(grant)
            )
        ),
    )


def _access(grants: Iterable[_Grant]) -> Access:
    counting = [grant for grant in grants if _counts(grant)]
    reads, writes = (
        _projects(grant.resource for grant in counting if grant.action == action)
        for action in ("read", "write")
    )
    return Access(reads, writes)


def _counts(grant: _Grant) -> bool:
    return grant.action in ("read", "write") and grant.resource.startswith(PROJECT)


def _projects(resources: Iterable[str]) -> Projects:
    named = frozenset(resources)
    if EVERY_PROJECT in named:
        return None
    return frozenset(resource.removeprefix(PROJECT) for resource in named)
