"""``series.pruna``: the menu of what can be done with a Series of prompts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

if TYPE_CHECKING:
    import pandas as pd

    from pruna_nb.accessor import PrunaFrame
    from pruna_nb.arguments import Amount, Seconds
    from pruna_nb.batch.options import OnLost
    from pruna_nb.form.form import Form
    from pruna_nb.frames.background import BackgroundRun
    from pruna_nb.frames.generate import Estimate
    from pruna_nb.store.cache import CacheMode


class PrunaSeries:
    """What can be done with a Series of prompts; ``df["prompt"].pruna``."""

    def __init__(self, series: pd.Series[Any]) -> None:
        self._series = series

    def _frame(self) -> tuple[PrunaFrame, Any]:
        name = "prompt" if self._series.name is None else self._series.name
        from pruna_nb.accessor import PrunaFrame

        return PrunaFrame(self._series.to_frame(name)), name

    @overload
    def generate(
        self,
        *,
        model: str = "p-image",
        samples: int = 1,
        cache: CacheMode = "use",
        on_lost: OnLost = "report",
        max_cost_usd: Amount | None = None,
        progress: bool = True,
        timeout: Seconds | None = None,
        unchecked: bool = False,
        prefix: str = "",
        background: Literal[False] = False,
        **fields: Any,
    ) -> pd.DataFrame: ...

    @overload
    def generate(
        self,
        *,
        model: str = "p-image",
        samples: int = 1,
        cache: CacheMode = "use",
        on_lost: OnLost = "report",
        max_cost_usd: Amount | None = None,
        progress: bool = True,
        timeout: Seconds | None = None,
        unchecked: bool = False,
        prefix: str = "",
        background: Literal[True],
        **fields: Any,
    ) -> BackgroundRun: ...

    def generate(
        self,
        *,
        model: str = "p-image",
        samples: int = 1,
        cache: CacheMode = "use",
        on_lost: OnLost = "report",
        max_cost_usd: Amount | None = None,
        progress: bool = True,
        timeout: Seconds | None = None,
        unchecked: bool = False,
        prefix: str = "",
        background: bool = False,
        **fields: Any,
    ) -> pd.DataFrame | BackgroundRun:
        """Make an output of each prompt; the arguments are those of ``df.pruna.generate``.

        Returns
        -------
        DataFrame
            The prompts and the results' columns, with the Series' index.
        """
        frame, name = self._frame()
        # Which of the two it gives is told by `background`, as mypy cannot see here.
        run: Any = frame.generate
        made: pd.DataFrame | BackgroundRun = run(
            name,
            model=model,
            samples=samples,
            cache=cache,
            on_lost=on_lost,
            max_cost_usd=max_cost_usd,
            progress=progress,
            timeout=timeout,
            unchecked=unchecked,
            prefix=prefix,
            background=background,
            **fields,
        )
        return made

    def explore(
        self,
        *,
        model: str = "p-image",
        max_cost_usd: Amount | None = None,
        unchecked: bool = False,
        **fields: Any,
    ) -> Form:
        """Try some of the prompts in a form; the arguments are those of ``df.pruna.explore``."""
        frame, name = self._frame()
        return frame.explore(
            name, model=model, max_cost_usd=max_cost_usd, unchecked=unchecked, **fields
        )

    def estimate(
        self,
        *,
        model: str = "p-image",
        samples: int = 1,
        cache: CacheMode = "use",
        on_lost: OnLost = "report",
        max_cost_usd: Amount | None = None,
        progress: bool = True,
        timeout: Seconds | None = None,
        unchecked: bool = False,
        prefix: str = "",
        background: bool = False,
        **fields: Any,
    ) -> Estimate:
        """Say what `generate` would run and cost with the same arguments; sends nothing."""
        frame, name = self._frame()
        return frame.estimate(
            name,
            model=model,
            samples=samples,
            cache=cache,
            on_lost=on_lost,
            max_cost_usd=max_cost_usd,
            progress=progress,
            timeout=timeout,
            unchecked=unchecked,
            prefix=prefix,
            background=background,
            **fields,
        )
