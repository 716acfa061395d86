"""A verb of ``df.pruna``, from a frame's cells to the result columns; pandas lives here.

Read in this order: ``call`` (what a verb requests) and ``columns`` (cells by name, templates);
``requests`` (one request for each row: every mistake is found here, before anything is sent), with
``media`` for files, ``chains`` for earlier steps, ``sweeps`` for lists of values and ``samples``
for seeds; ``generate`` (check, plan, run), ``pipeline`` (a chain as one run), ``background``
and ``awaiting``; ``results`` (outcomes as columns, the call in the frame's attrs).
Then what uses them: ``records``, ``retry`` (with ``sides``, results beside each other after a
merge), ``finals``, ``grids``, ``pairs``, ``training``, ``tables``, ``overview``, the accessor's
repr, and ``prompts``, which makes the frame of a list. ``order`` tells prompts and files apart.
"""

from __future__ import annotations
