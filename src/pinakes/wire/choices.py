"""The enums of the contract by name, in the order of their numbers, older spellings last."""

from pinakes.catalog.model import ArtifactType, DefaultProtocol
from pinakes.catalog.runtime import DeploymentStatus, DeploymentType

ARTIFACT_TYPES = {value.value: value for value in ArtifactType}

DEFAULT_PROTOCOLS = {value.value: value for value in DefaultProtocol} | {
    "PROTOCOL_TENSERFLOW": DefaultProtocol.TENSORFLOW,  # SDK 1.6 to 2.1
}

DEPLOYMENT_STATUSES = {value.value: value for value in DeploymentStatus}

DEPLOYMENT_TYPES = {value.value: value for value in DeploymentType}
