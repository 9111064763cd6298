"""The verbs that every door uses."""

from pinakes.catalog.listing import ModelListing, ModelPage, RuntimeListing, RuntimePage
from pinakes.catalog.model import Model, ModelKey
from pinakes.catalog.revision import Change
from pinakes.catalog.store import Store


class ModelCatalog:
    """The catalogue over a store: here a model is checked before the store is asked.

    Raises the errors of ``catalog.errors`` and no others.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def check(self) -> None:
        """Return if the catalogue can answer now; raise CatalogError, which says why not."""
        await self._store.check()

    async def create_model(self, model: Model, change: Change) -> None:
        """Register a new model."""
        model.check()
        await self._store.create_model(model, change)

    async def update_model(self, model: Model, change: Change) -> None:
        """Replace all that is known of a model but its key and creation time."""
        model.check()
        await self._store.update_model(model, change)

    async def delete_model(self, key: ModelKey, change: Change) -> None:
        """Forget a model; its revisions stay."""
        key.check()
        await self._store.delete_model(key, change)

    async def list_models(self, listing: ModelListing) -> ModelPage:
        """Find models, one page at a time."""
        return await self._store.list_models(listing)

    async def list_runtime(self, listing: RuntimeListing) -> RuntimePage:
        """Find which deployments run which models, one page at a time."""
        return await self._store.list_runtime(listing)
