"""Where a campaign lives: a database that loses nothing."""

from gfnmat.campaign.store.errors import AlreadyToldError, StoreError, UnreachableError
from gfnmat.campaign.store.store import Store

__all__ = ["AlreadyToldError", "Store", "StoreError", "UnreachableError"]
