"""The doors for tables: ``df.pruna`` for pandas."""

from __future__ import annotations
