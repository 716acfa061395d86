"""Magics."""

from __future__ import annotations

from typing import Any


def register(ipython: Any) -> None:
    """Give a notebook the magics."""
