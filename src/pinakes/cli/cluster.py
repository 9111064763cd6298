"""``pinakes secret from ... --from-cluster``: read the secrets of an operator where they are."""

import argparse
import asyncio
import os
from collections.abc import Mapping, Sequence

from pinakes.bridge.manifest import NAME, NAMESPACE, read_documents
from pinakes.cli.failure import CommandFailed
from pinakes.kubernetes import kubectl
from pinakes.kubernetes.api_server import ApiServer
from pinakes.kubernetes.errors import ClusterError
from pinakes.kubernetes.pod import Pod
from pinakes.kubernetes.reference import SecretReference

KUBECONFIG = "KUBECONFIG"
IN_NO_CLUSTER = (
    "an instance of Cloud SQL is in no secret of a cluster: pipe in what gcloud says of it"
)


def add_from_cluster(parser: argparse.ArgumentParser) -> None:
    """Say which secrets of a cluster are read."""
    parser.add_argument(
        "--from-cluster",
        metavar="NAMESPACE/SECRET",
        type=secret_reference,
        action="append",
        help="read this secret of the cluster by kubectl, or in a pod by its service account;"
        " to be repeated for a secret with the authority",
    )


def read_from_cluster(arguments: argparse.Namespace) -> list[object]:
    """Return the secrets that were asked for, as documents."""
    _refuse_what_does_not_go_with_it(arguments)
    try:
        return _read(arguments.from_cluster, os.environ)
    except ClusterError as error:
        raise CommandFailed(str(error)) from error


def secret_reference(text: str) -> SecretReference:
    """Read NAMESPACE/SECRET, for argparse."""
    namespace, _, name = text.partition("/")
    reference = SecretReference(namespace, name)
    if not can_be(reference):
        raise argparse.ArgumentTypeError("expected NAMESPACE/SECRET")
    return reference


def can_be(reference: SecretReference) -> bool:
    """Whether a cluster may have a secret of such a name."""
    return bool(NAMESPACE.fullmatch(reference.namespace) and NAME.fullmatch(reference.name))


def _refuse_what_does_not_go_with_it(arguments: argparse.Namespace) -> None:
    if arguments.operator == "cloudsql":
        raise CommandFailed(IN_NO_CLUSTER)
    if arguments.file != "-":
        raise CommandFailed("-f does not go with --from-cluster, which reads the cluster's secret")


def _read(wanted: Sequence[SecretReference], environment: Mapping[str, str]) -> list[object]:
    """Read as kubectl would find its cluster: a configuration that is named wins over the pod."""
    pod = None if environment.get(KUBECONFIG) else Pod.known(environment)
    if pod is not None:
        return asyncio.run(_read_in_pod(ApiServer(pod), wanted))
    return [document for one in wanted for document in read_documents(kubectl.get(one))]


async def _read_in_pod(server: ApiServer, wanted: Sequence[SecretReference]) -> list[object]:
    return [await server.get(one) for one in wanted]
