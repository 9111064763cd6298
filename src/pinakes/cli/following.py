"""``pinakes secret from ... --follow``: keep a copied secret up to date, from within a pod."""

import argparse
import asyncio
import os
from collections.abc import Callable, Mapping

from pinakes.bridge.errors import BridgeError
from pinakes.bridge.follower import Following
from pinakes.bridge.operators import BRIDGES
from pinakes.cli.cluster import can_be, secret_reference
from pinakes.cli.failure import CommandFailed
from pinakes.kubernetes.errors import ClusterError
from pinakes.kubernetes.pod import Pod
from pinakes.kubernetes.reference import SecretReference
from pinakes.processes import follow_secret
from pinakes.settings.environment import read_log_format
from pinakes.settings.values import SettingsError

OF_CLUSTERS = ("zalando", "cnpg", "crunchy")
"""Whose secrets are in a cluster."""

OF_THE_SOURCE = {
    "user": "--user",
    "password_file": "--password-file",
    "no_password": "--no-password",
    "insecure_password_argument": "--insecure-password-argument",
}
"""What a rotation changes, so that it can be nothing but what the source says."""


def add_follow(parser: argparse.ArgumentParser) -> None:
    """Say what is followed."""
    parser.add_argument(
        "--follow",
        metavar="NAMESPACE/SECRET",
        type=secret_reference,
        help="in a pod: copy this secret of the cluster at once, and whenever it changes",
    )


def run(
    arguments: argparse.Namespace,
    options: Mapping[str, str],
    read_ca: Callable[[], bytes | None],
) -> None:
    """Follow until told to stop."""
    _refuse_what_does_not_go_with_it(arguments)
    try:
        pod = Pod.here(os.environ)
        following = Following(
            source=arguments.follow,
            target=_target(arguments, pod),
            bridge=BRIDGES[arguments.operator],
            options=options,
            read_ca=_refused_by_the_bridge(read_ca),
        )
        asyncio.run(follow_secret(following, pod, read_log_format(os.environ)))
    except (ClusterError, SettingsError) as error:
        raise CommandFailed(str(error)) from error


def _target(arguments: argparse.Namespace, pod: Pod) -> SecretReference:
    """Return which secret is written: in the namespace of the pod unless another one is named."""
    namespace = pod.namespace() if arguments.namespace is None else arguments.namespace
    target = SecretReference(namespace, arguments.name)
    if not can_be(target):
        raise CommandFailed("the secret to write, or --namespace, has a name that none can have")
    if target == arguments.follow:
        raise CommandFailed(f"{target} would be a copy of itself")
    return target


def _refuse_what_does_not_go_with_it(arguments: argparse.Namespace) -> None:
    if arguments.operator not in OF_CLUSTERS:
        raise CommandFailed(f"--follow reads a cluster's secret: of {', '.join(OF_CLUSTERS)} alone")
    if arguments.file != "-":
        raise CommandFailed("-f does not go with --follow, which reads the cluster's secret")
    if arguments.from_cluster is not None:
        raise CommandFailed("--from-cluster does not go with --follow, which reads one secret")
    for name, option in OF_THE_SOURCE.items():
        if getattr(arguments, name) not in (None, False):
            problem = "does not go with --follow: the login is that of the secret that is followed"
            raise CommandFailed(f"{option} {problem}")


def _refused_by_the_bridge(read_ca: Callable[[], bytes | None]) -> Callable[[], bytes | None]:
    """Let a file that cannot be read be a copy that cannot be made, and not the end."""

    def read() -> bytes | None:
        try:
            return read_ca()
        except CommandFailed as error:
            raise BridgeError(str(error)) from error

    return read
