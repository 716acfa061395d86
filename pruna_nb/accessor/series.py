"""``series.pruna``: the verbs that take a Series of prompts, or of outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

from pruna_nb.accessor.awaited import awaited
from pruna_nb.accessor.base import no_verb, run
from pruna_nb.accessor.frame import PrunaFrame
from pruna_nb.arguments import Problems
from pruna_nb.batch.options import read_options
from pruna_nb.catalog.field_docs import with_fields

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from pruna_nb.arguments import Amount, Seconds, Tags
    from pruna_nb.batch.options import OnLost
    from pruna_nb.catalog import SweepHow
    from pruna_nb.form.form import Form
    from pruna_nb.frames.background import BackgroundRun
    from pruna_nb.frames.generate import Estimate
    from pruna_nb.frames.saving import Layout
    from pruna_nb.store.cache import CacheMode


class PrunaSeries:
    """What can be done with a Series of prompts, ``df["prompt"].pruna``, or outputs."""

    def __init__(self, series: pd.Series[Any]) -> None:
        self._series = series
        self._name = "prompt" if series.name is None else series.name
        self._frame = series.to_frame(self._name)

    def __repr__(self) -> str:
        """Return what the Series holds, and what to do next."""
        from pruna_nb.frames.overview import overview_text

        return overview_text(self._frame, is_series=True)

    def _repr_html_(self) -> str:
        from pruna_nb.frames.overview import overview_html

        return overview_html(self._frame, is_series=True)

    def __getattr__(self, name: str) -> Any:
        """Raise an error that names the verbs: this is asked only for what is not there."""
        hint = (
            f" It is of a frame: series.to_frame().pruna.{name}." if name in dir(PrunaFrame) else ""
        )
        raise no_verb("series.pruna", self, name, hint)

    @overload
    def generate(
        self,
        *,
        model: str | Sequence[str] = "p-image",
        samples: int = 1,
        sweep: SweepHow = "cross",
        cache: CacheMode = "use",
        on_lost: OnLost = "report",
        max_cost_usd: Amount | None = None,
        progress: bool = True,
        timeout: Seconds | None = None,
        tag: Tags | None = None,
        unchecked: bool = False,
        prefix: str = "",
        background: Literal[False] = False,
        **fields: Any,
    ) -> pd.DataFrame: ...

    @overload
    def generate(
        self,
        *,
        model: str | Sequence[str] = "p-image",
        samples: int = 1,
        sweep: SweepHow = "cross",
        cache: CacheMode = "use",
        on_lost: OnLost = "report",
        max_cost_usd: Amount | None = None,
        progress: bool = True,
        timeout: Seconds | None = None,
        tag: Tags | None = None,
        unchecked: bool = False,
        prefix: str = "",
        background: Literal[True],
        **fields: Any,
    ) -> BackgroundRun: ...

    @with_fields("p-image", others=True)
    def generate(
        self,
        *,
        model: str | Sequence[str] = "p-image",
        samples: int = 1,
        sweep: SweepHow = "cross",
        cache: CacheMode = "use",
        on_lost: OnLost = "report",
        max_cost_usd: Amount | None = None,
        progress: bool = True,
        timeout: Seconds | None = None,
        tag: Tags | None = None,
        unchecked: bool = False,
        prefix: str = "",
        background: bool = False,
        **fields: Any,
    ) -> pd.DataFrame | BackgroundRun:
        """Generate an output for each prompt; the arguments are those of ``df.pruna.generate``.

        Returns
        -------
        DataFrame
            The prompts and the result columns, with the Series' index; with
            ``background=True`` a `BackgroundRun`.

        Examples
        --------
        >>> import pandas as pd
        >>> import pruna_nb
        >>> out = pd.Series(["a lion", "a fox"], name="animal").pruna.generate(progress=False)
        >>> out[["animal", "status"]].values.tolist()
        [['a lion', 'succeeded'], ['a fox', 'succeeded']]
        """
        from pruna_nb.frames.call import read_call

        problems = Problems()
        call = read_call(
            model,
            problems,
            prompt_col=self._name,
            samples=samples,
            sweep=sweep,
            unchecked=unchecked,
            prefix=prefix,
            fields=fields,
        )
        options = read_options(
            problems,
            cache=cache,
            on_lost=on_lost,
            max_cost_usd=max_cost_usd,
            progress=progress,
            timeout=timeout,
            tag=tag,
            background=background,
        )
        return run(self._frame, call, options, problems)

    agenerate = awaited(generate, 'df["prompt"].pruna.agenerate(seed=2, progress=False)')

    @with_fields("p-image", others=True)
    def estimate(
        self,
        *,
        model: str | Sequence[str] = "p-image",
        samples: int = 1,
        sweep: SweepHow = "cross",
        cache: CacheMode = "use",
        on_lost: OnLost = "report",
        max_cost_usd: Amount | None = None,
        progress: bool = True,
        timeout: Seconds | None = None,
        tag: Tags | None = None,
        unchecked: bool = False,
        prefix: str = "",
        background: bool = False,
        **fields: Any,
    ) -> Estimate:
        """Return what `generate` would run and cost with the same arguments; send nothing.

        Examples
        --------
        >>> import pandas as pd
        >>> import pruna_nb
        >>> print(pd.Series(["a lion", "a fox"]).pruna.estimate(samples=2, cache="off"))
        4 rows: 4 new, 0 cached, 0 duplicates; 0.02 USD; no wait at the limit
        """
        return PrunaFrame(self._frame).estimate(
            self._name,
            model=model,
            samples=samples,
            sweep=sweep,
            cache=cache,
            on_lost=on_lost,
            max_cost_usd=max_cost_usd,
            progress=progress,
            timeout=timeout,
            tag=tag,
            unchecked=unchecked,
            prefix=prefix,
            background=background,
            **fields,
        )

    def save(
        self,
        folder: str | os.PathLike[str],
        *,
        name: str | None = None,
        format: str | None = None,  # noqa: A002 - the word of Pillow and matplotlib
        layout: Layout = "plain",
        provenance: bool = True,
        storage_options: Mapping[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Save a Series of outputs as files of your own, as ``df.pruna.save`` does.

        What was sent for each is found by its file, so that a name may be of it, too.

        Parameters
        ----------
        folder : path or str
            Created where it is missing; also an address, such as ``"s3://bucket/folder"``.
        name, format, layout, provenance, storage_options
            As for ``df.pruna.save``.

        Returns
        -------
        DataFrame
            The outputs and the column "file", with the Series' index.

        Examples
        --------
        >>> import pandas as pd
        >>> import pruna_nb
        >>> out = pd.DataFrame({"prompt": ["a lion", "a fox"]}).pruna.generate(
        ...     "prompt", seed=7, progress=False
        ... )
        >>> saved = out["output"].pruna.save("animals", name="{prompt}-{seed}")
        Saved 2 files in animals.
        >>> [file[8:] for file in saved["file"]]
        ['a lion-7.jpg', 'a fox-7.jpg']
        """
        from pruna_nb.frames.saving import save_series

        return save_series(
            self._series,
            folder,
            name=name,
            format=format,
            layout=layout,
            provenance=provenance,
            storage_options=storage_options,
        )

    def explore(
        self,
        *,
        model: str | Sequence[str] = "p-image",
        rows: str | Sequence[str] | None = None,
        cols: str | Sequence[str] | None = None,
        max_cost_usd: Amount | None = None,
        tag: Tags | None = None,
        unchecked: bool = False,
        **fields: Any,
    ) -> Form:
        """Try some of the prompts in a form; the arguments are those of ``df.pruna.explore``.

        Examples
        --------
        >>> import pandas as pd
        >>> import pruna_nb
        >>> form = pd.Series(["a lion", "a fox"], name="animal").pruna.explore(seed="1, 2")
        >>> form.fields["model"].value
        'p-image'
        """
        return PrunaFrame(self._frame).explore(
            self._name,
            model=model,
            rows=rows,
            cols=cols,
            max_cost_usd=max_cost_usd,
            tag=tag,
            unchecked=unchecked,
            **fields,
        )
