"""The verbs of ``df.pruna`` for other frames: polars, pyarrow, DuckDB.

There is one implementation: rows are handed to the pandas accessor, and results come back as the
kind of frame that was given, by narwhals.

Read in this order: `convert` (a frame's rows as pandas sees them, and back), `wrapped` (the verbs),
`polars` (their registration there).
"""
