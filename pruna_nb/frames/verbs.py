"""Edit, upscale, animate: thin names over the one way that all models go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

from pruna_nb.arguments import Problems
from pruna_nb.frames.verb import Verbs

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    import pandas as pd

    from pruna_nb.arguments import Amount, Seconds
    from pruna_nb.batch.options import OnLost
    from pruna_nb.frames.background import BackgroundRun
    from pruna_nb.store.cache import CacheMode


class MediaVerbs(Verbs):
    """The verbs of ``df.pruna`` that start from pictures."""

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
        """Edit pictures as a prompt says.

        Parameters
        ----------
        prompt_col : str, optional
            The column of prompts; or ``prompt=``, a template over the row's columns.
        images_col : str or list of str, optional
            The column of pictures, by default "output", that of the step before: paths, bytes,
            PIL images, numpy arrays, data URIs, http(s) addresses, or lists of them. Several
            columns give each row's pictures in their order.
        model : str
            p-image-edit (1 to 5 pictures; default), p-image-edit-lora, qwen-image-edit-plus,
            or any other model that takes a prompt and pictures.
        prompt, samples, unchecked, prefix
            As for `generate`.
        cache, on_lost, max_cost_usd, progress, timeout, background
            As for `generate`.
        **fields
            Any field of the model, as for `generate`; such as ``reference_image=2``, the picture
            whose look and size lead, ``aspect_ratio="1:1"``, ``seed_col="seed"``.

        Returns
        -------
        DataFrame
            As `generate` gives it. What went in stays, as ``step1_output``, ``step2_output``
            and so on. A row without a picture is skipped, and says which step failed.

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
        call = self._call(
            "edit",
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
        """Make pictures larger.

        Parameters
        ----------
        image_col : str, optional
            The column of pictures, by default "output", that of the step before.
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
            As `generate` gives it; what went in stays, as ``step1_output`` and so on.

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
        if "target_col" not in fields:
            fields["target"] = target
        problems = Problems()
        call = self._call(
            "upscale",
            model,
            image_col,
            problems,
            prompt_col=None,
            prompt=None,
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
        """Make a video that begins with a picture.

        Parameters
        ----------
        image_col : str, optional
            The column of pictures, by default "output", that of the step before.
        prompt_col : str, optional
            The column of prompts that say what moves; or ``prompt=``, a template.
        model : str
            p-video (default), or any other that makes a video of a picture, such as wan-i2v.
        prompt, samples, unchecked, prefix
            As for `generate`.
        cache, on_lost, max_cost_usd, progress, timeout, background
            As for `generate`.
        **fields
            Any field of the model, as for `generate`; such as ``duration=5`` (seconds),
            ``resolution="1080p"``, ``draft=True`` for a cheap first pass, which `finalize` then
            makes in full.

        Returns
        -------
        DataFrame
            As `generate` gives it; what went in stays, as ``step1_output`` and so on. A row
            without a picture is skipped.

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
        call = self._call(
            "animate",
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
