"""Tables in files, read as they stand and written so that they are read back the same.

Read in this order: `files` (one function to read, one to write), `text_tables` (CSV, TSV and
JSON), `excel`, and `cells`, which all of the package uses to get plain values out of pandas.
"""
