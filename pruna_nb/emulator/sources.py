"""Get at the files and earlier outputs that a prediction works from."""

from __future__ import annotations

import tempfile
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from pruna_nb.emulator.files import open_picture

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL import Image

    from pruna_nb.emulator.files import FileStore
    from pruna_nb.emulator.predictions import AcceptedPrediction, Source
    from pruna_nb.emulator.video import ClipInfo


class SourceLoader:
    """Loads what a renderer works from: uploads, and outputs of predictions got by their ids."""

    def __init__(
        self,
        files: FileStore,
        get: Callable[[str], AcceptedPrediction | None],
        output: Callable[[AcceptedPrediction], bytes],
    ) -> None:
        self._files = files
        self._get = get
        self._output = output

    def picture(self, source: Source) -> Image.Image | None:
        """Return a source as a picture, a video's first frame included; None if elsewhere."""
        if source.kind == "file":
            stored = self._files.get(source.ref)
            if stored is None:
                return None
            path = self._files.path(stored)
            if stored.kind != "video":
                return _open(path)
            from pruna_nb.emulator.video import first_frame

            return first_frame(path, stored.content_type)
        made = self._get(source.ref) if source.kind == "output" else None
        if made is None:
            return None
        content = self._output(made)
        if made.suffix != "mp4":
            return _open(BytesIO(content))
        from pruna_nb.emulator.video import first_frame

        # The reader of videos takes a path; outputs are in memory.
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder, "output.mp4")
            copy.write_bytes(content)
            return first_frame(copy)

    def clip(self, source: Source) -> ClipInfo | None:
        """Return what an uploaded video or sound is like; None for anything else."""
        stored = self._files.get(source.ref) if source.kind == "file" else None
        if stored is None or stored.kind not in ("video", "audio"):
            return None
        from pruna_nb.emulator.video import probe

        return probe(self._files.path(stored), stored.content_type)


def _open(file: Path | BytesIO) -> Image.Image:
    """Read a picture as RGB, turned as its camera says, on white where it is clear."""
    from PIL import Image, ImageOps

    with open_picture(file) as opened:
        picture = ImageOps.exif_transpose(opened)
        if picture.has_transparency_data:
            clear = picture.convert("RGBA")
            ground = Image.new("RGBA", clear.size, "white")
            return Image.alpha_composite(ground, clear).convert("RGB")
        return picture.convert("RGB")
