"""What a person looks at: pure functions from files and captions to HTML, sheets and pages.

Read in this order: `cells` (one picture and its words), `thumbs` and `decode` (from a file of
unknown origin to a small picture), `markup` (a cell as HTML), `axes` and `layout` (where
cells are), `byte_budget` and `grid_html` (what fits into a notebook), `grids` (the grid itself);
then `table`, `single`, `images` and `pairs` (two against each other); and what is saved: `page`
(with the `fields` that its axes can be), `sheet` (drawn by `draw` and `fonts`) and
`requests_in_files`.
"""

from pruna_nb.show.cells import Cell
from pruna_nb.show.grids import Grid, grid
from pruna_nb.show.images import show_images
from pruna_nb.show.pairs import Pair, Pairs, before_after
from pruna_nb.show.requests_in_files import read_sheet
from pruna_nb.show.single import picture_html
from pruna_nb.show.table import table_html
from pruna_nb.show.thumbs import Thumb, Thumbs

__all__ = [
    "Cell",
    "Grid",
    "Pair",
    "Pairs",
    "Thumb",
    "Thumbs",
    "before_after",
    "grid",
    "picture_html",
    "read_sheet",
    "show_images",
    "table_html",
]
