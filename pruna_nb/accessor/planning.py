"""Chains as one run: ``df.pruna.plan()``, its steps, their price, and the run."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal, overload

from pruna_nb.accessor.awaited import awaited
from pruna_nb.accessor.base import FrameVerbs
from pruna_nb.arguments import Problems, lines_of
from pruna_nb.batch.options import read_options
from pruna_nb.catalog.field_docs import with_fields
from pruna_nb.errors import InputError, PrunaError
from pruna_nb.text import counted

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    import pandas as pd

    from pruna_nb.arguments import Amount, Seconds, Tags
    from pruna_nb.batch.options import OnLost
    from pruna_nb.catalog import SweepHow
    from pruna_nb.frames.background import BackgroundRun
    from pruna_nb.frames.call import Call
    from pruna_nb.frames.pipeline import ChainEstimate, StepRequest
    from pruna_nb.store.cache import CacheMode

# What is asked of the whole chain, so that a step takes it for no field.
_OF_ALL = ("max_cost_usd", "progress", "background")


class ChainVerbs(FrameVerbs):
    """The verb that plans several steps as one run."""

    def plan(self) -> ChainPlan:
        """Begin a chain of steps that run as one: each row goes on as soon as its picture is there.

        The steps have the verbs' names and arguments. Nothing is sent before `ChainPlan.run`.

        Returns
        -------
        ChainPlan
            With no step yet. Displayed, it shows its steps and their price.

        Examples
        --------
        >>> import pandas as pd
        >>> import pruna_nb
        >>> df = pd.DataFrame({"prompt": ["a lighthouse"], "change": ["make it night"]})
        >>> chain = df.pruna.plan().generate("prompt").edit("change").upscale(target=2)
        >>> chain.estimate().cost_usd
        0.025
        >>> out = chain.run(max_cost_usd=1, progress=False)
        >>> out[["step1_status", "step2_status", "status"]].values.tolist()
        [['succeeded', 'succeeded', 'succeeded']]
        """
        return ChainPlan(self._frame)


class ChainPlan:
    """Steps that run as one; from ``df.pruna.plan()``.

    Each step's method returns a new plan, so that one plan can go on in several ways. `run` returns
    the frame that the verbs would return, called one after the other.

    Parameters
    ----------
    frame : DataFrame
        What the first step works on.
    steps : sequence of StepRequest
        What was asked so far.
    """

    def __init__(self, frame: pd.DataFrame, steps: Sequence[StepRequest] = ()) -> None:
        self._frame, self._steps = frame, tuple(steps)

    @with_fields("p-image", others=True)
    def generate(
        self,
        prompt_col: Hashable | None = None,
        *,
        model: str | Sequence[str] = "p-image",
        prompt: str | Sequence[str] | None = None,
        samples: int = 1,
        sweep: SweepHow = "cross",
        cache: CacheMode | None = None,
        on_lost: OnLost | None = None,
        timeout: Seconds | None = None,
        tag: Tags | None = None,
        unchecked: bool = False,
        prefix: str = "",
        **fields: Any,
    ) -> ChainPlan:
        """Add a step that generates; arguments as for ``df.pruna.generate``.

        `cache`, `on_lost`, `timeout` and `tag` are those of `run` where they are not given.
        """
        return self._with(
            "generate",
            {"cache": cache, "on_lost": on_lost, "timeout": timeout, "tag": tag},
            prompt_col=prompt_col,
            model=model,
            prompt=prompt,
            samples=samples,
            sweep=sweep,
            unchecked=unchecked,
            prefix=prefix,
            fields=fields,
        )

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
        cache: CacheMode | None = None,
        on_lost: OnLost | None = None,
        timeout: Seconds | None = None,
        tag: Tags | None = None,
        unchecked: bool = False,
        prefix: str = "",
        **fields: Any,
    ) -> ChainPlan:
        """Add a step that edits images; arguments as for ``df.pruna.edit``, options as `generate`.

        Without `images_col`, it edits what the step before makes.
        """
        return self._with(
            "edit",
            {"cache": cache, "on_lost": on_lost, "timeout": timeout, "tag": tag},
            prompt_col=prompt_col,
            media_col=images_col,
            model=model,
            prompt=prompt,
            samples=samples,
            sweep=sweep,
            unchecked=unchecked,
            prefix=prefix,
            fields=fields,
        )

    @with_fields("p-image-upscale")
    def upscale(
        self,
        image_col: Hashable | None = None,
        *,
        target: int | None = 4,
        model: str | Sequence[str] = "p-image-upscale",
        samples: int = 1,
        sweep: SweepHow = "cross",
        cache: CacheMode | None = None,
        on_lost: OnLost | None = None,
        timeout: Seconds | None = None,
        tag: Tags | None = None,
        unchecked: bool = False,
        prefix: str = "",
        **fields: Any,
    ) -> ChainPlan:
        """Add a step that upscales images; arguments as for ``df.pruna.upscale``.

        Options as for `generate`. Without `image_col`, it upscales what the step before makes.
        """
        return self._with(
            "upscale",
            {"cache": cache, "on_lost": on_lost, "timeout": timeout, "tag": tag},
            media_col=image_col,
            model=model,
            samples=samples,
            sweep=sweep,
            unchecked=unchecked,
            prefix=prefix,
            fields=fields if "target_col" in fields else {**fields, "target": target},
        )

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
        cache: CacheMode | None = None,
        on_lost: OnLost | None = None,
        timeout: Seconds | None = None,
        tag: Tags | None = None,
        unchecked: bool = False,
        prefix: str = "",
        **fields: Any,
    ) -> ChainPlan:
        """Add a step that makes videos of images; arguments as for ``df.pruna.animate``.

        Options as for `generate`. Without `image_col`, it begins with what the step before makes.
        """
        return self._with(
            "animate",
            {"cache": cache, "on_lost": on_lost, "timeout": timeout, "tag": tag},
            prompt_col=prompt_col,
            media_col=image_col,
            model=model,
            prompt=prompt,
            samples=samples,
            sweep=sweep,
            unchecked=unchecked,
            prefix=prefix,
            fields=fields,
        )

    def estimate(
        self,
        *,
        cache: CacheMode = "use",
        on_lost: OnLost = "report",
        max_cost_usd: Amount | None = None,
        progress: bool = True,
        timeout: Seconds | None = None,
        tag: Tags | None = None,
        background: bool = False,
    ) -> ChainEstimate:
        """Return what `run` would send and cost, by step and in all; send nothing.

        What reads an output that is not made yet cannot be looked up in the cache: it counts as
        new, and the estimate says how much that is. All arguments of `run` are accepted and
        checked; a cost above `max_cost_usd` is not an error here.

        Returns
        -------
        ChainEstimate
            ``steps`` and ``total`` (an `Estimate` each), ``not_made``, and ``rows``, ``new``,
            ``cached``, ``cost_usd`` and ``minutes`` of the total.

        Raises
        ------
        ColumnError, InputError, UnknownModelError
            If a step is wrong: all mistakes of all steps at once.

        Examples
        --------
        >>> import pandas as pd
        >>> import pruna_nb
        >>> df = pd.DataFrame({"prompt": ["a mill", "a dam"]})
        >>> print(df.pruna.plan().generate("prompt").upscale().estimate(cache="off"))
        1. generate (p-image): 2 rows: 2 new, 0 cached, 0 duplicates; 0.01 USD; no wait at the limit
        2. upscale (p-image-upscale): 2 rows: 2 new, 0 cached, 0 duplicates; 0.02 USD at most; no \
wait at the limit; 2 inputs not made yet: not looked up in the cache
        total: 4 new, 0 cached; 0.03 USD at most; no wait at the limit
        """
        from pruna_nb.frames.pipeline import estimate_chain, plan_chain

        problems = Problems()
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
        return estimate_chain(plan_chain(self._frame, self._steps, options, problems))

    @overload
    def run(
        self,
        *,
        cache: CacheMode = "use",
        on_lost: OnLost = "report",
        max_cost_usd: Amount | None = None,
        progress: bool = True,
        timeout: Seconds | None = None,
        tag: Tags | None = None,
        background: Literal[False] = False,
    ) -> pd.DataFrame: ...

    @overload
    def run(
        self,
        *,
        cache: CacheMode = "use",
        on_lost: OnLost = "report",
        max_cost_usd: Amount | None = None,
        progress: bool = True,
        timeout: Seconds | None = None,
        tag: Tags | None = None,
        background: Literal[True],
    ) -> BackgroundRun: ...

    def run(
        self,
        *,
        cache: CacheMode = "use",
        on_lost: OnLost = "report",
        max_cost_usd: Amount | None = None,
        progress: bool = True,
        timeout: Seconds | None = None,
        tag: Tags | None = None,
        background: bool = False,
    ) -> pd.DataFrame | BackgroundRun:
        """Run all steps as one: a row's next step is sent as soon as its picture is there.

        Every step is rate-limited, journaled and cached as a call of its verb is: a run that was
        interrupted or killed goes on where it was, and pays only for what was not sent.

        Parameters
        ----------
        cache, on_lost, timeout, tag
            As for ``df.pruna.generate``, for each step that was not given its own.
        max_cost_usd : float, optional
            Refuse to start if all steps together may cost more.
        progress : bool
            Show one bar or line for all steps.
        background : bool
            Return at once with a `BackgroundRun`.

        Returns
        -------
        DataFrame
            What the verbs would return, called one after the other: ``output`` and its columns
            are the last step's, ``step1_output``, ``step2_output`` and so on those before it.

        Raises
        ------
        ColumnError, InputError, UnknownModelError
            If a step is wrong: all mistakes of all steps at once, before anything is spent.
        BudgetError
            If it may cost more than `max_cost_usd`.
        AuthenticationError, QuotaError, CacheError, KeyboardInterrupt
            If the account or the disk stopped it, or you did. What is done is kept; the error's
            ``frame`` holds all steps as far as they came.
        """
        from pruna_nb.frames.pipeline import chain_run, plan_chain

        problems = Problems()
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
        work = chain_run(plan_chain(self._frame, self._steps, options, problems), options)
        if options.background:
            from pruna_nb.frames.background import start_in_background

            return start_in_background(work, options)
        return work.wait(shown=options.progress)

    arun = awaited(run)

    def _with(self, verb: str, own: Mapping[str, object], **arguments: Any) -> ChainPlan:
        """Return a plan with one more step, whose arguments are read when the chain is planned."""
        from pruna_nb.frames.pipeline import StepRequest

        read = partial(_read_step, verb, arguments)
        given = {name: value for name, value in own.items() if value is not None}
        return ChainPlan(self._frame, (*self._steps, StepRequest(verb, read, given)))

    def __repr__(self) -> str:
        head = f"<ChainPlan of {counted(len(self._frame), 'row')}"
        if not self._steps:
            return f'{head}, no step yet: add one, such as .generate("prompt")>'
        try:
            lines = self.estimate().lines()
        except PrunaError as error:
            return "\n  ".join([f"{head}, which cannot be run:", *lines_of(error)]) + ">"
        return "\n  ".join([f"{head}:", *lines, "It is run by .run(max_cost_usd=...)"]) + ">"


def _read_step(
    verb: str,
    arguments: Mapping[str, Any],
    frame: pd.DataFrame,
    problems: Problems,
    before: str,
) -> Call:
    """Read a step's call on the frame that the steps before it leave."""
    from pruna_nb.frames.call import read_call
    from pruna_nb.frames.columns import labels_by_name
    from pruna_nb.frames.pictures import read_media_call

    given = dict(arguments)
    given["fields"] = fields = dict(given["fields"])
    for name in _OF_ALL:
        if fields.pop(name, None) is not None:
            msg = f"{name}= is of the whole chain: give it to .run({name}=...)."
            problems.add(InputError(msg, [msg]))
    model = given.pop("model")
    if verb == "generate":
        return read_call(model, problems, names=labels_by_name(frame), **given)
    media = given.pop("media_col")
    return read_media_call(verb, frame, model, media, problems, before=before, **given)
