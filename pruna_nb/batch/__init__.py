"""Many predictions, none paid for twice: keys, cache, journal, plan, run."""

from __future__ import annotations
