"""``series.pruna``: the menu of what can be done with a Series of prompts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from pruna_nb.frames.accessor import PrunaFrame
    from pruna_nb.frames.generate import Estimate
    from pruna_nb.widgets.form import Form


class PrunaSeries:
    """What can be done with a Series of prompts; ``df["prompt"].pruna``."""

    def __init__(self, series: pd.Series[Any]) -> None:
        self._series = series

    def _frame(self) -> tuple[PrunaFrame, Any]:
        name = "prompt" if self._series.name is None else self._series.name
        from pruna_nb.frames.accessor import PrunaFrame

        return PrunaFrame(self._series.to_frame(name)), name

    def generate(self, **arguments: Any) -> Any:
        """Make an output of each prompt; the arguments are those of ``df.pruna.generate``.

        Returns
        -------
        DataFrame
            The prompts and the results' columns, with the Series' index.
        """
        frame, name = self._frame()
        return frame.generate(name, **arguments)

    def explore(self, **arguments: Any) -> Form:
        """Try some of the prompts in a form; the arguments are those of ``df.pruna.explore``."""
        frame, name = self._frame()
        return frame.explore(name, **arguments)

    def estimate(self, **arguments: Any) -> Estimate:
        """Say what `generate` would run and cost with the same arguments; sends nothing."""
        frame, name = self._frame()
        return frame.estimate(name, **arguments)
