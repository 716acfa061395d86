"""Edit, upscale, animate, finalize: thin names over the one way that all models go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pruna_nb.catalog import find_model
from pruna_nb.errors import InputError
from pruna_nb.frames.call import HOW, read_call
from pruna_nb.frames.columns import column

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import pandas as pd

    from pruna_nb.catalog import Model
    from pruna_nb.frames.call import Call

_OUTPUT = "output"
_OPTIONS = ("prompt", "samples", "unchecked", "prefix")


class MediaVerbs:
    """The verbs of ``df.pruna`` that start from pictures and videos."""

    _frame: pd.DataFrame

    if TYPE_CHECKING:

        def _run(
            self, call: Call, frame: pd.DataFrame | None = None, **how: Any
        ) -> pd.DataFrame: ...

    def edit(
        self,
        prompt_col: str | None = None,
        images_col: str | list[str] | None = None,
        *,
        model: str = "p-image-edit",
        **arguments: Any,
    ) -> pd.DataFrame:
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
        **arguments
            As for `generate`; such as ``reference_image=2``, the picture whose look and size
            lead, ``aspect_ratio="1:1"``, ``seed_col="seed"``, ``samples=4``, ``cache="off"``.

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
        call = self._call(model, "edit", prompt_col, images_col, arguments)
        return self._run(call, **arguments)

    def upscale(
        self,
        image_col: str | None = None,
        *,
        target: int | None = 4,
        model: str = "p-image-upscale",
        **arguments: Any,
    ) -> pd.DataFrame:
        """Make pictures larger.

        Parameters
        ----------
        image_col : str, optional
            The column of pictures, by default "output", that of the step before.
        target : int
            How large: 1 to 8 megapixels. Or ``target_col=``, a column.
        model : str
            Default "p-image-upscale".
        **arguments
            As for `generate`; such as ``enhance_details=True``, ``output_format="png"``.

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
        if "target_col" not in arguments:
            arguments["target"] = target
        call = self._call(model, "upscale", None, image_col, arguments)
        return self._run(call, **arguments)

    def animate(
        self,
        image_col: str | None = None,
        prompt_col: str | None = None,
        *,
        model: str = "p-video",
        **arguments: Any,
    ) -> pd.DataFrame:
        """Make a video that begins with a picture.

        Parameters
        ----------
        image_col : str, optional
            The column of pictures, by default "output", that of the step before.
        prompt_col : str, optional
            The column of prompts that say what moves; or ``prompt=``, a template.
        model : str
            p-video (default), or any other that makes a video of a picture, such as wan-i2v.
        **arguments
            As for `generate`; such as ``duration=5`` (seconds), ``resolution="1080p"``,
            ``draft=True`` for a cheap first pass, which `finalize` then makes in full.

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
        call = self._call(model, "animate", prompt_col, image_col, arguments)
        return self._run(call, **arguments)

    def finalize(
        self,
        rows: Iterable[Any] | None = None,
        *,
        prefix: str = "",
        **arguments: Any,
    ) -> pd.DataFrame:
        """Make the final videos of drafts: the same requests, the same seeds, in full quality.

        Parameters
        ----------
        rows : iterable, optional
            Which: a mask of True and False, or labels of the index; by default all whose draft
            is there. ``drafts[drafts["good"]].pruna.finalize()`` does the same.
        prefix : str
            That of the drafts' columns.
        **arguments
            Changes to the drafts' request, such as ``resolution="1080p"``; and the options of
            `generate`: ``max_cost_usd``, ``cache``, ``on_lost``, ``progress``, ``timeout``.
            If the frame does not say how its drafts were made, as after reading it from CSV,
            all arguments that made them are needed, ``prompt_col=`` and ``model=`` too.

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
        from pruna_nb.frames.final import chosen, final_call

        how = _take(arguments, HOW)
        frame = chosen(self._frame, rows, prefix)
        call = final_call(frame, prefix, arguments)
        return self._run(call, frame, keep=[prefix + _OUTPUT], **how)

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

    def _call(
        self,
        model: str,
        verb: str,
        prompt_col: str | None,
        media_col: str | list[str] | None,
        arguments: dict[str, Any],
    ) -> Call:
        """Read a verb's call, and take what is the call's out of the arguments."""
        known = find_model(model, unchecked=bool(arguments.get("unchecked")))
        lead = _lead_field(known, verb)
        options = _take(arguments, _OPTIONS)
        fields = {name: arguments.pop(name) for name in list(arguments) if name not in HOW}
        if media_col is not None:
            fields[f"{lead}_col"] = media_col
        elif fields.get(lead) is None and fields.get(f"{lead}_col") is None:
            column(self._frame, _OUTPUT, f"{lead}_col (by default)")
            fields[f"{lead}_col"] = _OUTPUT
        return read_call(model, prompt_col=prompt_col, needs=(lead,), fields=fields, **options)


def _take(arguments: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: arguments.pop(name) for name in names if name in arguments}


def _lead_field(model: Model, verb: str) -> str:
    """Name the field for the pictures that a verb starts from."""
    if not model.known:
        return "images" if verb == "edit" else "image"
    pictures = [each for each in model.media_fields if "image" in each.media]
    wanted = {"edit": ("images", "image"), "upscale": ("image",), "animate": ("image",)}[verb]
    found = [name for name in wanted if any(each.name == name for each in pictures)]
    fits = not found or _fits(model, verb)
    if not found or not fits:
        msg = (
            f"{verb}() does not suit {model.name} ({model.task}). "
            f'df.pruna.generate(model="{model.name}", ...) takes any model.'
        )
        raise InputError(msg)
    return found[0]


def _fits(model: Model, verb: str) -> bool:
    if verb == "animate":
        return model.output == "video"
    return model.output == "image" and ("prompt" in model.fields) == (verb == "edit")
