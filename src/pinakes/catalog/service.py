"""The verbs that every door uses."""

from collections.abc import Sequence
from dataclasses import replace

from pinakes.catalog.access import Access
from pinakes.catalog.listing import ModelListing, ModelPage, RuntimeListing, RuntimePage
from pinakes.catalog.model import Model, ModelKey
from pinakes.catalog.revision import Change
from pinakes.catalog.store import Store


class ModelCatalog:
    """The catalogue over a store: what is asked is checked before the store is.

    Every verb is asked with what the caller may do. Raises the errors of ``catalog.errors`` and no
    others.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def check(self) -> Sequence[str]:
        """Return if the catalogue can answer now: what should be mended all the same.

        Raises CatalogError, which says why it cannot.
        """
        return await self._store.check()

    async def create_model(self, model: Model, change: Change, access: Access) -> None:
        """Register a new model. Raises WriteForbidden before it says anything else."""
        access.check_create(model.project)
        model.check()
        await self._store.create_model(model, change)

    async def update_model(self, model: Model, change: Change, access: Access) -> None:
        """Replace all that is known of a model but its key and creation time."""
        model.check()
        access.check_change(model.key)
        await self._store.update_model(model, change)

    async def delete_model(self, key: ModelKey, change: Change, access: Access) -> None:
        """Forget a model; its revisions stay."""
        key.check()
        access.check_change(key)
        await self._store.delete_model(key, change)

    async def list_models(self, listing: ModelListing, access: Access) -> ModelPage:
        """Find models that the caller may read, one page at a time."""
        if listing.projects != access.reads:
            listing = replace(listing, projects=access.reads)
        return await self._store.list_models(listing)

    async def list_runtime(self, listing: RuntimeListing, access: Access) -> RuntimePage:
        """Find which deployments run which models that he may read, one page at a time."""
        return await self._store.list_runtime(replace(listing, projects=access.reads))
