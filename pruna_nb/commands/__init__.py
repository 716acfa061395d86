"""The commands of the command line.

Read in this order: `parameters` (options that commands share, and those of a model's fields),
`making`, `viewing` and `tending` (the commands and their help), `generate` (a table is read, run,
and written beside its outputs), `retry` (a finished table's rows are run again), `sources` (where
rows come from), `columns` (cells made to fit the fields that are read from them), `out_folder`
(what a command made in the folder of ``--out`` is known, and nothing else there is touched),
`wording` (messages as a shell says them), `doctor`.
"""
