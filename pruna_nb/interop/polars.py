"""``frame.pruna`` and ``series.pruna`` of polars."""

from __future__ import annotations

from pruna_nb.interop.wrapped import WrappedFrame, WrappedSeries


def register() -> None:
    """Register the verbs with polars, which is imported already."""
    import polars as pl

    if getattr(pl.DataFrame, "pruna", None) is None:
        pl.api.register_dataframe_namespace("pruna")(WrappedFrame)
        pl.api.register_series_namespace("pruna")(WrappedSeries)
