"""``ddf.pruna``: a dask frame's partitions, sent by one process, whichever machines they are on.

The process that calls ``ddf.pruna.generate`` has the key, the journal, the cache and the limit, and
it alone sends. A partition's task hands it the columns that the requests are made of, waits, and
puts the results beside its own columns: these never leave the worker, and the key is never there.

Read in this order: `accessor` (the verbs), `graph` (all that can be checked is, and the graph is
made), `partition` (what a task does), `channel` (how it reaches the sender through the scheduler),
`sender` (the runs of a table's partitions) with `gate` (how many at once), `shape` (which columns
are handed over, and where the results go), `shown` (one line over all of them) and `interrupted`
(computations in threads that end early).
"""
