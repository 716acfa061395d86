"""Videos from pictures, and finals from drafts of videos: animate, finalize."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

from pruna_nb.accessor.awaited import awaited
from pruna_nb.accessor.base import FrameVerbs, run
from pruna_nb.arguments import Problems
from pruna_nb.batch.options import read_options
from pruna_nb.catalog.field_docs import with_fields

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    import pandas as pd

    from pruna_nb.arguments import Amount, Seconds, Tags
    from pruna_nb.batch.options import OnLost
    from pruna_nb.catalog import SweepHow
    from pruna_nb.frames.background import BackgroundRun
    from pruna_nb.store.cache import CacheMode


class VideoVerbs(FrameVerbs):
    """The verbs that make videos out of pictures and of drafts."""

    @overload
    def animate(
        self,
        prompt_col: Hashable | None = None,
        image_col: Hashable | None = None,
        *,
        model: str | Sequence[str] = "p-video",
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
    def animate(
        self,
        prompt_col: Hashable | None = None,
        image_col: Hashable | None = None,
        *,
        model: str | Sequence[str] = "p-video",
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

    @with_fields("p-video")
    def animate(
        self,
        prompt_col: Hashable | None = None,
        image_col: Hashable | None = None,
        *,
        model: str | Sequence[str] = "p-video",
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
        """Generate a video that begins with an image.

        Parameters
        ----------
        prompt_col : str, optional
            The column of prompts that describe what moves; or ``prompt=``, a template.
        image_col : str, optional
            The column of images, by default "output", that of the step before.
        model : str
            p-video (default), or any other that makes a video from an image, such as wan-i2v.
        prompt, samples, unchecked, prefix
            As for `generate`.
        cache, on_lost, max_cost_usd, progress, timeout, tag, background
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
        >>> video = out.pruna.animate("motion", "output", duration=1, progress=False)
        >>> video["cost_usd"].tolist()
        [0.02]
        """
        from pruna_nb.frames.pictures import read_media_call

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

    aanimate = awaited(animate, 'out.pruna.aanimate(prompt="it flies away", progress=False)')

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
        tag: Tags | None = None,
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
        tag: Tags | None = None,
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
        tag: Tags | None = None,
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
        cache, on_lost, max_cost_usd, progress, timeout, tag, background
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
        from pruna_nb.frames.call import nothing, read_prefix
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
            tag=tag,
            background=background,
        )
        return run(drafts, call, options, problems, keep=[begin + "output"])
