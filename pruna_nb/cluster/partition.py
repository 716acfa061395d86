"""What a partition's task does, in whichever process it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pruna_nb.cluster import channel
from pruna_nb.cluster.interrupted import COMPUTATIONS
from pruna_nb.cluster.sender import table_here
from pruna_nb.errors import SettingsError

if TYPE_CHECKING:
    import pandas as pd

    from pruna_nb.cluster.shape import Shape


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a graph has of a call: names and types; no key, no setting, no value of a field."""

    table: str
    verb: str
    sender: str
    shape: Shape

    def __dask_tokenize__(self) -> tuple[str, str]:
        return self.table, self.verb

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what it is made of again, and listen: the graph is about to leave the process."""
        if table_here(self.table) is not None:
            channel.listen()
        return Recipe, (self.table, self.verb, self.sender, self.shape)


def run_partition(
    part: pd.DataFrame, recipe: Recipe, partition_info: dict[str, Any] | None = None
) -> pd.DataFrame:
    """Return a partition with its results; dask calls it with the partition's number."""
    shape = recipe.shape
    if not len(part):
        return shape.meta
    number = (partition_info or {}).get("number", 0)
    order = (recipe.table, recipe.verb, number, shape.handed_over(part))
    worker = channel.worker_here()
    if table_here(recipe.table) is not None:
        if worker is None:
            results = channel.answer_here(*order, COMPUTATIONS.begun())
        else:
            with channel.waiting(worker) as is_wanted:
                results = channel.answer_here(*order, is_wanted)
    elif worker is not None:
        results = channel.ask(worker, recipe.sender, order)
    else:
        raise SettingsError(
            'scheduler="processes" does not reach the process that has the key. Nothing was sent. '
            'Use scheduler="threads", which is as quick since the rows wait for the service, or a '
            "dask.distributed.Client."
        )
    return shape.meta if recipe.verb == "estimate" else shape.joined(part, results)
