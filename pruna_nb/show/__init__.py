"""What a person looks at: grids, contact sheets, tables and single pictures, and their text.

Pure functions over files and captions; nothing here knows of frames or of the service.
"""

from pruna_nb.show.cells import Cell
from pruna_nb.show.grids import Grid, grid
from pruna_nb.show.images import show_images
from pruna_nb.show.requests_in_files import read_sheet
from pruna_nb.show.single import picture_html
from pruna_nb.show.table import table_html
from pruna_nb.show.thumbs import Thumb, Thumbs

__all__ = [
    "Cell",
    "Grid",
    "Thumb",
    "Thumbs",
    "grid",
    "picture_html",
    "read_sheet",
    "show_images",
    "table_html",
]
