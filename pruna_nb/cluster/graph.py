"""A call on a dask frame: checked as far as it can be without its rows, and added to the graph."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pruna_nb.arguments import Problems
from pruna_nb.batch.options import OPTION_NAMES, read_options
from pruna_nb.cluster import channel, interrupted
from pruna_nb.cluster.partition import Recipe, run_partition
from pruna_nb.cluster.sender import Table
from pruna_nb.cluster.shape import shape_of
from pruna_nb.errors import InputError
from pruna_nb.frames.call import read_call
from pruna_nb.frames.chains import check_own_columns
from pruna_nb.frames.columns import labels_by_name
from pruna_nb.frames.generate import planned
from pruna_nb.settings import current

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pruna_nb.frames.generate import Estimate

_LAZY = (
    "background: a dask frame is lazy, and computed in the background by out.persist() or "
    "client.compute(out), both with a dask.distributed.Client."
)


def generated(frame: Any, given: Mapping[str, Any]) -> Any:
    """Return the lazy frame of a call with its results.

    Raises
    ------
    PrunaError
        All mistakes that can be seen without the rows.
    """
    table = _table(frame, given, needs_key=True)
    return _mapped(frame, table, "generate", table.shape.meta)


def estimated(frame: Any, given: Mapping[str, Any]) -> Estimate:
    """Return what a call would run and cost: computes the frame, and sends nothing.

    Raises
    ------
    PrunaError
        All mistakes of the call, or those of a partition's cells.
    """
    table = _table(frame, given, needs_key=False)
    _mapped(frame, table, "estimate", table.shape.meta.iloc[:, :1]).compute()
    return table.estimate_so_far()


def _table(frame: Any, given: Mapping[str, Any], *, needs_key: bool) -> Table:
    problems, meta = Problems(), frame._meta  # noqa: SLF001 - what dask has for those who extend it
    fields = dict(given["fields"])
    if fields.pop("background", None):
        problems.add(InputError(_LAZY, [_LAZY]))
    options = {name: given[name] for name in OPTION_NAMES if name in given}
    read = read_options(problems, **options)
    call = read_call(
        problems=problems,
        names=labels_by_name(meta),
        fields=fields,
        **{name: given[name] for name in given.keys() - options.keys() - {"fields"}},
    )
    settings = current()
    if needs_key:
        with problems.noted():
            settings.require_key()
    check_own_columns(meta, call, problems)
    planned(meta, call, read, settings, problems, download=False)
    sample = frame._meta_nonempty  # noqa: SLF001 - the same
    shape = shape_of(meta, sample, call, settings)
    return Table(call, read, settings, shape, frame.npartitions)


def _mapped(frame: Any, table: Table, verb: str, meta: Any) -> Any:
    channel.listen()
    interrupted.watch()
    shape = replace(table.shape, meta=meta)
    recipe = Recipe(table.name, verb, channel.sender_name(), shape)
    return frame.map_partitions(run_partition, recipe=recipe, meta=meta)
