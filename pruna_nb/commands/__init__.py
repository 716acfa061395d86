"""What the command line does with a table.

Read in this order: `generate` (a table is read, run, and written beside its outputs), `columns`
(its cells made to fit the fields that are read from them), `out_folder` (what a command made in
the folder of ``--out`` is known, and nothing else there is touched).
"""
