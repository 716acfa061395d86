"""Short mp4 files, and what can be read from those that were uploaded (PyAV)."""

from __future__ import annotations

import io
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, cast

import av
from PIL import Image, ImageOps

from pruna_nb.emulator.sizes import MOST_PIXELS
from pruna_nb.files.kinds import READERS

if TYPE_CHECKING:
    from pathlib import Path

    from av.container import InputContainer

    from pruna_nb.emulator.sizes import Size

_VIEWS: Final = 8
_ZOOM: Final = 0.06


@dataclass(frozen=True, slots=True)
class ClipInfo:
    """What an uploaded video or sound is like."""

    seconds: float
    # A sound has neither of these two.
    fps: float | None = None
    size: Size | None = None


def make_video(picture: Image.Image, size: Size, *, fps: int, frames: int) -> bytes:
    """Make an mp4 that begins with the picture and moves slowly into it.

    It has all its frames, yet the view changes only a few times: frames that repeat the one
    before cost hardly anything to encode. Width and height are even, as the pixels' format asks.
    """
    start = ImageOps.fit(picture, size)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        # A PyAV that was built without GPL parts has no x264.
        stream: Any = (
            container.add_stream(
                "libx264", rate=fps, options={"preset": "ultrafast", "qp": "28", "threads": "1"}
            )
            if "libx264" in av.codecs_available
            else container.add_stream("mpeg4", rate=fps, options={"qscale": "6"})
        )
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        shown = -1
        frame: Any = None
        for number in range(frames):
            view = number * _VIEWS // frames
            if view != shown:
                shown, frame = view, _frame(start, view)
            frame.pts = number
            frame.time_base = Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def probe(path: Path, content_type: str = "video/mp4") -> ClipInfo | None:
    """Read what a video or sound file is like; None if it is not what its content type says."""
    try:
        with _opened(path, content_type) as container:
            seconds = float(container.duration or 0) / 1_000_000
            if container.streams.video:
                stream = container.streams.video[0]
                fps = float(stream.average_rate) if stream.average_rate else None
                return ClipInfo(seconds, fps, (stream.width, stream.height))
            return ClipInfo(seconds) if container.streams.audio else None
    except (OSError, ValueError, av.FFmpegError):
        return None


def first_frame(path: Path, content_type: str = "video/mp4") -> Image.Image:
    """Read the first frame of a video."""
    with _opened(path, content_type) as container:
        # A header may say less than the frames behind it have.
        container.streams.video[0].codec_context.options = {"max_pixels": str(MOST_PIXELS)}
        frame = next(container.decode(video=0))
        picture: Image.Image = cast("Any", frame).to_image()
        return picture.convert("RGB")


def _opened(path: Path, content_type: str) -> InputContainer:
    """Open a file with the one reader that suits it; others would follow playlists and lists."""
    return av.open(str(path), format=READERS[content_type])


def _frame(picture: Image.Image, view: int) -> Any:
    width, height = picture.size
    inset = _ZOOM * view / _VIEWS
    box = (width * inset, height * inset, width * (1 - inset), height * (1 - inset))
    moved = picture.resize(picture.size, Image.Resampling.BILINEAR, box=box) if view else picture
    # PyAV gives these two no types.
    return cast("Any", av.VideoFrame).from_image(moved).reformat(format="yuv420p")
