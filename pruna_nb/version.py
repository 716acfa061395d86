"""The version, for whoever writes it into a file: not of the package's metadata.

A package that is used from a folder has no metadata, and a run must not fail for that at its end.
"""

VERSION = "0.5.0"
