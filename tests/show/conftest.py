"""Files that grids are made of."""

from __future__ import annotations

import fractions

import pytest

from tests.show.looking import photo


@pytest.fixture
def files(tmp_path):
    """Give a function that writes a photo-like file and gives its path."""

    def write(name, width=320, height=200, seed=0, **options):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        photo(width, height, seed).save(path, **options)
        return str(path)

    return write


def _video(path, codec, seconds):
    av = pytest.importorskip("av")
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=8)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        stream.time_base = fractions.Fraction(1, 8)
        picture = photo(320, 180)
        for number in range(8 * seconds):
            frame = av.VideoFrame.from_image(picture.rotate(number))
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.fixture
def clip(tmp_path):
    """Give a video of one second, 320 x 180."""
    return _video(str(tmp_path / "clip.mp4"), "mpeg4", 1)


@pytest.fixture
def film(tmp_path):
    """Give a video of four seconds that every browser plays."""
    return _video(str(tmp_path / "film.webm"), "libvpx", 4)
