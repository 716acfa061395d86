"""What must not be forgotten: the journal of paid requests, and the cache of outputs.

Read in this order: `keys` (what makes two requests the same), `entries` (a line of the journal),
`journal` with `lookups` (written before each POST, read before each run), `run_locks` and `rescue`
(what survives a death, a full disk), `cache` (joblib's interface; `cached_call`, `joblib_store`),
`maintenance`, `favourites` (pictures that a person keeps), `form_records` (rounds of forms). Below
them: `database` with `group_commit` and `schema`, and what it is rebuilt from, `sidecars` and
`salvage`.
"""
