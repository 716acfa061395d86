"""Key, address, folders and limits: what holds for a call, and where it comes from.

Read in this order: `record` (what a setting is, and where it is looked for), `cache_folder` (the
names in the cache folder), `scopes` (what ``with configure(...)`` sets), `values` (what each may
be), `origins` (one name for a service), `dotenv`, `host_secrets` and `keyrings` (where else a key
is found), `handover` (what a process hands to those that it starts).
"""

from pruna_nb.settings.cache_folder import CacheFolder
from pruna_nb.settings.record import HANDOVER, Settings, configure, current, keep_key, reset

__all__ = ["HANDOVER", "CacheFolder", "Settings", "configure", "current", "keep_key", "reset"]
