"""What shows outputs, or lets one try prompts: grid, table, before_after, explore."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pruna_nb.accessor.base import FrameVerbs

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from pruna_nb.arguments import Amount, Tags
    from pruna_nb.form.form import Form
    from pruna_nb.show import Grid, Pairs
    from pruna_nb.show.table import Table


class ShowVerbs(FrameVerbs):
    """The verbs that show something in the notebook."""

    def explore(
        self,
        prompt_col: Hashable | None = None,
        *,
        model: str | Sequence[str] = "p-image",
        prompt: str | None = None,
        rows: str | Sequence[str] | None = None,
        cols: str | Sequence[str] | None = None,
        max_cost_usd: Amount | None = None,
        tag: Tags | None = None,
        unchecked: bool = False,
        **fields: Any,
    ) -> Form:
        """Try rows of the frame in a form: choose rows, ratios and seeds, and see the price.

        Parameters
        ----------
        prompt_col : str, optional
            The column of prompts. Without it, prompts are written in the form, for each row.
        model : str or list of str
            The model that the form starts with, or several, which are compared.
        prompt : str, optional
            In place of `prompt_col`: a template over the row's columns.
        rows, cols : str or list of str, optional
            Which of the fields that differ are the rows of the images, and which the columns;
            "row" is the frame's row.
        max_cost_usd : float, optional
            Refuse a click that would cost more.
        tag : str or list of str, optional
            As for `generate`.
        unchecked : bool
            Accept a model that the catalogue does not know.
        **fields
            A starting value of any field of the model, or a column
            (``images_col="photo"``); see `pruna_nb.explore`.

        Returns
        -------
        Form
            Its ``frame`` has the chosen rows, with their labels; ``selected`` those whose
            images are selected, so that ``df.loc[form.selected.index]`` gives the rows.

        Examples
        --------
        >>> import pandas as pd
        >>> import pruna_nb
        >>> df = pd.DataFrame({"prompt": ["a lion", "a fox"]})
        >>> form = df.pruna.explore("prompt", seed="1-4")
        >>> form.fields["model"].value
        'p-image'
        """
        from pruna_nb.form.explore import explore_frame

        return explore_frame(
            self._frame,
            prompt_col,
            model=model,
            prompt=prompt,
            axes=(rows, cols),
            max_cost_usd=max_cost_usd,
            tag=tag,
            unchecked=unchecked,
            fields=fields,
        )

    def grid(
        self,
        *,
        columns: int | None = None,
        caption_col: str | None = None,
        rows: str | Sequence[str] | None = None,
        cols: str | Sequence[str] | None = None,
        size: int = 256,
        max_bytes: int | None = 1_000_000,
        output_col: str = "output",
        title: str | None = None,
        live: bool = False,
    ) -> Grid:
        """Show the outputs in a grid that stays small in the saved notebook.

        Parameters
        ----------
        columns : int, optional
            Images side by side; by default as many as fit.
        caption_col : str, optional
            The column of captions; by default they say what differs among the requests and is on
            no axis, and a line above the grid says what all share.
        rows, cols : str or list of str, optional
            The grid's axes: a column, an index level (such as "sample"), any field of the
            requests (such as "aspect_ratio"), or "model". A list nests them: ``rows=["prompt",
            "seed"]`` gives each prompt a sub-row for each seed. By default a sweep's last field
            goes to the right, and the frame's rows and the sweep's other fields go down.
        size : int
            Side of the box that each image fits into, in pixels.
        max_bytes : int, optional
            Size limit of the grid in the notebook's file; images are made smaller to fit, and a
            line says so. None: no limit.
        output_col : str
            The column of outputs, for results with a prefix.
        title : str, optional
        live : bool
            Whether videos play, and a click shows an image large in the notebook, where it can be
            selected (``grid.selected``) and kept.

        Returns
        -------
        Grid
            Its ``save("sheet.png")`` writes a contact sheet that `pruna_nb.read_sheet` reads
            back, ``save("grid.html")`` a page with zoom, a filter, and axes that can be changed.

        Raises
        ------
        ColumnError
            If an axis is neither a column, nor an index level, nor a field of the requests.
        InputError
            If a name is on an axis twice, or on both.

        Examples
        --------
        >>> import itertools, pandas as pd, pruna_nb
        >>> each = itertools.product(["a fox", "an owl"], [1, 2], ["1:1", "16:9"])
        >>> df = pd.DataFrame(each, columns=["prompt", "seed", "shape"])
        >>> fields = {"seed_col": "seed", "aspect_ratio_col": "shape"}
        >>> out = df.pruna.generate("prompt", **fields, progress=False)
        >>> out.pruna.grid(rows=["prompt", "seed"], cols="aspect_ratio")
        <Grid: 8 pictures>
        """
        from pruna_nb.frames.grids import frame_grid

        return frame_grid(
            self._frame,
            columns=columns,
            caption_col=caption_col,
            rows=rows,
            cols=cols,
            size=size,
            max_bytes=max_bytes,
            output_col=output_col,
            title=title,
            live=live,
        )

    def table(
        self,
        columns: Sequence[str] | None = None,
        *,
        size: int = 128,
        max_bytes: int | None = 1_000_000,
        output_col: str = "output",
    ) -> Table:
        """Show the frame with thumbnails among its columns.

        Where scripts may run, the table is searched, filtered by column and sorted by a click on
        a head, and a click shows a picture large. Elsewhere, as in an untrusted notebook or on
        GitHub, it stands as it is.

        Parameters
        ----------
        columns : sequence of str, optional
            Which columns, in this order: columns of the frame, index levels, fields of the
            requests, ``"rating"`` and ``"tags"``. By default those that a person reads: your own
            (without addresses, ids and long JSON, which a line below names), model, seed and what
            differs among the requests, the output, its rating and tags, status, error (if any),
            seconds and cost.
        size : int
            Side of the box that each image fits into, in pixels.
        max_bytes : int, optional
            Size limit of the table in the notebook's file. None: no limit.
        output_col : str
            The columns whose names end with this are shown as images.

        Returns
        -------
        Table
            Its ``save("page.html")`` writes a page with all of that, which works offline.

        Examples
        --------
        >>> import pandas as pd
        >>> import pruna_nb
        >>> df = pd.DataFrame({"prompt": ["a fox", "an owl"]})
        >>> out = df.pruna.generate("prompt", seed=7, progress=False)
        >>> table = out.pruna.table()
        >>> table.columns
        ('prompt', 'model', 'seed', 'output', 'status', 'seconds', 'cost_usd')
        """
        from pruna_nb.frames.picture_table import frame_table

        return frame_table(
            self._frame, columns=columns, size=size, max_bytes=max_bytes, output_col=output_col
        )

    def before_after(
        self,
        *,
        before_col: str | None = None,
        output_col: str = "output",
        labels: Sequence[str] = ("before", "after"),
        size: int = 640,
        max_bytes: int | None = 1_000_000,
        title: str | None = None,
    ) -> Pairs:
        """Set each output against the image that it was made of: slider, flicker, side by side.

        For edits, upscales and animations. Drag across the image to reveal the other one, or let
        both alternate in one place; images of different sizes line up, and videos play in step.

        Parameters
        ----------
        before_col : str, optional
            The column of images to compare with; by default what was sent to make the output.
        output_col : str
            The column of outputs, for results with a prefix.
        labels : pair of str
            What the two sides are called.
        size : int
            The longer side of an image on the screen, in pixels; it holds up to twice as many.
        max_bytes : int, optional
            Size limit in the notebook's file; images hold fewer pixels to fit. None: no limit.
        title : str, optional

        Returns
        -------
        Pairs
            Where no script may run, as in an untrusted notebook, they stand side by side.

        Raises
        ------
        ColumnError
            If there is no such column.
        InputError
            If no row has both images.

        Examples
        --------
        >>> import pandas as pd, pruna_nb
        >>> df = pd.DataFrame({"prompt": ["a lighthouse"], "edit": ["make it night"]})
        >>> out = df.pruna.generate("prompt", progress=False)
        >>> out.pruna.edit("edit", "output", progress=False).pruna.before_after()
        <Pairs: 1 pair>
        """
        from pruna_nb.frames.pairs import frame_pairs

        return frame_pairs(
            self._frame,
            before_col=before_col,
            output_col=output_col,
            labels=labels,
            size=size,
            max_bytes=max_bytes,
            title=title,
        )
