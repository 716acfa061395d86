"""The verbs for code that has an event loop: ``await df.pruna.agenerate(...)``."""

from __future__ import annotations

import copy
import functools
import inspect
from functools import partial
from typing import TYPE_CHECKING, Any

from pruna_nb.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    import pandas as pd


def awaited(
    verb: Callable[..., Any], example: str = ""
) -> Callable[..., Coroutine[Any, Any, pd.DataFrame]]:
    """Return a verb as a coroutine: the same arguments and frame, and no loop that waits.

    Parameters
    ----------
    verb : callable
        A method that takes ``background``.
    example : str
        The documentation's call, of the frame ``df`` of one prompt or of its output, ``out``.

    Examples
    --------
    >>> from pruna_nb.accessor import PrunaFrame
    >>> awaited(PrunaFrame.generate).__name__
    'agenerate'
    """
    name = verb.__name__
    signature = inspect.signature(verb)
    kept = [each for each in signature.parameters.values() if each.name != "background"]

    @functools.wraps(verb)
    async def awaiting(self: object, *args: Any, **arguments: Any) -> pd.DataFrame:
        from pruna_nb.frames.background import run_awaited
        from pruna_nb.frames.generate import snapshot

        if arguments.pop("background", None) is not None:
            msg = f"a{name}() is awaited in place of background=: leave that out, or use {name}()."
            raise InputError(msg)
        # As it is now: other tasks may change the frame while it is planned.
        now: Any = copy.copy(self)
        now._frame = snapshot(now._frame)  # noqa: SLF001 - what all that have verbs hold
        start = partial(verb, now, *args, **arguments, background=True)
        # What is no switch is refused by the verb.
        return await run_awaited(start, shown=arguments.get("progress", True) is True)

    awaiting.__name__ = f"a{name}"
    awaiting.__qualname__ = verb.__qualname__.replace(name, f"a{name}")
    awaiting.__doc__ = f"""As `{name}`, to be awaited: the event loop goes on meanwhile.

        If the task is canceled or the cell interrupted, sending stops; what is done is kept, what
        was sent is in the journal, and the next run goes on from there.
        """
    if example:
        awaiting.__doc__ += f"""
        Examples
        --------
        In a notebook's cell, write ``await`` in place of ``asyncio.run``.

        >>> import asyncio
        >>> import pandas as pd
        >>> import pruna_nb
        >>> df = pd.DataFrame({{"prompt": ["a wren"]}})
        >>> out = df.pruna.generate("prompt", seed=1, progress=False)
        >>> made = asyncio.run({example})
        >>> made["status"].tolist()
        ['succeeded']
        """
    vars(awaiting)["__signature__"] = signature.replace(
        parameters=kept, return_annotation="pd.DataFrame"
    )
    if (own := vars(verb).get("getdoc")) is not None:
        doc = inspect.cleandoc(awaiting.__doc__)
        vars(awaiting)["getdoc"] = lambda: f"{doc}\n\nAs `{name}`:\n\n{own()}"
    return awaiting
