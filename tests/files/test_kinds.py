"""What a file is, told by its first bytes."""

from __future__ import annotations

import pytest

from pruna_nb.files import kinds
from pruna_nb.files.kinds import MediaType, sniff
from tests.helpers.media import box, clip, iso, picture, sound, zip_of

HEICS = [b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"]


@pytest.mark.parametrize("major", [*HEICS, b"mif1", b"msf1", b"miaf", b"isom", b"\0\0\0\0"])
@pytest.mark.parametrize("place", ["first", "last"])
def test_a_heic_is_told_by_any_of_its_brands_in_any_order(major, place):
    others = [b"mif1", b"miaf", b"MiHB", b"iso8"]
    brands = [b"heic", *others] if place == "first" else [*others, b"heic"]
    assert sniff(iso(major, *brands)).content_type == "image/heic"


@pytest.mark.parametrize("major", [b"avif", b"avis", b"mif1", b"msf1", b"miaf", b"isom"])
def test_an_avif_is_told_by_any_of_its_brands_in_any_order(major):
    assert sniff(iso(major, b"mif1", b"miaf", b"MA1B", b"avif")) is kinds.AVIF


@pytest.mark.parametrize("major", [b"mif1", b"msf1", b"mif2", b"heif"])
def test_what_says_only_that_it_is_heif_is_called_so(major):
    assert sniff(iso(major, b"miaf")) is kinds.HEIF


def test_a_raw_file_of_canons_is_no_video():
    assert sniff(iso(b"crx ", b"crx ", b"isom")) is kinds.CR3
    assert sniff(b"II*\0\x10\0\0\0CR\x02\0" + bytes(40)) is kinds.CR2


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (iso(b"isom", b"iso2", b"mp41"), kinds.MP4),
        (iso(b"mp42"), kinds.MP4),
        (iso(b"M4V ", b"mp42"), kinds.MP4),
        (iso(b"qt  "), kinds.MOV),
        (iso(b"M4A ", b"mp42"), kinds.M4A),
        (box(b"free", bytes(20)) + iso(b"mp42"), kinds.MP4),
        (box(b"wide", b"") + box(b"mdat", bytes(40)), kinds.MOV),
        (box(b"skip", bytes(4)) + iso(b"heic"), kinds.HEIC),
    ],
)
def test_videos_are_told_by_their_boxes_whatever_goes_before(head, kind):
    assert sniff(head) is kind


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (picture("JPEG"), kinds.JPEG),
        (picture("PNG"), kinds.PNG),
        (picture("WEBP"), kinds.WEBP),
        (picture("GIF"), kinds.GIF),
        (picture("BMP"), kinds.BMP),
        (picture("TIFF"), kinds.TIFF),
        (picture("AVIF"), kinds.AVIF),
        (clip("webm", "libvpx"), kinds.WEBM),
        (clip("matroska"), kinds.MKV),
        (clip("avi"), kinds.AVI),
        (sound(), kinds.WAV),
        (sound("mp3", "mp3"), kinds.MP3),
        (sound("flac", "flac"), kinds.FLAC),
        (sound("ogg", "libopus"), kinds.OGG),
        (sound("adts", "aac"), kinds.AAC),
        (sound("aiff", "pcm_s16be"), kinds.AIFF),
        (zip_of({"a": b"b"}), kinds.ZIP),
        (b"8BPS\0\x01", kinds.PSD),
        (b"%PDF-1.7\n", kinds.PDF),
        (b"%!PS-Adobe-3.0 EPSF-3.0", kinds.EPS),
        (b"\xff\x0a\0\0", kinds.JXL),
        (b"<?xml version='1.0'?>\n<svg xmlns='x'>", kinds.SVG),
    ],
    ids=lambda value: value.name if isinstance(value, MediaType) else "",
)
def test_each_kind_is_told_by_its_first_bytes(data, kind):
    assert sniff(data[: kinds.HEAD_BYTES]) is kind


@pytest.mark.parametrize(
    "head", [b"", b"a text", b"<html>", b"{}", b"\0" * 64, b"RIFF\0\0\0\0????", b"\xff", b"ftyp"]
)
def test_what_is_no_known_kind_is_none(head):
    assert sniff(head) is None


def test_a_kind_that_is_not_taken_says_what_to_do():
    listed = [each for each in vars(kinds).values() if isinstance(each, MediaType)]
    assert {each.name for each in listed if each.advice} >= {"HEIC", "HEIF", "CR3", "MKV", "SVG"}
    assert all(each.suffix.startswith(".") and "/" in each.content_type for each in listed)
