"""``df.pruna``: the menu of what can be done with a frame, or a Series of prompts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

import pandas as pd

from pruna_nb.arguments import Problems
from pruna_nb.batch.options import read_options
from pruna_nb.frames.later import LaterVerbs
from pruna_nb.frames.verbs import MediaVerbs
from pruna_nb.series import PrunaSeries

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from pruna_nb.arguments import Amount, Seconds
    from pruna_nb.batch.options import OnLost
    from pruna_nb.form.form import Form
    from pruna_nb.frames.background import BackgroundRun
    from pruna_nb.frames.generate import Estimate
    from pruna_nb.frames.grids import Table
    from pruna_nb.show import Grid
    from pruna_nb.store.cache import CacheMode


class PrunaFrame(MediaVerbs, LaterVerbs):
    """What can be done with a frame of prompts; ``df.pruna``.

    Notes
    -----
    pandas makes it anew at each access, so that it holds the frame and nothing else.
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame

    @overload
    def generate(
        self,
        prompt_col: Hashable | None = None,
        *,
        model: str = "p-image",
        prompt: str | None = None,
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
        prompt_col: Hashable | None = None,
        *,
        model: str = "p-image",
        prompt: str | None = None,
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
        prompt_col: Hashable | None = None,
        *,
        model: str = "p-image",
        prompt: str | None = None,
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
        """Make an output of each row: throttled, cached on disk, never paid for twice.

        Parameters
        ----------
        prompt_col : str, optional
            The column of prompts. An empty one is skipped, and its row says so.
        model : str
            Any model of `pruna_nb.models`; default "p-image".
        prompt : str, optional
            In place of `prompt_col`: a template over the row's columns, such as
            ``"a {color} {product} on white"``.
        samples : int
            Outputs for each row, with seeds that are the same at each run. The new frame has
            a row for each, with the level "sample" (1, 2, ...) below the frame's own index,
            so that ``out.loc[label]`` gives a row's samples; and a column "seed".
        cache : {"use", "refresh", "off"}
            Whether an output that is there is taken ("use"), made anew and kept ("refresh"),
            or made anew and not kept for later runs ("off").
        on_lost : {"report", "resend"}
            What to do with a prediction whose answer was lost, which may have been charged:
            report it in its row, or send it again at once, which may be charged again.
        max_cost_usd : float, optional
            Refuse to start if the new predictions would cost more.
        progress : bool
            Show a bar, and one line at the end.
        timeout : float, optional
            Seconds that a prediction may take; by default 10 minutes for pictures, an hour
            for videos. One that takes longer is taken up by the next run.
        unchecked : bool
            Send fields that the catalogue does not know.
        prefix : str
            What the result's columns begin with, to keep those of an earlier step.
        background : bool
            Return at once with a `BackgroundRun`: ``run.progress`` shows where it stands,
            ``run.cancel()`` stops it, ``run.frame`` is what there is so far, and
            ``run.result()`` waits for the frame.
        **fields
            Any field of the model, as one value for all rows (``seed=42``) or as a column
            (``seed_col="seed"``). A field that takes a file takes paths, bytes, PIL images,
            numpy arrays, data URIs, http(s) addresses and the ``output`` of an earlier step.

        Returns
        -------
        DataFrame
            A new frame with the same index (but for `samples`), the frame's columns, and:
            ``output`` (the file's path), ``status`` ("succeeded", "failed", "canceled",
            "skipped", "lost" or "pending"), ``error``, ``seconds`` (from sending to the file
            on disk), ``cost_usd`` (what this run spent on the row), ``cached`` (whether no
            new prediction was made for it) and ``prediction_id``. With ``background=True``
            a `BackgroundRun`, whose ``result()`` gives it.

        Raises
        ------
        ColumnError, InputError, UnknownModelError
            If the call is wrong: all mistakes at once, before anything is spent.
        BudgetError
            If it would cost more than `max_cost_usd`.
        AuthenticationError, QuotaError, CacheError, KeyboardInterrupt
            If the account, the disk or you stopped it: what is done is kept, and is in the
            error's ``frame``.

        Examples
        --------
        >>> import pandas as pd
        >>> import pruna_nb
        >>> df = pd.DataFrame({"animal": ["lion", "fox"], "seed": [1, 2]})
        >>> out = df.pruna.generate(
        ...     prompt="a {animal} at sunset", seed_col="seed", aspect_ratio="1:1", progress=False
        ... )
        >>> out["status"].tolist()
        ['succeeded', 'succeeded']
        """
        from pruna_nb.frames.call import read_call

        problems = Problems()
        call = read_call(
            model,
            problems,
            prompt_col=prompt_col,
            prompt=prompt,
            samples=samples,
            unchecked=unchecked,
            prefix=prefix,
            fields=fields,
        )
        return self._run(
            call,
            problems,
            cache=cache,
            on_lost=on_lost,
            max_cost_usd=max_cost_usd,
            progress=progress,
            timeout=timeout,
            background=background,
        )

    def explore(
        self,
        prompt_col: str | None = None,
        *,
        model: str = "p-image",
        prompt: str | None = None,
        max_cost_usd: Amount | None = None,
        unchecked: bool = False,
        **fields: Any,
    ) -> Form:
        """Try rows of the frame in a form: choose rows, ratios and seeds, and see the price.

        Parameters
        ----------
        prompt_col : str, optional
            The column of prompts. Without it, prompts are written in the form, for each row.
        model : str
            The model that the form begins with.
        prompt : str, optional
            In place of `prompt_col`: a template over the row's columns.
        max_cost_usd : float, optional
            A click that would cost more is refused.
        unchecked : bool
            Take a model that the catalogue does not know.
        **fields
            Any field of the model as the form is to begin with, or as a column
            (``images_col="photo"``); see `pruna_nb.explore`.

        Returns
        -------
        Form
            Its ``frame`` has the rows chosen, with their labels; ``selected`` those whose
            pictures are selected, so that ``df.loc[form.selected.index]`` gives the rows.
        """
        from pruna_nb.form.explore import explore_frame

        return explore_frame(
            self._frame,
            prompt_col,
            model=model,
            prompt=prompt,
            max_cost_usd=max_cost_usd,
            unchecked=unchecked,
            fields=fields,
        )

    def estimate(
        self,
        prompt_col: Hashable | None = None,
        *,
        model: str = "p-image",
        prompt: str | None = None,
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
        """Say what `generate` would run and cost with the same arguments; sends nothing.

        All arguments of `generate` are taken and checked as there; those that change nothing of
        the price, such as `timeout`, change nothing here. That it costs more than `max_cost_usd`
        is no error: the price is what was asked for.

        Returns
        -------
        Estimate
            Rows, hits, new, duplicates, cost in USD, and minutes at the limit.

        Examples
        --------
        >>> import pandas as pd
        >>> import pruna_nb
        >>> df = pd.DataFrame({"prompt": ["a lighthouse", "a lighthouse", None]})
        >>> print(df.pruna.estimate("prompt", cache="off"))
        3 rows: 1 new, 0 cached, 1 duplicate, 1 skipped; 0.005 USD; no wait at the limit
        """
        from pruna_nb.frames import generate as verbs
        from pruna_nb.frames.call import read_call

        problems = Problems()
        call = read_call(
            model,
            problems,
            prompt_col=prompt_col,
            prompt=prompt,
            samples=samples,
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
            background=background,
        )
        return verbs.estimate(self._frame, call, options, problems)

    def grid(
        self,
        *,
        columns: int | None = None,
        caption_col: str | None = None,
        rows: str | None = None,
        cols: str | None = None,
        size: int = 256,
        max_bytes: int | None = 1_000_000,
        output_col: str = "output",
        title: str | None = None,
        live: bool = False,
    ) -> Grid:
        """Show the outputs in a grid that stays small in the saved notebook.

        Parameters
        ----------
        columns : int, optional
            Pictures side by side; by default as many as there is room for.
        caption_col : str, optional
            The column of captions; by default prompt, aspect ratio and seed.
        rows, cols : str, optional
            The grid's axes: a column, an index level (such as "sample"), or a field of the
            requests (such as "aspect_ratio").
        size : int
            Side of the box that each picture fits into, in pixels.
        max_bytes : int, optional
            What the grid may take in the notebook's file; pictures get smaller to fit, and a
            line says so. None: no limit.
        output_col : str
            The column of outputs, for results with a prefix.
        title : str, optional
        live : bool
            Whether videos play.

        Returns
        -------
        Grid
            Its ``save("sheet.png")`` writes a contact sheet that `pruna_nb.read_sheet` reads
            back, ``save("grid.html")`` a page with zoom.
        """
        from pruna_nb.frames.grids import frame_grid

        return frame_grid(
            self._frame,
            columns=columns,
            caption_col=caption_col,
            rows=rows,
            cols=cols,
            size=size,
            max_bytes=max_bytes,
            output_col=output_col,
            title=title,
            live=live,
        )

    def table(
        self,
        columns: Sequence[str] | None = None,
        *,
        size: int = 128,
        max_bytes: int | None = 1_000_000,
        output_col: str = "output",
    ) -> Table:
        """Show the frame with thumbnails among its columns.

        Parameters
        ----------
        columns : sequence of str, optional
            Which columns; by default all.
        size : int
            Side of the box that each picture fits into, in pixels.
        max_bytes : int, optional
            What the table may take in the notebook's file. None: no limit.
        output_col : str
            The columns whose names end with this are shown as pictures.
        """
        from pruna_nb.frames.grids import frame_table

        return frame_table(
            self._frame, columns=columns, size=size, max_bytes=max_bytes, output_col=output_col
        )


def register() -> None:
    """Make ``df.pruna`` and ``series.pruna``."""
    pd.api.extensions.register_dataframe_accessor("pruna")(PrunaFrame)
    pd.api.extensions.register_series_accessor("pruna")(PrunaSeries)
