"""Whether what was delivered is whole, and where it is kept."""

# ruff: noqa: SIM117 - a server around, what is expected of it within

from __future__ import annotations

import hashlib
import io
import os
import struct
import time
import zipfile
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFile

from pruna_nb.errors import CacheError, DeliveryError
from pruna_nb.files import media_store
from pruna_nb.files.clips import video_seconds
from pruna_nb.files.kinds import sniff
from pruna_nb.files.media_store import MediaStore, check_delivered
from pruna_nb.files.owned import MARKER
from tests.helpers.media import box, mp4, picture, zip_of

KINDS = ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"]


def check_whole(path, expected):
    with path.open("rb") as file:
        return check_delivered(file, expected)


def written(tmp_path, data):
    path = tmp_path / "delivered"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("format_", "suffix"),
    [("JPEG", ".jpg"), ("PNG", ".png"), ("WEBP", ".webp"), ("GIF", ".gif"), ("TIFF", ".tif")],
)
def test_a_whole_picture_passes_with_its_true_suffix(tmp_path, format_, suffix):
    kind = check_whole(written(tmp_path, picture(format_)), "image")
    assert (kind.kind, kind.suffix) == ("image", suffix)


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "GIF"])
@pytest.mark.parametrize("part", [0.2, 0.5, 0.95])
def test_a_picture_that_was_cut_short_is_damaged(tmp_path, format_, part):
    data = picture(format_)
    with pytest.raises(DeliveryError, match="damaged"):
        check_whole(written(tmp_path, data[: int(len(data) * part)]), "image")


def test_a_cut_picture_is_damaged_even_where_somebody_lets_pillow_take_them(tmp_path, monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    data = picture("JPEG")
    with pytest.raises(DeliveryError, match="damaged"):
        check_whole(written(tmp_path, data[: len(data) // 2]), "image")


def test_a_picture_with_a_wrong_checksum_is_damaged(tmp_path):
    data = bytearray(picture("PNG"))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(DeliveryError, match="damaged"):
        check_whole(written(tmp_path, bytes(data)), "image")


@pytest.mark.parametrize("expected", ["image", "video", "zip", "unknown"])
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html><body>Please wait</body></html>",
        b"\r\n  <!DOCTYPE html><html></html>",
        b'{"status": "processing"}',
        b"\xef\xbb\xbf<?xml version='1.0'?><Error/>",
    ],
)
def test_nothing_at_all_or_a_page_is_no_output_of_any_model(tmp_path, data, expected):
    with pytest.raises(DeliveryError):
        check_whole(written(tmp_path, data), expected)


def test_bytes_of_no_known_kind_are_damage_where_a_picture_is_expected_only(tmp_path):
    path = written(tmp_path, bytes(range(256)))
    for expected in ("image", "video"):
        with pytest.raises(DeliveryError):
            check_whole(path, expected)
    assert check_whole(path, "unknown").suffix == ".bin"


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    """50,000 x 50,000 pixels of one colour: 300 kB on the wire, 7.5 GB in memory."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1 << 40)  # to make it
    row = zlib.compressobj(9)
    side = 50_000
    line = b"\0" * (side // 8 + 1)
    body = b"".join(row.compress(line) for _ in range(side)) + row.flush()

    def chunk(name, content):
        checksum = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)

    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    monkeypatch.undo()
    began = time.process_time()
    with pytest.raises(DeliveryError, match=r"pixels|bomb"):
        check_whole(written(tmp_path, png), "image")
    assert time.process_time() - began < 5  # decoding it takes far longer


def test_a_zip_that_unpacks_to_far_more_than_it_weighs_is_refused(tmp_path):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        with archive.open("big", "w", force_zip64=True) as member:
            for _ in range(300):
                member.write(bytes(1 << 20))
    with pytest.raises(DeliveryError, match="unpack"):
        check_whole(written(tmp_path, data.getvalue()), "zip")


def test_a_whole_zip_passes_and_a_damaged_one_does_not(tmp_path):
    data = zip_of({"weights.safetensors": os.urandom(5000), "notes.txt": b"a" * 5000})
    assert check_whole(written(tmp_path, data), "zip").suffix == ".zip"
    for broken in (data[: len(data) // 2], data[:-10], data[:3000] + b"\0" * 9 + data[3009:]):
        with pytest.raises(DeliveryError):
            check_whole(written(tmp_path, broken), "zip")


def test_a_zip_whose_members_cannot_be_read_is_damaged_and_no_crash(tmp_path):
    data = bytearray(zip_of({"a": b"x" * 4000}, zipfile.ZIP_DEFLATED))
    at = data.index(b"a", 26) + 1
    data[at : at + 8] = b"\xff" * 8  # no deflate stream begins so
    with pytest.raises(DeliveryError, match="damaged"):
        check_whole(written(tmp_path, bytes(data)), "zip")


def test_a_video_passes_whole_and_fails_cut_or_without_its_index(tmp_path):
    assert check_whole(written(tmp_path, mp4()), "video").suffix == ".mp4"
    broken = [
        mp4()[:-1],
        mp4()[:-40],
        mp4()[:20],
        box(b"ftyp", b"isom\0\0\0\0") + box(b"mdat", b"x" * 100),
        box(b"ftyp", b"isom\0\0\0\0") + box(b"moov", b"x" * 100),
        box(b"ftyp", b"isom\0\0\0\0") + struct.pack(">I4s", 1, b"mdat"),
        box(b"ftyp", b"isom\0\0\0\0") + struct.pack(">I4s", 4, b"mdat"),
    ]
    for data in broken:
        with pytest.raises(DeliveryError, match="damaged"):
            check_whole(written(tmp_path, data), "video")


def test_a_video_of_a_million_empty_boxes_does_not_keep_a_thread_busy(tmp_path):
    data = box(b"ftyp", b"isom\0\0\0\0") + box(b"free", b"") * 1_000_000
    began = time.process_time()
    with pytest.raises(DeliveryError):
        check_whole(written(tmp_path, data), "video")
    assert time.process_time() - began < 2


def test_a_real_video_passes(tmp_path):
    from pruna_nb.emulator.video import make_video

    data = make_video(Image.new("RGB", (64, 64), "red"), (64, 64), fps=8, frames=8)
    assert check_whole(written(tmp_path, data), "video").suffix == ".mp4"


starts = st.sampled_from(
    [picture(kind)[:60] for kind in KINDS]
    + [b"", b"PK\x03\x04", b"PK\x05\x06", b"\0\0\0\x18ftypisom", b"\x1aE\xdf\xa3", b"RIFF....WEBP"]
    + [b"II*\x00", b"OggS", b"\0\0\0\x20ftypavif"]
)


@given(starts, st.binary(max_size=400), st.sampled_from(["image", "video", "zip", "unknown"]))
def test_any_bytes_are_whole_or_a_named_error(tmp_path_factory, start, rest, expected):
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(start + rest)
    try:
        check_whole(path, expected)
    except DeliveryError:
        return


@given(st.binary(max_size=64))
def test_any_head_is_a_known_kind_or_none(head):
    kind = sniff(head)
    assert kind is None or kind.suffix.startswith(".")


# ---------------------------------------------------------------------------- store


def adopted(store, data, expected="unknown"):
    part, file = store.open_part()
    with file:
        file.write(data)
    return store.commit(part, hashlib.sha256(data).hexdigest(), expected)


def test_a_file_is_kept_under_the_hash_of_its_bytes_for_the_user_alone(tmp_path):
    data = picture("PNG")
    stored = adopted(MediaStore(tmp_path / "new" / "media"), data, "image")
    name = hashlib.sha256(data).hexdigest()
    assert stored.path == tmp_path / "new" / "media" / name[:2] / f"{name}.png"
    assert (stored.sha256, stored.size) == (name, len(data))
    if os.name == "posix":
        assert stored.path.stat().st_mode & 0o777 == 0o600
        for folder in stored.path.parents[:3]:
            assert folder.stat().st_mode & 0o777 == 0o700
    assert list(tmp_path.rglob("*.part")) == []


@pytest.mark.skipif(os.name != "posix", reason="permission bits")
def test_a_file_is_the_users_alone_while_it_is_still_coming(tmp_path):
    part, file = MediaStore(tmp_path / "media").open_part()
    file.close()
    assert part.stat().st_mode & 0o777 == 0o600


def kept(folder):
    return [path for path in folder.rglob("*") if path.is_file() and path.name != MARKER]


def test_equal_bytes_are_one_file(tmp_path):
    store = MediaStore(tmp_path)
    assert adopted(store, picture("PNG")).path == adopted(store, picture("PNG")).path
    assert len(kept(tmp_path)) == 1


def test_a_damaged_file_is_not_kept_and_leaves_nothing(tmp_path):
    with pytest.raises(DeliveryError):
        adopted(MediaStore(tmp_path), picture("PNG")[:-30], "image")
    assert kept(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path):
    (tmp_path / "media").write_text("a file where the folder should be")
    with pytest.raises(CacheError, match="PRUNA_NB_CACHE_DIR"):
        MediaStore(tmp_path / "media").open_part()


def test_a_folder_that_goes_before_the_file_is_moved_is_a_clear_error(tmp_path):
    import shutil

    store = MediaStore(tmp_path / "media")
    part, file = store.open_part()
    with file:
        file.write(picture("PNG"))
    shutil.rmtree(tmp_path / "media")
    with pytest.raises(CacheError, match="PRUNA_NB_CACHE_DIR"):
        store.commit(part, "0" * 64, "image")


def test_what_a_killed_process_left_half_is_swept_away_a_day_later(tmp_path):
    store = MediaStore(tmp_path / "media")
    old, file = store.open_part()
    file.close()
    young, file = store.open_part()
    file.close()
    os.utime(old, (time.time() - 90_000, time.time() - 90_000))
    store.sweep()
    assert (old.exists(), young.exists()) == (False, True)
    MediaStore(tmp_path / "missing").sweep()


def test_a_folder_that_was_there_before_is_not_swept(tmp_path):
    theirs = tmp_path / "media" / "parts" / f"123-{'a' * 32}.part"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("a download of somebody's")
    os.utime(theirs, (0, 0))
    store = MediaStore(tmp_path / "media")
    store.open_part()[1].close()
    store.sweep()
    assert theirs.exists()


def test_what_is_kept_has_reached_the_disk_before_it_counts(tmp_path, monkeypatch):
    """A machine that loses its power must not leave an empty file that counts as delivered."""
    order = []
    sync, rename = os.fsync, type(tmp_path).replace
    monkeypatch.setattr(media_store.os, "fsync", lambda fd: (order.append("sync"), sync(fd))[1])
    monkeypatch.setattr(
        type(tmp_path), "replace", lambda *args: (order.append("rename"), rename(*args))[1]
    )
    adopted(MediaStore(tmp_path), picture("PNG"))
    assert order[:2] == ["sync", "rename"]


def test_an_array_of_noise_is_a_picture_like_any(tmp_path):
    noise = np.random.default_rng(1).integers(0, 255, (100, 100, 3), dtype="uint8")
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "JPEG", quality=95)
    assert check_whole(written(tmp_path, buffer.getvalue()), "image").suffix == ".jpg"


def test_the_length_of_a_video_is_read_from_its_head(tmp_path):
    path = tmp_path / "film.mp4"
    for version, head in ((0, ">B3xIIII"), (1, ">B3xQQIQ")):
        movie = box(b"mvhd", struct.pack(head, version, 7, 7, 600, 1500) + b"\0" * 80)
        kind = box(b"ftyp", b"isom\0\0\x02\0isomiso2mp41")
        path.write_bytes(kind + box(b"mdat", b"\0" * 99) + box(b"moov", movie))
        assert video_seconds(path) == 2.5


NO_HEAD = box(b"moov", box(b"free", bytes(40))) + box(b"mdat", bytes(40))


@pytest.mark.parametrize("content", [b"", b"\0" * 8, b"\0" * 99, NO_HEAD, mp4()[:40], b"\xff" * 64])
def test_a_video_that_does_not_say_its_length_has_none(tmp_path, content):
    path = tmp_path / "film.mp4"
    path.write_bytes(content)
    assert video_seconds(path) is None
    assert video_seconds(tmp_path / "gone.mp4") is None
