"""Variants against each other: pairs, votes on disk, statistics."""
