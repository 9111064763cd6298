"""Runtime metadata: which deployment runs which model."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from pinakes.catalog.model import DEFAULT_PROJECT, Model


class DeploymentStatus(Enum):
    """Whether a deployment runs the model now."""

    RUNNING = "Running"
    STOPPED = "Stopped"
    UNKNOWN = "Unknown"


class DeploymentType(Enum):
    """The kind of resource that a deployment is."""

    UNDEFINED = "UndefinedDeploymentType"
    SELDON_DEPLOYMENT = "SeldonDeployment"
    SELDON_MODEL = "SeldonModel"
    KNATIVE_DETECTOR = "KnativeDetector"
    INFERENCE_SERVICE = "InferenceService"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeMetadata:
    """One node of one predictor of a deployment, running one model.

    ``project`` is the deployment's: the model is looked up by ``model_uri`` in it. ``traffic`` is
    in percent. ``creation_time`` is given by the store when the row is first recorded.
    """

    model_uri: str
    project: str = DEFAULT_PROJECT
    deployment_name: str
    deployment_namespace: str
    deployment_uid: str
    deployment_type: DeploymentType
    deployment_status: DeploymentStatus = DeploymentStatus.RUNNING
    predictor_name: str = ""
    node_name: str = ""
    traffic: int = 0
    replicas: int = 0
    shadow: bool = False
    explainer: bool = False
    creation_time: datetime | None = None

    @property
    def key(self) -> tuple[str, ...]:
        """What makes this row the one it is, and orders a listing."""
        return (
            self.deployment_uid,
            self.predictor_name,
            self.node_name,
            self.model_uri,
            self.project,
        )


@dataclass(frozen=True, slots=True)
class RuntimeRecord:
    """Runtime metadata as the store holds it, beside the model it runs where that is known."""

    runtime: RuntimeMetadata
    model: Model | None
