"""What a person thinks of outputs: rate, ratings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

from pruna_nb.accessor.base import FrameVerbs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from pruna_nb.rating.form import RatingForm

    Stars = int | Sequence[int | None] | Mapping[Any, int | None] | pd.Series[Any]
    Tags = str | Sequence[str] | Mapping[Any, Any] | pd.Series[Any]


class RatingVerbs(FrameVerbs):
    """The verbs that keep ratings and tags."""

    @overload
    def rate(
        self,
        rating: None = None,
        *,
        tags: None = None,
        untag: None = None,
        rows: Any = None,
        output_col: str = "output",
    ) -> RatingForm: ...
    @overload
    def rate(
        self,
        rating: Stars | None = None,
        *,
        tags: Tags | None = None,
        untag: Tags | None = None,
        rows: Any = None,
        output_col: str = "output",
    ) -> pd.DataFrame: ...
    def rate(
        self,
        rating: Stars | None = None,
        *,
        tags: Tags | None = None,
        untag: Tags | None = None,
        rows: Any = None,
        output_col: str = "output",
    ) -> RatingForm | pd.DataFrame:
        """Rate outputs from 1 to 5 and tag them: in a form, or by the call.

        Ratings and tags belong to the picture: every frame with the same output has them, also
        in another notebook and after a restart of the kernel. They lie in the cache folder, where
        neither ``pruna_nb.cache.clear()`` nor ``prune()`` deletes them.

        Parameters
        ----------
        rating : int, sequence, Series or dict, optional
            1 to 5 for all chosen rows, or one for each: a sequence in their order, a Series or a
            dict by the rows' labels. 0 takes a rating back, None leaves it as it is.
            Without rating and tags, a form shows the pictures one after the other.
        tags : str, sequence of str, Series or dict, optional
            Added to the chosen rows: one text, with commas between several, or a list; a Series
            or a dict has those of each row.
        untag : str, sequence of str, Series or dict, optional
            Tags that are taken away.
        rows : label, list of labels or mask, optional
            Which rows: labels of the index, or True and False for each row. None: all that have
            an output.
        output_col : str
            The column of outputs.

        Returns
        -------
        RatingForm or DataFrame
            The form, whose ``frame`` is the frame with its ratings; or a new frame with the columns
            ``rating`` and ``tags`` (for ``step1_output``: ``step1_rating`` and ``step1_tags``). A
            column of your own of that name stays, and they are called ``output_rating`` and
            ``output_tags``.

        Raises
        ------
        InputError, ColumnError
            If an argument is wrong; nothing is stored then.
        CacheError
            If the cache folder cannot be written.

        Examples
        --------
        >>> import pandas as pd
        >>> import pruna_nb
        >>> df = pd.DataFrame({"prompt": ["a lion", "a fox", "an owl"]})
        >>> out = df.pruna.generate("prompt", progress=False)
        >>> rated = out.pruna.rate({0: 5, 2: 2}, tags="animals, for the shop")
        >>> rated[["prompt", "rating", "tags"]]
           prompt  rating                   tags
        0  a lion       5  animals, for the shop
        1   a fox    <NA>  animals, for the shop
        2  an owl       2  animals, for the shop
        >>> out.pruna.ratings().query("rating >= 4")["prompt"].tolist()
        ['a lion']
        """
        if rating is None and tags is None and untag is None:
            from pruna_nb.rating.form import rating_form

            return rating_form(self._frame, rows=rows, output_col=output_col)
        from pruna_nb.frames.ratings import rate_frame

        return rate_frame(
            self._frame, rating, tags=tags, untag=untag, rows=rows, output_col=output_col
        )

    def ratings(self, output_col: str = "output") -> pd.DataFrame:
        """Return the frame with the stored ratings and tags of its outputs.

        Parameters
        ----------
        output_col : str
            The column of outputs.

        Returns
        -------
        DataFrame
            A new frame with ``rating`` (1 to 5, missing where there is none) and ``tags`` (a text
            with commas, empty where there are none), as `rate` returns it.

        Examples
        --------
        >>> import pandas as pd
        >>> import pruna_nb
        >>> df = pd.DataFrame({"prompt": ["a heron", "a crane"]})
        >>> out = df.pruna.generate("prompt", progress=False)
        >>> _ = out.pruna.rate(4, tags="birds", rows=1)
        >>> rated = out.pruna.ratings()
        >>> rated.loc[rated["tags"].str.contains("birds"), "rating"].tolist()
        [4]
        """
        from pruna_nb.frames.ratings import with_ratings

        return with_ratings(self._frame, output_col)
