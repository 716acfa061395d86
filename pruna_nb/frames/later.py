"""What comes after a run: its failures, the same again, finals of drafts, archives for trainers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

from pruna_nb.arguments import Problems, switch, whole
from pruna_nb.batch.options import read_options
from pruna_nb.frames.call import nothing, read_call, read_prefix
from pruna_nb.frames.verb import Verbs

if TYPE_CHECKING:
    from collections.abc import Hashable
    from pathlib import Path

    import pandas as pd

    from pruna_nb.arguments import Amount, Seconds
    from pruna_nb.batch.options import OnLost
    from pruna_nb.frames.background import BackgroundRun
    from pruna_nb.store.cache import CacheMode

_OUTPUT = "output"


class LaterVerbs(Verbs):
    """The verbs of ``df.pruna`` that go on from a run's results."""

    def failed(self, *, prefix: str = "") -> pd.DataFrame:
        """Return the rows that were asked for and have no output, with their errors.

        These are the rows whose status is "failed", "canceled", "lost" or "pending"; in a chain,
        also those that were skipped since an earlier step failed. A row that succeeded, and whose
        output you took out of the table, is none of them.
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
        """Run the rows again that failed, were lost or are pending; the others stay.

        Without arguments, a row is asked for again as it was, by the record of its prediction's
        id: whatever its cells say by now, and whatever was done to the frame since (a merge, a
        concat of several models, CSV). A row that got no id, or whose files are not in the cache,
        is asked for by the call that the frame's attrs tell, with its cells as they are.
        In a chain, a row goes on from the step that failed, with all steps after it.

        Parameters
        ----------
        prompt_col : str, optional
            As given to `generate`: asks for what the cells say now. Needed where neither the
            record nor the frame tells what was asked for; then all arguments of `generate` are.
        model, prompt, samples, unchecked
            As given to `generate`, where they are needed.
        cache, on_lost, max_cost_usd, progress, timeout
            As for `generate`.
        prefix : str
            That of the results' columns.
        **fields
            As given to `generate`, where they are needed.

        Returns
        -------
        DataFrame
            A new frame, the same rows, with what they have now.
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
        asked = (prompt_col, model, prompt, *fields)
        many = problems.read(whole, "samples", samples, instead=1)
        anyhow = problems.read(switch, "unchecked", unchecked, instead=False)
        call = None
        if any(each is not None for each in asked) or many != 1 or anyhow:
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
        """Make the final videos of drafts: the same requests, the same seeds, in full quality.

        Parameters
        ----------
        rows : mask, labels, slice or callable, optional
            Which, as ``drafts.loc[rows]`` takes them: a Series of booleans is aligned by its
            labels, and a missing value in it is False. By default all. Drafts that failed are
            left out and not paid for. ``drafts[mask].pruna.finalize()`` does the same as
            ``drafts.pruna.finalize(mask)``.
        prefix : str
            That of the drafts' columns.
        cache, on_lost, max_cost_usd, progress, timeout, background
            As for `generate`.
        **changes
            Changes to the drafts' request, such as ``resolution="1080p"``. If the frame does not
            say how its drafts were made, as after reading it from CSV, all arguments that made
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
        frame = problems.read(chosen, self._frame, rows, begin, instead=self._frame.head(0))
        call = problems.read(final_call, frame, begin, changes, problems, instead=nothing(begin))
        return self._run(
            call,
            problems,
            frame,
            keep=[begin + _OUTPUT],
            cache=cache,
            on_lost=on_lost,
            max_cost_usd=max_cost_usd,
            progress=progress,
            timeout=timeout,
            background=background,
        )

    def to_zip(
        self,
        path: str | Path,
        image_col: str = _OUTPUT,
        *,
        caption_col: str | None = None,
        start_col: str | list[str] | None = None,
    ) -> Path:
        """Write pictures and captions into a zip archive for the trainers.

        Parameters
        ----------
        path : path
            The archive, which is replaced if it is there.
        image_col : str
            The column of pictures, by default "output": paths, bytes, PIL images, numpy arrays
            or data URIs. Rows without one are left out.
        caption_col : str, optional
            The column of captions. Without them the trainer needs ``default_caption=``.
        start_col : str or list of str, optional
            For p-image-edit-trainer: the column (or columns) of pictures before the edit;
            `image_col` holds those after it.

        Returns
        -------
        Path
            The archive: ``0001.jpg`` and ``0001.txt``, or ``0001_start.jpg``, ``0001_end.jpg``
            and ``0001.txt``. Equal pictures and captions give equal bytes.

        Raises
        ------
        InputError
            If a row's picture cannot be read; all of them, by label.
        TooLargeError
            If it would be larger than the 100 MB that the service takes.

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
