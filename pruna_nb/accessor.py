"""``df.pruna`` and ``series.pruna``: every verb with its options, its documentation and one call.

The file is longer than others since it is a table of contents: signatures, docstrings and one
call each. Every option is written out in every verb, so that tab completion, ``help()`` and type
checkers show all of them; what the verbs do is in ``pruna_nb.frames``, ``form`` and ``show``.
"""

# The verbs import what they call when they are called: it loads sqlite3, tqdm and PIL, a third of
# a second that `import pruna_nb` does not cost.

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

import pandas as pd

from pruna_nb import tracebacks
from pruna_nb.arguments import Problems, switch, whole
from pruna_nb.batch.options import read_options
from pruna_nb.catalog.field_docs import with_fields
from pruna_nb.frames.call import nothing, read_call, read_media_call, read_prefix
from pruna_nb.text import did_you_mean, near_names

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Hashable, Sequence
    from pathlib import Path

    from pruna_nb.arguments import Amount, Seconds
    from pruna_nb.batch.options import OnLost, RunOptions
    from pruna_nb.form.form import Form
    from pruna_nb.frames.background import BackgroundRun
    from pruna_nb.frames.call import Call
    from pruna_nb.frames.generate import Estimate
    from pruna_nb.frames.grids import Table
    from pruna_nb.frames.saving import Layout
    from pruna_nb.show import Grid
    from pruna_nb.store.cache import CacheMode


class PrunaFrame:
    """What can be done with a frame of prompts; ``df.pruna``.

    Notes
    -----
    pandas creates the accessor once for each frame, so it holds that frame and nothing else.
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame

    def __getattr__(self, name: str) -> Any:
        """Raise an error that names the verbs: this is asked only for what is not there."""
        raise _no_verb("df.pruna", self, name)

    # The overloads let type checkers and editors know whether a frame or a run is returned.
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

    @with_fields("p-image", others=True)
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
        """Generate an output for each row: rate-limited, cached on disk, never paid for twice.

        Parameters
        ----------
        prompt_col : str, optional
            The column of prompts. A row with an empty prompt is skipped, and its status says so.
        model : str
            Any model of `pruna_nb.models`; default "p-image".
        prompt : str, optional
            In place of `prompt_col`: a template over the row's columns, such as
            ``"a {color} {product} on white"``.
        samples : int
            Outputs for each row, with seeds that are the same in each run. The new frame has
            a row for each, with the level "sample" (1, 2, ...) below the frame's own index,
            so that ``out.loc[label]`` returns a row's samples; and a column "seed".
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
        unchecked : bool
            Send fields that the catalogue does not know.
        prefix : str
            A prefix of the result columns' names, to keep those of an earlier step.
        background : bool
            Return at once with a `BackgroundRun`: ``run.progress`` shows how far it is,
            ``run.cancel()`` stops it, ``run.frame`` is the frame so far, and
            ``run.result()`` waits for the finished frame.
        **fields
            Any field of the model, as one value for all rows (``seed=42``) or as a column
            (``seed_col="seed"``). A field that takes a file takes paths, bytes, PIL images,
            numpy arrays, data URIs, http(s) URLs and the ``output`` of an earlier step.

        Returns
        -------
        DataFrame
            A new frame with the same index (except with `samples`), the frame's columns, and:
            ``output`` (the file's path), ``status`` ("succeeded", "failed", "canceled",
            "skipped", "lost" or "pending"), ``error``, ``seconds`` (from sending to the file
            on disk), ``cost_usd`` (what this run spent on the row), ``cached`` (whether no
            new prediction was made for it) and ``prediction_id``. With ``background=True``
            a `BackgroundRun`, whose ``result()`` returns it.

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
        return _run(self._frame, call, options, problems)

    @with_fields("p-image", others=True)
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
        """Return what `generate` would run and cost with the same arguments; send nothing.

        All arguments of `generate` are accepted and checked as there; those that do not affect the
        price, such as `timeout`, have no effect. A cost above `max_cost_usd` is not
        an error here: the price is the answer.

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
        from pruna_nb.frames.generate import estimate

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
        return estimate(self._frame, call, options, problems)

    @overload
    def edit(
        self,
        prompt_col: Hashable | None = None,
        images_col: Hashable | Sequence[Hashable] | None = None,
        *,
        model: str = "p-image-edit",
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
    def edit(
        self,
        prompt_col: Hashable | None = None,
        images_col: Hashable | Sequence[Hashable] | None = None,
        *,
        model: str = "p-image-edit",
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

    @with_fields("p-image-edit")
    def edit(
        self,
        prompt_col: Hashable | None = None,
        images_col: Hashable | Sequence[Hashable] | None = None,
        *,
        model: str = "p-image-edit",
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
        """Edit images as a prompt describes.

        Parameters
        ----------
        prompt_col : str, optional
            The column of prompts; or ``prompt=``, a template over the row's columns.
        images_col : str or list of str, optional
            The column of images, by default "output", that of the step before: paths, bytes,
            PIL images, numpy arrays, data URIs, http(s) addresses, or lists of them. Several
            columns form each row's list of images, in their order.
        model : str
            p-image-edit (1 to 5 images; default), p-image-edit-lora, qwen-image-edit-plus,
            or any other model that takes a prompt and images.
        prompt, samples, unchecked, prefix
            As for `generate`.
        cache, on_lost, max_cost_usd, progress, timeout, background
            As for `generate`.
        **fields
            Any field of the model, as for `generate`; such as ``reference_image=2``, the image
            that sets look and size, ``aspect_ratio="1:1"``, ``seed_col="seed"``.

        Returns
        -------
        DataFrame
            As `generate` returns it. The inputs stay, as ``step1_output``, ``step2_output`` and so
            on. A row without an image is skipped, and its error names the step that failed.

        Examples
        --------
        >>> import pandas as pd
        >>> import pruna_nb
        >>> df = pd.DataFrame({"prompt": ["a lighthouse"], "edit": ["make it night"]})
        >>> out = df.pruna.generate("prompt", progress=False)
        >>> edited = out.pruna.edit("edit", "output", progress=False)
        >>> edited[["status", "cost_usd"]].values.tolist()
        [['succeeded', 0.01]]
        """
        problems = Problems()
        call = read_media_call(
            "edit",
            self._frame,
            model,
            images_col,
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
        return _run(self._frame, call, options, problems)

    @overload
    def upscale(
        self,
        image_col: Hashable | None = None,
        *,
        target: int | None = 4,
        model: str = "p-image-upscale",
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
    def upscale(
        self,
        image_col: Hashable | None = None,
        *,
        target: int | None = 4,
        model: str = "p-image-upscale",
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

    @with_fields("p-image-upscale")
    def upscale(
        self,
        image_col: Hashable | None = None,
        *,
        target: int | None = 4,
        model: str = "p-image-upscale",
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
        """Upscale images.

        Parameters
        ----------
        image_col : str, optional
            The column of images, by default "output", that of the step before.
        target : int
            How large: 1 to 8 megapixels. Or ``target_col=``, a column.
        model : str
            Default "p-image-upscale".
        samples, unchecked, prefix
            As for `generate`.
        cache, on_lost, max_cost_usd, progress, timeout, background
            As for `generate`.
        **fields
            Any field of the model, as for `generate`; such as ``enhance_details=True``,
            ``output_format="png"``.

        Returns
        -------
        DataFrame
            As `generate` returns it; the inputs stay, as ``step1_output`` and so on.

        Examples
        --------
        >>> import pandas as pd
        >>> import pruna_nb
        >>> df = pd.DataFrame({"prompt": ["a lighthouse"]})
        >>> out = df.pruna.generate("prompt", progress=False)
        >>> large = out.pruna.upscale(target=2, progress=False)
        >>> large["status"].tolist()
        ['succeeded']
        """
        # With a column, the default of `target` would be a second value for the same field.
        if "target_col" not in fields:
            fields["target"] = target
        problems = Problems()
        call = read_media_call(
            "upscale",
            self._frame,
            model,
            image_col,
            problems,
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
        return _run(self._frame, call, options, problems)

    @overload
    def animate(
        self,
        image_col: Hashable | None = None,
        prompt_col: Hashable | None = None,
        *,
        model: str = "p-video",
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
    def animate(
        self,
        image_col: Hashable | None = None,
        prompt_col: Hashable | None = None,
        *,
        model: str = "p-video",
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

    @with_fields("p-video")
    def animate(
        self,
        image_col: Hashable | None = None,
        prompt_col: Hashable | None = None,
        *,
        model: str = "p-video",
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
        """Generate a video that begins with an image.

        Parameters
        ----------
        image_col : str, optional
            The column of images, by default "output", that of the step before.
        prompt_col : str, optional
            The column of prompts that describe what moves; or ``prompt=``, a template.
        model : str
            p-video (default), or any other that makes a video from an image, such as wan-i2v.
        prompt, samples, unchecked, prefix
            As for `generate`.
        cache, on_lost, max_cost_usd, progress, timeout, background
            As for `generate`.
        **fields
            Any field of the model, as for `generate`; such as ``duration=5`` (seconds),
            ``resolution="1080p"``, ``draft=True`` for a cheap first pass, which `finalize` then
            makes in full quality.

        Returns
        -------
        DataFrame
            As `generate` returns it; the inputs stay, as ``step1_output`` and so on. A row
            without an image is skipped.

        Examples
        --------
        >>> import pandas as pd
        >>> import pruna_nb
        >>> df = pd.DataFrame({"prompt": ["a lighthouse"], "motion": ["waves roll in"]})
        >>> out = df.pruna.generate("prompt", progress=False)
        >>> video = out.pruna.animate("output", "motion", duration=1, progress=False)
        >>> video["cost_usd"].tolist()
        [0.02]
        """
        problems = Problems()
        call = read_media_call(
            "animate",
            self._frame,
            model,
            image_col,
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
        return _run(self._frame, call, options, problems)

    @overload
    def finalize(
        self,
        rows: Any = None,
        *,
        cache: CacheMode = "use",
        on_lost: OnLost = "report",
        max_cost_usd: Amount | None = None,
        progress: bool = True,
        timeout: Seconds | None = None,
        prefix: str = "",
        background: Literal[False] = False,
        **changes: Any,
    ) -> pd.DataFrame: ...

    @overload
    def finalize(
        self,
        rows: Any = None,
        *,
        cache: CacheMode = "use",
        on_lost: OnLost = "report",
        max_cost_usd: Amount | None = None,
        progress: bool = True,
        timeout: Seconds | None = None,
        prefix: str = "",
        background: Literal[True],
        **changes: Any,
    ) -> BackgroundRun: ...

    def finalize(
        self,
        rows: Any = None,
        *,
        cache: CacheMode = "use",
        on_lost: OnLost = "report",
        max_cost_usd: Amount | None = None,
        progress: bool = True,
        timeout: Seconds | None = None,
        prefix: str = "",
        background: bool = False,
        **changes: Any,
    ) -> pd.DataFrame | BackgroundRun:
        """Generate the final videos of drafts: the same requests and seeds, in full quality.

        Parameters
        ----------
        rows : mask, labels, slice or callable, optional
            Which, as ``drafts.loc[rows]`` takes them: a Series of booleans is aligned by its
            labels, and a missing value in it is False. By default all. Drafts that failed are
            left out and not paid for. ``drafts[mask].pruna.finalize()`` does the same as
            ``drafts.pruna.finalize(mask)``.
        prefix : str
            The prefix of the drafts' columns.
        cache, on_lost, max_cost_usd, progress, timeout, background
            As for `generate`.
        **changes
            Changes to the drafts' request, such as ``resolution="1080p"``. If the frame does not
            record how its drafts were made, as after reading it from CSV, all arguments that made
            them are needed, ``prompt_col=`` and ``model=`` too.

        Returns
        -------
        DataFrame
            A new frame of the rows chosen, with the finals as ``output``; the drafts stay, as
            ``step1_output`` and so on.

        Examples
        --------
        >>> import pandas as pd
        >>> import pruna_nb
        >>> df = pd.DataFrame({"prompt": ["a lighthouse", "a fox"]})
        >>> drafts = df.pruna.generate(
        ...     "prompt", model="p-video", draft=True, duration=1, progress=False
        ... )
        >>> finals = drafts.pruna.finalize([1], progress=False)
        >>> finals[["prompt", "seed", "cost_usd"]].values.tolist()
        [['a fox', 1, 0.02]]
        """
        from pruna_nb.frames.finals import chosen, final_call

        problems = Problems()
        begin = read_prefix(prefix, problems)
        drafts = problems.read(chosen, self._frame, rows, begin, instead=self._frame.head(0))
        call = problems.read(final_call, drafts, begin, changes, problems, instead=nothing(begin))
        options = read_options(
            problems,
            cache=cache,
            on_lost=on_lost,
            max_cost_usd=max_cost_usd,
            progress=progress,
            timeout=timeout,
            background=background,
        )
        return _run(drafts, call, options, problems, keep=[begin + "output"])

    def failed(self, *, prefix: str = "") -> pd.DataFrame:
        """Return the rows that were requested and have no output, with their errors.

        These are the rows whose status is "failed", "canceled", "lost" or "pending"; in a chain,
        also those that were skipped since an earlier step failed. A row that succeeded, and whose
        output you removed from the table, is not one of them.
        """
        from pruna_nb.frames.retry import failed

        problems = Problems()
        begin = read_prefix(prefix, problems)
        problems.check()
        return failed(self._frame, begin)

    def retry(
        self,
        prompt_col: Hashable | None = None,
        *,
        model: str | None = None,
        prompt: str | None = None,
        samples: int = 1,
        cache: CacheMode = "use",
        on_lost: OnLost = "report",
        max_cost_usd: Amount | None = None,
        progress: bool = True,
        timeout: Seconds | None = None,
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
        prefix : str
            The prefix of the result columns.
        **fields
            As passed to `generate`, where they are needed.

        Returns
        -------
        DataFrame
            A new frame of the same rows, with their new results.
        """
        from pruna_nb.frames.retry import retry

        problems = Problems()
        options = read_options(
            problems,
            cache=cache,
            on_lost=on_lost,
            max_cost_usd=max_cost_usd,
            progress=progress,
            timeout=timeout,
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
                unchecked=anyhow,
                prefix=begin,
                fields=fields,
            )
        return retry(self._frame, call, options, problems, prefix=begin)

    def to_zip(
        self,
        path: str | Path,
        image_col: str = "output",
        *,
        caption_col: str | None = None,
        start_col: str | list[str] | None = None,
    ) -> Path:
        """Write images and captions into a zip archive for the trainers.

        Parameters
        ----------
        path : path
            The archive; an existing file is replaced.
        image_col : str
            The column of images, by default "output": paths, bytes, PIL images, numpy arrays
            or data URIs. Rows without one are skipped.
        caption_col : str, optional
            The column of captions. Without them the trainer needs ``default_caption=``.
        start_col : str or list of str, optional
            For p-image-edit-trainer: the column (or columns) of images before the edit;
            `image_col` holds those after it.

        Returns
        -------
        Path
            The archive: ``0001.jpg`` and ``0001.txt``, or ``0001_start.jpg``, ``0001_end.jpg``
            and ``0001.txt``. Equal images and captions give equal bytes.

        Raises
        ------
        InputError
            If a row's image cannot be read; all of them, by label.
        TooLargeError
            If it would be larger than the 100 MB that the service accepts.

        Examples
        --------
        >>> import pandas as pd
        >>> import pruna_nb
        >>> df = pd.DataFrame({"prompt": ["a tok lighthouse", "a tok fox"]})
        >>> out = df.pruna.generate("prompt", progress=False)
        >>> out.pruna.to_zip("photos.zip", caption_col="prompt").name
        'photos.zip'
        """
        from pruna_nb.frames.training import write_training_zip

        return write_training_zip(
            self._frame, path, image_col=image_col, caption_col=caption_col, start_col=start_col
        )

    def explore(
        self,
        prompt_col: Hashable | None = None,
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
            The model that the form starts with.
        prompt : str, optional
            In place of `prompt_col`: a template over the row's columns.
        max_cost_usd : float, optional
            Refuse a click that would cost more.
        unchecked : bool
            Accept a model that the catalogue does not know.
        **fields
            A starting value of any field of the model, or a column
            (``images_col="photo"``); see `pruna_nb.explore`.

        Returns
        -------
        Form
            Its ``frame`` has the chosen rows, with their labels; ``selected`` those whose
            images are selected, so that ``df.loc[form.selected.index]`` gives the rows.
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

    def grid(
        self,
        *,
        columns: int | None = None,
        caption_col: str | None = None,
        rows: str | Sequence[str] | None = None,
        cols: str | Sequence[str] | None = None,
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
            Images side by side; by default as many as fit.
        caption_col : str, optional
            The column of captions; by default they say what differs among the requests and is on
            no axis, and a line above the grid says what all share.
        rows, cols : str or list of str, optional
            The grid's axes: a column, an index level (such as "sample"), any field of the
            requests (such as "aspect_ratio"), or "model". A list nests them: ``rows=["prompt",
            "seed"]`` gives each prompt a sub-row for each seed.
        size : int
            Side of the box that each image fits into, in pixels.
        max_bytes : int, optional
            Size limit of the grid in the notebook's file; images are made smaller to fit, and a
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
            back, ``save("grid.html")`` a page with zoom, a filter, and axes that can be changed.

        Raises
        ------
        ColumnError
            If an axis is neither a column, nor an index level, nor a field of the requests.
        InputError
            If a name is on an axis twice, or on both.

        Examples
        --------
        >>> import itertools, pandas as pd, pruna_nb
        >>> each = itertools.product(["a fox", "an owl"], [1, 2], ["1:1", "16:9"])
        >>> df = pd.DataFrame(each, columns=["prompt", "seed", "shape"])
        >>> fields = {"seed_col": "seed", "aspect_ratio_col": "shape"}
        >>> out = df.pruna.generate("prompt", **fields, progress=False)
        >>> out.pruna.grid(rows=["prompt", "seed"], cols="aspect_ratio")
        <Grid: 8 pictures>
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

    def save(
        self,
        folder: str | os.PathLike[str],
        *,
        name: str | None = None,
        format: str | None = None,  # noqa: A002 - the word of Pillow and matplotlib
        layout: Layout = "plain",
        provenance: bool = True,
        output_col: str = "output",
    ) -> pd.DataFrame:
        """Save the outputs as files of your own, named by the row.

        Parameters
        ----------
        folder : path
            Created where it is missing.
        name : str, optional
            A template over the row's columns, index levels and the fields that were sent, such as
            ``"{sku}-{aspect_ratio}-{seed}"``; ``{row}`` is the row's number. A slash begins a
            folder: ``"{category}/{sku}"``. Default: the row's number and the prompt's first words.
            What a file name cannot hold becomes "_"; a name that is taken gets a number.
        format : {"png", "jpg", "webp"}, optional
            What pictures are converted to; None: as they are. Videos stay as they are.
        layout : {"plain", "imagefolder"}
            "imagefolder" writes a ``metadata.jsonl`` with the frame's columns beside the files, as
            Hugging Face's ``datasets.load_dataset("imagefolder", data_dir=...)`` reads it.
        provenance : bool
            Whether each file carries its request: model, input without secrets, prediction id,
            time, version. Pixels and frames stay the same; `pruna_nb.provenance` reads it back.
            Without it, files that need no conversion are hard links where the disk allows them.
        output_col : str
            The column of outputs.

        Returns
        -------
        DataFrame
            A new frame with the column "file": the path of each row's file, None where there is
            no output. The same call again finds its files and writes no second copy; a file of
            another content is never overwritten.

        Raises
        ------
        InputError, ColumnError, SettingsError
            If an argument is wrong; nothing is written then.
        OSError
            If the folder cannot be written.

        Examples
        --------
        >>> import pandas as pd
        >>> import pruna_nb
        >>> df = pd.DataFrame({"prompt": ["a lion", "a fox"], "sku": ["L-1", "F/2"]})
        >>> out = df.pruna.generate("prompt", aspect_ratio="1:1", progress=False)
        >>> saved = out.pruna.save("shop", name="{sku}-{aspect_ratio}")
        Saved 2 files in shop.
        >>> [file[5:] for file in saved["file"]]
        ['L-1-1_1.jpg', 'F_2-1_1.jpg']
        """
        from pruna_nb.frames.saving import save_frame

        return save_frame(
            self._frame,
            folder,
            name=name,
            format=format,
            layout=layout,
            provenance=provenance,
            output_col=output_col,
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
            Side of the box that each image fits into, in pixels.
        max_bytes : int, optional
            Size limit of the table in the notebook's file. None: no limit.
        output_col : str
            The columns whose names end with this are shown as images.
        """
        from pruna_nb.frames.grids import frame_table

        return frame_table(
            self._frame, columns=columns, size=size, max_bytes=max_bytes, output_col=output_col
        )


class PrunaSeries:
    """What can be done with a Series of prompts; ``df["prompt"].pruna``."""

    def __init__(self, series: pd.Series[Any]) -> None:
        self._name = "prompt" if series.name is None else series.name
        self._frame = series.to_frame(self._name)

    def __getattr__(self, name: str) -> Any:
        """Raise an error that names the verbs: this is asked only for what is not there."""
        raise _no_verb("series.pruna", self, name)

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

    @with_fields("p-image", others=True)
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
        """Generate an output for each prompt; the arguments are those of ``df.pruna.generate``.

        Returns
        -------
        DataFrame
            The prompts and the result columns, with the Series' index; with
            ``background=True`` a `BackgroundRun`.
        """
        problems = Problems()
        call = read_call(
            model,
            problems,
            prompt_col=self._name,
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
        return _run(self._frame, call, options, problems)

    @with_fields("p-image", others=True)
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
        """Return what `generate` would run and cost with the same arguments; send nothing."""
        return PrunaFrame(self._frame).estimate(
            self._name,
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

    def explore(
        self,
        *,
        model: str = "p-image",
        max_cost_usd: Amount | None = None,
        unchecked: bool = False,
        **fields: Any,
    ) -> Form:
        """Try some of the prompts in a form; the arguments are those of ``df.pruna.explore``."""
        return PrunaFrame(self._frame).explore(
            self._name, model=model, max_cost_usd=max_cost_usd, unchecked=unchecked, **fields
        )


def _no_verb(subject: str, accessor: object, name: str) -> AttributeError:
    """Return the error for a verb that is not there, with the near names and all that are."""
    if name.startswith("_"):  # what Python and IPython ask each object for
        return AttributeError(name)
    verbs = [verb for verb in dir(type(accessor)) if not verb.startswith("_")]
    meant = did_you_mean(near_names(name, verbs))
    if not meant and name in dir(PrunaFrame):
        meant = f" It is of a frame: series.to_frame().pruna.{name}."
    msg = f"{subject} has no {name!r}.{meant} It has: {', '.join(verbs)}."
    # With an `obj`, Python would add a second "Did you mean".
    error = AttributeError(msg, name=name, obj=None)
    tracebacks.shorten(error)
    return error


def _run(
    frame: pd.DataFrame,
    call: Call,
    options: RunOptions,
    problems: Problems,
    *,
    keep: Collection[str] = (),
) -> pd.DataFrame | BackgroundRun:
    """Run a call to its end, or start it in the background, as its options say."""
    if options.background:
        from pruna_nb.frames.background import generate_in_background

        return generate_in_background(frame, call, options, problems, keep=keep)
    from pruna_nb.frames.generate import generate

    return generate(frame, call, options, problems, keep=keep)


def register() -> None:
    """Register ``df.pruna`` and ``series.pruna`` with pandas."""
    pd.api.extensions.register_dataframe_accessor("pruna")(PrunaFrame)
    pd.api.extensions.register_series_accessor("pruna")(PrunaSeries)
