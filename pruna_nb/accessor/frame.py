"""``df.pruna``: all the verbs of a frame."""

from __future__ import annotations

from pruna_nb.accessor.from_pictures import PictureVerbs
from pruna_nb.accessor.generating import GenerateVerbs
from pruna_nb.accessor.planning import ChainVerbs
from pruna_nb.accessor.rating import RatingVerbs
from pruna_nb.accessor.saving import SaveVerbs
from pruna_nb.accessor.showing import ShowVerbs
from pruna_nb.accessor.to_videos import VideoVerbs


class PrunaFrame(
    GenerateVerbs, PictureVerbs, VideoVerbs, ChainVerbs, ShowVerbs, RatingVerbs, SaveVerbs
):
    """What can be done with a frame of prompts; ``df.pruna``.

    Notes
    -----
    pandas creates the accessor once for each frame, so it holds that frame and nothing else.
    """
