"""A cache folder of the first version: nothing in it is paid for again.

``kept_cache`` was written by commit 8ce90b3 on an emulator that draws next to nothing, with the
rows below. Since then the function that joblib caches has moved to another module, and the
tables, the index and the records beside the media have changed.
"""

from __future__ import annotations

import shutil
import struct
import zlib
from pathlib import Path

import pandas as pd
import pytest

import pruna_nb
from pruna_nb import settings

KEPT = Path(__file__).parent / "kept_cache"
FILES = 4


def png():
    """Return the picture that the kept edit was made of; its bytes are part of the key."""

    def chunk(name, data):
        checksum = zlib.crc32(name + data)
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", checksum)

    rows = b"".join(b"\0" + b"\x20\x80\xc0" * 64 for _ in range(64))
    head = struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows, 0)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "cache of another time"
    shutil.copytree(KEPT, folder)
    with settings.configure(cache_dir=folder):
        yield folder


def everything():
    """Ask for all that was made then."""
    pictures = pd.DataFrame({"prompt": ["a red teapot", "ein Schloß, 日本"], "seed": [7, 8]})
    edits = pd.DataFrame({"images": [[png()]]})
    videos = pd.DataFrame({"prompt": ["a kettle boils"]})
    return [
        pictures.pruna.generate(
            "prompt",
            seed_col="seed",
            width=256,
            height=256,
            aspect_ratio="custom",
            progress=False,
        ),
        edits.pruna.generate(
            model="p-image-edit", prompt="at night", images_col="images", seed=9, progress=False
        ),
        videos.pruna.generate(
            "prompt", model="p-video", seed=10, duration=1, resolution="720p", progress=False
        ),
    ]


def test_each_row_is_a_hit_and_no_request_is_sent(folder, service):
    frames = everything()
    assert [frame["cached"].all() for frame in frames] == [True, True, True]
    outputs = [Path(path) for frame in frames for path in frame["output"]]
    assert len({path.stem for path in outputs}) == FILES
    assert all(path.is_file() and path.is_relative_to(folder) for path in outputs)
    assert service.charged == 0
    assert len(service.accepted) == 0


def test_maintenance_reads_it_and_finds_it_whole(folder):
    info = pruna_nb.cache.info()
    assert (info.entries, info.files) == (FILES, FILES)
    assert pruna_nb.cache.verify() == []
    assert pruna_nb.journal()["state"].tolist() == ["delivered"] * FILES


def test_its_index_can_be_rebuilt_once_this_version_has_used_it(folder, service):
    everything()
    pruna_nb.cache.database_of(folder).close()
    for file in folder.glob("pruna_nb.sqlite*"):
        file.unlink()
    assert all(frame["cached"].all() for frame in everything())
    assert service.charged == 0
