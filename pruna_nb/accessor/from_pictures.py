"""Pictures from pictures: edit, upscale."""

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


class PictureVerbs(FrameVerbs):
    """The verbs that make pictures out of pictures."""

    @overload
    def edit(
        self,
        prompt_col: Hashable | None = None,
        images_col: Hashable | Sequence[Hashable] | None = None,
        *,
        model: str | Sequence[str] = "p-image-edit",
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
    def edit(
        self,
        prompt_col: Hashable | None = None,
        images_col: Hashable | Sequence[Hashable] | None = None,
        *,
        model: str | Sequence[str] = "p-image-edit",
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

    @with_fields("p-image-edit")
    def edit(
        self,
        prompt_col: Hashable | None = None,
        images_col: Hashable | Sequence[Hashable] | None = None,
        *,
        model: str | Sequence[str] = "p-image-edit",
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
        cache, on_lost, max_cost_usd, progress, timeout, tag, background
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
        from pruna_nb.frames.pictures import read_media_call

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

    aedit = awaited(edit, 'out.pruna.aedit(prompt="make it night", progress=False)')

    @overload
    def upscale(
        self,
        image_col: Hashable | None = None,
        *,
        target: int | None = 4,
        model: str | Sequence[str] = "p-image-upscale",
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
    def upscale(
        self,
        image_col: Hashable | None = None,
        *,
        target: int | None = 4,
        model: str | Sequence[str] = "p-image-upscale",
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

    @with_fields("p-image-upscale")
    def upscale(
        self,
        image_col: Hashable | None = None,
        *,
        target: int | None = 4,
        model: str | Sequence[str] = "p-image-upscale",
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
        cache, on_lost, max_cost_usd, progress, timeout, tag, background
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
        from pruna_nb.frames.pictures import read_media_call

        problems = Problems()
        call = read_media_call(
            "upscale",
            self._frame,
            model,
            image_col,
            problems,
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

    aupscale = awaited(upscale, "out.pruna.aupscale(target=2, progress=False)")
