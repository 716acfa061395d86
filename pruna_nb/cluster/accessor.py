"""``ddf.pruna``: the verbs of a dask DataFrame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pruna_nb.accessor.base import no_verb
from pruna_nb.catalog.field_docs import with_fields

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from pruna_nb.arguments import Amount, Seconds, Tags
    from pruna_nb.batch.options import OnLost
    from pruna_nb.catalog import SweepHow
    from pruna_nb.frames.generate import Estimate
    from pruna_nb.store.cache import CacheMode


class PrunaDask:
    """What can be done with a dask DataFrame of prompts; ``ddf.pruna``."""

    def __init__(self, frame: Any) -> None:
        self._frame = frame

    def __getattr__(self, name: str) -> Any:
        """Raise an error that names the verbs: this is asked only for what is not there."""
        hint = " All other verbs are those of a pandas frame: ddf.compute().pruna."
        raise no_verb("ddf.pruna", self, name, hint)

    def __repr__(self) -> str:
        return f"<ddf.pruna of {self._frame.npartitions:,} partitions: generate, estimate>"

    @with_fields("p-image", others=True)
    def generate(
        self,
        prompt_col: Hashable | None = None,
        *,
        model: str | Sequence[str] = "p-image",
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
        **fields: Any,
    ) -> Any:
        """Return a lazy frame with an output for each row; nothing is sent before it is computed.

        The process that calls this sends for all workers, so it alone has the key, the cache, the
        journal and the limit. Each partition hands it the columns that the requests are made of and
        gets the results; the other columns stay where they are. The arguments are those of
        ``df.pruna.generate``.

        Parameters
        ----------
        prompt_col : str, optional
            The column of prompts.
        model : str or list of str
            Any model of `pruna_nb.models`; default "p-image".
        prompt : str or list of str, optional
            In place of `prompt_col`: a template over the row's columns.
        samples : int
            Outputs for each row, which has a row for each then, with a column "sample".
        sweep : {"cross", "zip"}
            How lists of values meet.
        cache : {"use", "refresh", "off"}
            As for pandas. With "refresh" and "off" each row is generated once for this frame, also
            where it is computed again or a worker was lost.
        on_lost : {"report", "resend"}
            What to do with a prediction whose answer was lost.
        max_cost_usd : float, optional
            What all partitions together may cost. What a table costs is known only when its
            partitions are read (`estimate` does that), so the one that would go above it is
            refused, with the partitions before it done and kept.
        progress : bool
            Show how far the run is, in the process that sends.
        timeout : float, optional
            Seconds that a prediction may take.
        tag : str or list of str, optional
            What the predictions are for.
        unchecked : bool
            Send fields that the catalogue does not know.
        prefix : str
            A prefix of the result columns' names.
        **fields
            Any field of the model: a value, a column (``seed_col="seed"``) or a list. Files that
            cells name by a path are read where this is called, not in the workers.

        Returns
        -------
        dask.dataframe.DataFrame
            The frame's columns and those that ``df.pruna.generate`` adds, of the same types. What
            samples and lists of values add to the index of a pandas frame are columns here.

        Raises
        ------
        ColumnError, InputError, UnknownModelError, MissingKeyError
            If the call is wrong: all mistakes at once. What is wrong with cells is raised when
            their partition is computed, before its first request, with its number and rows.

        Examples
        --------
        >>> import pandas as pd
        >>> import dask.dataframe as dd
        >>> import pruna_nb
        >>> prompts = pd.DataFrame({"prompt": ["a heron", "a stork", "a heron"]})
        >>> out = dd.from_pandas(prompts, npartitions=2).pruna.generate("prompt", progress=False)
        >>> out.compute()["status"].tolist()
        ['succeeded', 'succeeded', 'succeeded']
        """
        given = {name: value for name, value in locals().items() if name != "self"}
        from pruna_nb.cluster.graph import generated

        return generated(self._frame, given)

    @with_fields("p-image", others=True)
    def estimate(
        self,
        prompt_col: Hashable | None = None,
        *,
        model: str | Sequence[str] = "p-image",
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
        **fields: Any,
    ) -> Estimate:
        """Return what `generate` would run and cost for the whole table; send nothing.

        It computes the frame, partition by partition, and so finds what is wrong with any cell. Of
        the rows, it keeps the key of each different request.

        Returns
        -------
        Estimate
            Rows, cached, new, duplicates, cost in USD, and minutes at the limit.

        Examples
        --------
        >>> import pandas as pd
        >>> import dask.dataframe as dd
        >>> import pruna_nb
        >>> prompts = pd.DataFrame({"prompt": ["a heron", "a stork", "a heron"]})
        >>> print(dd.from_pandas(prompts, npartitions=2).pruna.estimate("prompt", cache="off"))
        3 rows: 2 new, 0 cached, 1 duplicate; 0.01 USD; no wait at the limit
        """
        given = {name: value for name, value in locals().items() if name != "self"}
        from pruna_nb.cluster.graph import estimated

        return estimated(self._frame, given)


def register() -> None:
    """Register ``ddf.pruna`` with dask, whose dataframes are imported already."""
    from dask.dataframe.extensions import register_dataframe_accessor

    register_dataframe_accessor("pruna")(PrunaDask)
