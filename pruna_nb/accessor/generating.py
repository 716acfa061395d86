"""Outputs from prompts: generate, estimate, and again what failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

from pruna_nb.accessor.awaited import awaited
from pruna_nb.accessor.base import FrameVerbs, run
from pruna_nb.arguments import Problems, switch, whole
from pruna_nb.batch.options import read_options
from pruna_nb.catalog.field_docs import with_fields

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    import pandas as pd

    from pruna_nb.arguments import Amount, Seconds, Tags
    from pruna_nb.batch.options import OnLost
    from pruna_nb.catalog import SweepHow
    from pruna_nb.frames.background import BackgroundRun
    from pruna_nb.frames.generate import Estimate
    from pruna_nb.store.cache import CacheMode


class GenerateVerbs(FrameVerbs):
    """The verbs that need prompts."""

    # The overloads let type checkers and editors know whether a frame or a run is returned.
    @overload
    def generate(
        self,
        prompt_col: Hashable | None = None,
        *,
        model: str | Sequence[str] = "p-image",
        prompt: str | Sequence[str] | None = None,
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
        prompt_col: Hashable | None = None,
        *,
        model: str | Sequence[str] = "p-image",
        prompt: str | Sequence[str] | None = None,
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
        prompt_col: Hashable | None = None,
        *,
        model: str | Sequence[str] = "p-image",
        prompt: str | Sequence[str] | None = None,
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
        """Generate an output for each row: rate-limited, cached on disk, never paid for twice.

        Parameters
        ----------
        prompt_col : str, optional
            The column of prompts. A row with an empty prompt is skipped, and its status says so.
        model : str or list of str
            Any model of `pruna_nb.models`; default "p-image".
        prompt : str or list of str, optional
            In place of `prompt_col`: a template over the row's columns, such as
            ``"a {color} {product} on white"``.
        samples : int
            Outputs for each row, with seeds that are the same in each run. The new frame has
            a row for each, with the level "sample" (1, 2, ...) below the frame's own index,
            so that ``out.loc[label]`` returns a row's samples; and a column "seed". A picture that
            ``samples=1`` made is sample 1, and its seed empty, since none was sent.
        sweep : {"cross", "zip"}
            How lists of values meet: "cross" combines each value with each other, and the last
            list runs fastest; "zip" takes lists of one length in step.
        cache : {"use", "refresh", "off"}
            "use" takes an output that is in the cache; "refresh" generates it again and stores
            it; "off" generates it again and does not store it for later runs.
        on_lost : {"report", "resend"}
            What to do with a prediction whose answer was lost, and which may have been charged:
            report it in its row, or send it again at once, which may be charged again.
        max_cost_usd : float, optional
            Refuse to start if the new predictions would cost more.
        progress : bool
            Show how far the run is (a bar in a terminal, a line in a notebook), and one line at
            the end.
        timeout : float, optional
            Seconds that a prediction may take; by default 10 minutes for images, an hour
            for videos. The next run resumes one that takes longer.
        tag : str or list of str, optional
            What the predictions are for, such as "spring catalogue": `pruna_nb.history` and
            `pruna_nb.costs` find them by it. It is noted with what is sent, and makes nothing
            new: an output that is in the cache stays there under the tag that it was made with.
        unchecked : bool
            Send fields that the catalogue does not know.
        prefix : str
            A prefix of the result columns' names, to keep those of an earlier step.
        background : bool
            Return at once with a `BackgroundRun`: ``run.progress`` shows how far it is,
            ``run.cancel()`` stops it, ``run.frame`` is the frame so far, and
            ``run.result()`` waits for the finished frame.
        **fields
            Any field of the model, as one value for all rows (``seed=42``), as a column
            (``seed_col="seed"``), or as a list (``seed=[1, 2, 3]`` or ``"1-3"``), for each value of
            which each row is there once: below the frame's own index comes a level of the field's
            name, and a column of that name. A list of models or of prompts does the same, and in a
            field that takes a list a list of lists. A field that takes a file takes paths,
            bytes, PIL images, numpy arrays, data URIs, http(s) URLs and the ``output`` of an
            earlier step.

        Returns
        -------
        DataFrame
            A new frame with the same index (with levels below it for samples and for lists of
            values), the frame's columns, and:
            ``output`` (the file's path), ``status`` ("succeeded", "failed", "canceled",
            "skipped", "lost" or "pending"), ``error``, ``seconds`` (from sending to the file
            on disk), ``cost_usd`` (what this run spent on the row), ``cached`` (whether no
            new prediction was made for it), ``prediction_id`` and ``model``, by which a
            ``pd.concat`` of several calls tells who made what. With ``background=True`` a
            `BackgroundRun`, whose ``result()`` returns it.

        Raises
        ------
        ColumnError, InputError, UnknownModelError
            If the call is wrong: all mistakes at once, before anything is spent.
        BudgetError
            If it would cost more than `max_cost_usd`.
        AuthenticationError, QuotaError, CacheError, KeyboardInterrupt
            If the account or the disk stopped the run, or you did. Finished rows are kept; the
            error's ``frame`` holds them.

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
        from pruna_nb.frames.columns import labels_by_name

        problems = Problems()
        call = read_call(
            model,
            problems,
            prompt_col=prompt_col,
            prompt=prompt,
            names=labels_by_name(self._frame),
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

    agenerate = awaited(generate, 'df.pruna.agenerate("prompt", seed=2, progress=False)')

    @with_fields("p-image", others=True)
    def estimate(
        self,
        prompt_col: Hashable | None = None,
        *,
        model: str | Sequence[str] = "p-image",
        prompt: str | Sequence[str] | None = None,
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

        All arguments of `generate` are accepted and checked as there; those that do not affect the
        price, such as `timeout`, have no effect. A cost above `max_cost_usd` is not
        an error here: the price is the answer.

        Returns
        -------
        Estimate
            Rows, cached, new, duplicates, cost in USD, and minutes at the limit.

        Examples
        --------
        >>> import pandas as pd
        >>> import pruna_nb
        >>> df = pd.DataFrame({"prompt": ["a lighthouse", "a lighthouse", None]})
        >>> print(df.pruna.estimate("prompt", cache="off"))
        3 rows: 1 new, 0 cached, 1 duplicate, 1 skipped; 0.005 USD; no wait at the limit
        """
        from pruna_nb.frames.call import read_call
        from pruna_nb.frames.columns import labels_by_name
        from pruna_nb.frames.generate import estimate

        problems = Problems()
        call = read_call(
            model,
            problems,
            prompt_col=prompt_col,
            prompt=prompt,
            names=labels_by_name(self._frame),
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
        return estimate(self._frame, call, options, problems)

    def failed(self, *, prefix: str = "") -> pd.DataFrame:
        """Return the rows that were requested and have no output, with their errors.

        These are the rows whose status is "failed", "canceled", "lost" or "pending"; in a chain,
        also those that were skipped since an earlier step failed. A row that succeeded, and whose
        output you removed from the table, is not one of them.

        Examples
        --------
        >>> import pandas as pd
        >>> import pruna_nb
        >>> out = pd.DataFrame({"prompt": ["a lion", "a fox"]}).pruna.generate(
        ...     "prompt", progress=False
        ... )
        >>> out.loc[1, "status"] = "lost"  # as it is where no answer came
        >>> out.pruna.failed()["prompt"].tolist()
        ['a fox']
        """
        from pruna_nb.frames.call import read_prefix
        from pruna_nb.frames.retry import failed

        problems = Problems()
        begin = read_prefix(prefix, problems)
        problems.check()
        return failed(self._frame, begin)

    def retry(
        self,
        prompt_col: Hashable | None = None,
        *,
        model: str | Sequence[str] | None = None,
        prompt: str | Sequence[str] | None = None,
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
        **fields: Any,
    ) -> pd.DataFrame:
        """Run the rows again that failed, were lost or are pending; the others stay as they are.

        Without arguments, a row's original request is sent again, from the record of its
        prediction's id: whatever its cells hold now, and whatever was done to the frame since (a
        merge, a concat of several models, CSV). A row without an id, or whose files are not in the
        cache, is requested by the call in the frame's attrs, with its current cells.
        In a chain, a row continues from the step that failed, with all steps after it.

        Parameters
        ----------
        prompt_col : str, optional
            As passed to `generate`: requests what the cells hold now. Needed if neither the record
            nor the frame has the request; then all arguments of `generate` are.
        model, prompt, samples, unchecked
            As passed to `generate`, where they are needed.
        cache, on_lost, max_cost_usd, progress, timeout
            As for `generate`.
        tag : str or list of str, optional
            As for `generate`; by default that of the record.
        prefix : str
            The prefix of the result columns.
        **fields
            As passed to `generate`, where they are needed.

        Returns
        -------
        DataFrame
            A new frame of the same rows, with their new results.

        Examples
        --------
        >>> import pandas as pd
        >>> import pruna_nb
        >>> out = pd.DataFrame({"prompt": ["a lion", "a fox"]}).pruna.generate(
        ...     "prompt", progress=False
        ... )
        >>> out.loc[1, "status"] = "lost"  # as it is where no answer came
        >>> out.drop(columns="prompt").pruna.retry(progress=False)["status"].tolist()
        ['succeeded', 'succeeded']
        """
        from pruna_nb.frames.call import read_call, read_prefix
        from pruna_nb.frames.retry import retry

        problems = Problems()
        options = read_options(
            problems,
            cache=cache,
            on_lost=on_lost,
            max_cost_usd=max_cost_usd,
            progress=progress,
            timeout=timeout,
            tag=tag,
        )
        begin = read_prefix(prefix, problems)
        # Any argument of a call means the cells as they are now; without one, the records count.
        asked = (prompt_col, model, prompt, *fields)
        many = problems.read(whole, "samples", samples, instead=1)
        anyhow = problems.read(switch, "unchecked", unchecked, instead=False)
        call = None
        if any(value is not None for value in asked) or many != 1 or anyhow:
            call = read_call(
                "p-image" if model is None else model,
                problems,
                prompt_col=prompt_col,
                prompt=prompt,
                samples=many,
                sweep=sweep,
                unchecked=anyhow,
                prefix=begin,
                fields=fields,
            )
        return retry(self._frame, call, options, problems, prefix=begin)
