"""Which secret of a cluster is meant."""

from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class SecretReference:
    """A secret by its name, which may or may not be there."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def collection(self) -> str:
        """The path of all secrets of its namespace."""
        return f"/api/v1/namespaces/{quote(self.namespace, safe='')}/secrets"

    @property
    def path(self) -> str:
        """The path of the secret itself."""
        return f"{self.collection}/{quote(self.name, safe='')}"
