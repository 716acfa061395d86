"""One call, one output: a batch of one row, cached and journaled like any. A list is a batch."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from pruna_nb import arguments, errors
from pruna_nb.api.client import checked
from pruna_nb.api.replies import Prediction
from pruna_nb.arguments import Problems, choice, switch, text, whole
from pruna_nb.batch.first_seed import share_first_seed
from pruna_nb.batch.options import OPTION_NAMES, read_options, unknown_name
from pruna_nb.batch.plan import Request, make_plan
from pruna_nb.catalog import SWEEP_HOWS, is_ranges, read_model
from pruna_nb.catalog.field_docs import with_fields
from pruna_nb.files.export import read_format, record_of, write_output
from pruna_nb.redact import MASK
from pruna_nb.settings import current
from pruna_nb.store.keys import masked, request_key
from pruna_nb.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd
    from PIL import Image

    from pruna_nb.arguments import Amount, Seconds, Tags
    from pruna_nb.batch.options import OnLost, RunOptions
    from pruna_nb.catalog import SweepHow
    from pruna_nb.frames.background import BackgroundRun
    from pruna_nb.store.cache import CacheMode

_OPTIONS = ("model", "prompt", "unchecked", "samples", "sweep", "prefix", *OPTION_NAMES)


@dataclass(frozen=True)
class Output:
    """An output on disk; shows itself in a notebook.

    Attributes
    ----------
    path : Path
        The file, in the cache folder.
    prediction : Prediction
        Its model, input, id and status.
    cached : bool
        Whether it was there already, at no cost.
    seconds : float
        From sending to the file on disk; 0 if it was there.
    cost_usd : float
        What the call cost; NaN if the price is not published.
    """

    path: Path
    prediction: Prediction
    cached: bool
    seconds: float
    cost_usd: float
    ratio_asked: str | None = field(default=None, repr=False)

    @property
    def image(self) -> Image.Image:
        """The image, opened with Pillow.

        Raises
        ------
        InputError
            If the output is not an image.
        """
        from PIL import Image, UnidentifiedImageError

        try:
            with Image.open(self.path) as picture:
                picture.load()  # the file is closed again, and may be moved
                return picture
        except UnidentifiedImageError:
            msg = f"{self.path.name} is not an image; the file is at .path."
            raise errors.InputError(msg) from None

    def save(self, path: str | os.PathLike[str], *, provenance: bool = True) -> Path:
        """Save the output as a file of your own.

        Parameters
        ----------
        path : path
            The file. A picture is converted where the suffix (``.png``, ``.jpg``, ``.webp``) is
            of another format; a path without a suffix gets the output's own. An existing file is
            replaced.
        provenance : bool
            Whether the file carries its request (model, input without secrets, prediction id,
            time, version), which `pruna_nb.provenance` reads back. Its pixels stay the same.

        Returns
        -------
        Path
            The file written.

        Raises
        ------
        InputError
            If the suffix is neither the output's own nor a format of pictures.
        OSError
            If the file cannot be written.
        """
        problems = arguments.Problems()
        target = problems.read(arguments.path, "path", path, instead=Path())
        carry = problems.read(switch, "provenance", provenance, instead=True)
        problems.check("This output cannot be saved")
        if target.is_dir():
            target /= self.path.stem
        own = self.path.suffix
        target = target if target.suffix else target.with_name(f"{target.name}{own}")
        # Two names of one format: no picture is encoded anew for them.
        suffix = target.suffix.lower().replace(".jpeg", ".jpg")
        other = None if suffix == own else read_format(suffix)
        request = {
            "model": self.prediction.model,
            # A masked secret is no value that the request could be run again with.
            "input": {
                name: value for name, value in self.prediction.input.items() if value != MASK
            },
            "prediction_id": self.prediction.id,
        }
        record = record_of(self.path, request) if carry else None
        target.parent.mkdir(parents=True, exist_ok=True)
        # Written beside it and moved there: a file that is replaced stays whole if this fails.
        part = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            write_output(self.path, part, other, record)
            return part.replace(target)
        finally:
            part.unlink(missing_ok=True)

    def __fspath__(self) -> str:
        """Return the file's path, so that `open` and the like accept the output itself."""
        return str(self.path)

    def _repr_html_(self) -> str:
        from pruna_nb.show import picture_html

        prompt = self.prediction.input.get("prompt")
        text = prompt if isinstance(prompt, str) else ""
        seed = self.prediction.input.get("seed")
        alt = ", ".join(part for part in (text, f"seed {seed}" if seed is not None else "") if part)
        return picture_html(
            self.path,
            alt=alt,
            caption=text,
            ratio_asked=self.ratio_asked,
            thumbs_dir=current().thumbs_dir,
        )


@overload
def generate(
    prompt: str | None = None,
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
) -> Output: ...


@overload
def generate(
    prompt: Iterable[str | None],
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
    prompt: Iterable[str | None],
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
    prompt: str | Iterable[str | None] | None = None,
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
) -> Output | pd.DataFrame | BackgroundRun:
    """Make one output; of a list of prompts, or of other values, a frame with one for each.

    Parameters
    ----------
    prompt : str or list of str, optional
        What to make, for the models that take it. A list, a Series or an array of prompts is a
        batch: a row for each, as ``df.pruna.generate`` makes it.
    model : str or list of str
        Any model of `pruna_nb.models`; default "p-image".
    cache : {"use", "refresh", "off"}
        "use" takes an output that is in the cache; "refresh" generates it again and stores it;
        "off" generates it again and does not store it for later calls.
    on_lost : {"report", "resend"}
        What to do if the answer was lost: the prediction may have been charged.
    max_cost_usd : float, optional
        Refuse to start if it would cost more.
    timeout : float, optional
        Seconds that the prediction may take.
    tag : str or list of str, optional
        What it is for, such as "logo": `pruna_nb.history` and `pruna_nb.costs` find it by that.
    unchecked : bool
        Send fields that the catalogue does not know.
    samples, sweep, progress, prefix, background
        Of a list, as for ``df.pruna.generate``.
    **fields
        Any field of the model. A list for one that takes one value, such as ``seed=[1, 2]``, makes
        a frame with a row for each, as ``df.pruna.generate`` does. One that takes a file takes a
        path, bytes, a PIL image, a numpy array, a data URI, an http(s) address or an `Output`.

    Returns
    -------
    Output
        With ``path``, ``image`` (PIL) and ``prediction``. Of a list, a DataFrame with
        the prompts and the result columns of ``df.pruna.generate``, or a `BackgroundRun`.

    Raises
    ------
    InputError
        If the model does not take the input; nothing was sent.
    ApiError
        If the prediction failed, or its answer was lost.

    Examples
    --------
    >>> import pruna_nb
    >>> output = pruna_nb.generate("a lion", aspect_ratio="16:9")
    >>> output.path.suffix, output.prediction.status
    ('.jpg', 'succeeded')
    >>> pruna_nb.generate(["a lion", "a fox"], progress=False)["prompt"].tolist()
    ['a lion', 'a fox']
    >>> pruna_nb.generate("a lion", seed=[1, 2], progress=False).index.names
    FrozenList([None, 'seed'])
    """
    batch: dict[str, Any] = {"samples": samples, "prefix": prefix, "background": background}
    # pandas is not loaded for one output of plain values.
    plain = (str, int, float, bytes, os.PathLike, Output, type(None))
    are_plain = all(isinstance(value, plain) for value in (prompt, model, *fields.values()))
    if not are_plain or any(is_ranges(name, value) for name, value in fields.items()):
        from pruna_nb.frames.prompts import generate_prompts, is_batch

        if is_batch(prompt, model, fields):
            return generate_prompts(
                prompt,
                model=model,
                sweep=sweep,
                cache=cache,
                on_lost=on_lost,
                max_cost_usd=max_cost_usd,
                progress=progress,
                timeout=timeout,
                tag=tag,
                unchecked=unchecked,
                **batch,
                **fields,
            )
    problems = Problems()
    if type(prompt).__name__ == "DataFrame":
        msg = "prompt= is a frame. For a row of each: df.pruna.generate(prompt_col), on that frame."
        problems.add(errors.InputError(msg))
        prompt = ""
    problems.read(switch, "progress", progress, instead=True)  # one output has no bar
    problems.read(choice, "sweep", sweep, SWEEP_HOWS, instead="cross")
    named = "" if batch["prefix"] is None else prefix  # as lists have it: None is no prefix
    is_given = {
        "samples": problems.read(whole, "samples", samples, instead=1) != 1,
        "prefix": problems.read(text, "prefix", named, instead="") != "",
        "background": problems.read(switch, "background", background, instead=False),
    }
    for name in filter(is_given.get, is_given):
        call = f"pruna_nb.generate([prompt], {name}={shown(batch[name])})"
        problems.add(errors.InputError(f"{name}= is of a list of prompts: {call}."))
    anyhow = problems.read(switch, "unchecked", unchecked, instead=False)
    options = read_options(
        problems, cache=cache, on_lost=on_lost, max_cost_usd=max_cost_usd, timeout=timeout, tag=tag
    )
    return _one(prompt, model, options, problems, fields, anyhow=anyhow)


def _one(
    prompt: object,
    model: object,
    options: RunOptions,
    problems: Problems,
    fields: dict[str, Any],
    *,
    anyhow: bool,
) -> Output:
    from pruna_nb.batch import progress
    from pruna_nb.batch.run import Run

    known = read_model(model, problems, unchecked=anyhow)
    asked = fields if prompt is None else {"prompt": prompt, **fields}
    if not anyhow:
        for name in [name for name in fields if name not in known.fields]:
            # Told here, since it may be an option that is misspelt; the input's check knows fields.
            if (told := unknown_name(known, name, _OPTIONS)) is not None:
                problems.add(errors.InputError(told))
                del asked[name]
    given: dict[str, Any] = problems.read(checked, known, asked, instead={})
    problems.check()
    settings = current()
    request = Request(request_key(settings.service, known, given), given)
    plan = make_plan(known, [request], settings, options.cache)
    plan = share_first_seed(plan, settings, options.cache)
    given = plan.requests[0].input or given
    # Not with the header Try-Sync: its answer comes at the end and without an id, so that a process
    # which is killed meanwhile could not fetch what it paid for.
    run = Run(plan, settings, options)
    run.budget.check(plan)  # before the run begins, so that nothing is sent above the limit
    progress.wait(run, progress=False)
    error = run.crash or run.error
    if error is not None:
        raise error
    (outcome,) = run.row_outcomes()
    if outcome.output is None:
        raise outcome.cause or errors.PrunaError(f"{outcome.status}: {outcome.error}")
    ratio = given.get("aspect_ratio")
    return Output(
        Path(outcome.output),
        Prediction(known.name, masked(known, given), outcome.prediction_id, "succeeded"),
        outcome.cached,
        outcome.seconds,
        outcome.cost_usd,
        ratio if isinstance(ratio, str) else None,
    )
