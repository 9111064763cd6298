"""What the catalogue asks of its store: one method is one transaction."""

from collections.abc import Sequence
from typing import Protocol

from pinakes.catalog.listing import ModelListing, ModelPage, RuntimeListing, RuntimePage
from pinakes.catalog.model import Model, ModelKey
from pinakes.catalog.revision import Change, Revision
from pinakes.catalog.runtime import RuntimeMetadata


class Store(Protocol):
    """Keeps models, the revisions of each, and runtime metadata.

    Every method raises CatalogUnavailable where the store cannot be asked. Each create, update and
    delete appends a Revision in the same transaction.
    """

    async def check(self) -> Sequence[str]:
        """Return if the store can be asked now: what should be mended all the same."""
        ...

    async def create_model(self, model: Model, change: Change) -> None:
        """Keep a new model. Raises ModelAlreadyExists, and then nothing has changed."""
        ...

    async def update_model(self, model: Model, change: Change) -> None:
        """Replace all of a model but its key and creation time. Raises ModelNotFound."""
        ...

    async def delete_model(self, key: ModelKey, change: Change) -> None:
        """Forget a model. Raises ModelNotFound."""
        ...

    async def list_models(self, listing: ModelListing) -> ModelPage:
        """Return one page of a listing, which ends at its size or its bytes."""
        ...

    async def list_revisions(self, key: ModelKey) -> Sequence[Revision]:
        """Return every revision of a model, the oldest first, also of one that is gone."""
        ...

    async def record_runtime(self, runtime: RuntimeMetadata) -> None:
        """Record that a node of a predictor runs a model, or what of it is new."""
        ...

    async def list_runtime(self, listing: RuntimeListing) -> RuntimePage:
        """Return one page of a listing of runtime metadata, each beside its model."""
        ...
