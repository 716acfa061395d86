"""What a file is, told by its first bytes: the one table for inputs, outputs, grids, emulator."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["image", "video", "audio", "zip", "file"]
HEAD_BYTES = 512
"""How many first bytes `sniff` needs: the list of brands of an ISO file may be long."""


@dataclass(frozen=True, slots=True)
class MediaType:
    """What a file is.

    Attributes
    ----------
    kind : {"image", "video", "audio", "zip", "file"}
        What it is used as.
    suffix : str
        Its usual suffix, with the dot.
    content_type : str
        Its media type.
    advice : str
        How to convert a format that the service is not known to take; empty where it is.
    """

    kind: Kind
    suffix: str
    content_type: str
    advice: str = ""

    @property
    def name(self) -> str:
        """What it is called in messages, such as ``HEIC``."""
        return self.suffix[1:].upper()


JPEG = MediaType("image", ".jpg", "image/jpeg")
PNG = MediaType("image", ".png", "image/png")
WEBP = MediaType("image", ".webp", "image/webp")
GIF = MediaType("image", ".gif", "image/gif")
BMP = MediaType("image", ".bmp", "image/bmp")
TIFF = MediaType("image", ".tif", "image/tiff")
AVIF = MediaType("image", ".avif", "image/avif")
MP4 = MediaType("video", ".mp4", "video/mp4")
MOV = MediaType("video", ".mov", "video/quicktime")
WEBM = MediaType("video", ".webm", "video/webm")
M4A = MediaType("audio", ".m4a", "audio/mp4")
WEBA = MediaType("audio", ".weba", "audio/webm")
MP3 = MediaType("audio", ".mp3", "audio/mpeg")
AAC = MediaType("audio", ".aac", "audio/aac")
WAV = MediaType("audio", ".wav", "audio/wav")
FLAC = MediaType("audio", ".flac", "audio/flac")
OGG = MediaType("audio", ".ogg", "audio/ogg")
ZIP = MediaType("zip", ".zip", "application/zip")
BYTES = MediaType("file", ".bin", "application/octet-stream")

_OPEN_AND_GIVE = (
    "Open it with Pillow after `import pillow_heif; pillow_heif.register_heif_opener()`"
)
_AS_PNG = "Convert it to JPEG or PNG first."
_AS_MP4 = "Convert it to mp4 first, such as with ffmpeg."
HEIC = MediaType(
    "image", ".heic", "image/heic", f"{_OPEN_AND_GIVE} and give the image, or convert it to JPEG."
)
HEIF = MediaType(
    "image", ".heif", "image/heif", f"{_OPEN_AND_GIVE} and give the image, or convert it to JPEG."
)
CR3 = MediaType("image", ".cr3", "image/x-canon-cr3", "Develop the raw file to JPEG or PNG first.")
CR2 = MediaType("image", ".cr2", "image/x-canon-cr2", "Develop the raw file to JPEG or PNG first.")
RAW = MediaType("image", ".raw", "image/x-raw", "Develop the raw file to JPEG or PNG first.")
JXL = MediaType("image", ".jxl", "image/jxl", _AS_PNG)
JP2 = MediaType("image", ".jp2", "image/jp2", _AS_PNG)
PSD = MediaType("image", ".psd", "image/vnd.adobe.photoshop", _AS_PNG)
EPS = MediaType("file", ".eps", "application/postscript", _AS_PNG)
SVG = MediaType("file", ".svg", "image/svg+xml", "Render it to PNG first.")
PDF = MediaType("file", ".pdf", "application/pdf", "Render its page to PNG first.")
AVI = MediaType("video", ".avi", "video/x-msvideo", _AS_MP4)
MKV = MediaType("video", ".mkv", "video/x-matroska", _AS_MP4)
OGV = MediaType("video", ".ogv", "video/ogg", _AS_MP4)
AIFF = MediaType("audio", ".aiff", "audio/aiff", "Convert it to WAV or MP3 first.")

READERS = {
    **dict.fromkeys(("video/mp4", "video/quicktime", "audio/mp4"), "mov"),
    **dict.fromkeys(("video/webm", "audio/webm", "video/x-matroska"), "matroska"),
    **dict.fromkeys(("video/ogg", "audio/ogg"), "ogg"),
    "video/x-msvideo": "avi",
    "audio/mpeg": "mp3",
    "audio/aac": "aac",
    "audio/flac": "flac",
    "audio/wav": "wav",
    "audio/aiff": "aiff",
}
"""FFmpeg's reader of each content type: its own guess may take a playlist, and what that names."""

_STARTS = (
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"BM", BMP),
    (b"PK\x03\x04", ZIP),
    (b"PK\x05\x06", ZIP),
    (b"ID3", MP3),
    (b"fLaC", FLAC),
    (b"8BPS", PSD),
    (b"%PDF-", PDF),
    (b"%!PS", EPS),
    (b"\xc5\xd0\xd3\xc6", EPS),
    (b"\xff\x0a", JXL),
    (b"\0\0\0\x0cJXL \r\n\x87\n", JXL),
    (b"\0\0\0\x0cjP  \r\n\x87\n", JP2),
)
_RIFF = {b"WEBP": WEBP, b"WAVE": WAV, b"AVI ": AVI}
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_CR2_MARK = b"CR"
# Tags of a TIFF's first directory.
_SUBFILE_TYPE, _SUB_PICTURES, _DNG_VERSION = 254, 330, 50706
_SVG = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*|<!--.*?-->\s*|<!DOCTYPE svg[^>]*>\s*)*<svg\b",
    re.DOTALL,
)

# Brands of pictures. One of them anywhere in a file's list makes it a picture, never a video.
_BRANDS = {
    **dict.fromkeys((b"avif", b"avis", b"avio"), AVIF),
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"), HEIC),
    b"crx ": CR3,
    b"jxl ": JXL,
    **dict.fromkeys((b"jp2 ", b"jpx ", b"jpm "), JP2),
}
# Brands of the container that HEIC and AVIF share: it is one of them if that is named too.
_HEIF_BRANDS = frozenset({b"mif1", b"mif2", b"mif3", b"msf1", b"miaf", b"heif"})
# Brands that count only as the first: a video may list them among those it is compatible with.
_MAJOR_BRANDS = {
    **dict.fromkeys((b"M4A ", b"M4B ", b"M4P ", b"F4A ", b"F4B "), M4A),
    b"qt  ": MOV,
}
_BOX_HEAD = 8
_OLD_MOVIE = frozenset({b"moov", b"mdat"})
_FILLERS = frozenset({b"wide", b"free", b"skip", b"pnot"})


def sniff(head: bytes) -> MediaType | None:
    r"""Return what a file is by its first bytes, whatever its name says.

    Parameters
    ----------
    head : bytes
        The first `HEAD_BYTES` of the file, or all of a shorter one.

    Returns
    -------
    MediaType or None
        None for what is no known kind of media.

    Examples
    --------
    >>> sniff(b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic").content_type
    'image/heic'
    """
    start, family = head[:4], head[8:12]
    if start == b"RIFF":
        kind = _RIFF.get(family)
    elif start == b"FORM" and family in (b"AIFF", b"AIFC"):
        kind = AIFF
    elif start in _TIFF_STARTS:
        kind = CR2 if head[8:10] == _CR2_MARK else RAW if _is_raw(head) else TIFF
    elif start == b"\x1aE\xdf\xa3":
        kind = MKV if b"matroska" in head[:64] else WEBM
    elif start == b"OggS":
        kind = OGV if b"theora" in head[:64] else OGG
    else:
        kind = next((kind for mark, kind in _STARTS if head.startswith(mark)), None)
    kind = kind or _sniff_boxes(head)
    # MPEG audio last: the head of its first frame is no more than a few bits.
    if kind is None and len(head) >= 2 and head[0] == 0xFF:  # noqa: PLR2004 - a frame's mark
        if head[1] & 0xF6 == 0xF0:  # noqa: PLR2004 - layer 0: AAC in ADTS
            kind = AAC
        elif head[1] & 0xE6 == 0xE2:  # noqa: PLR2004 - layer III
            kind = MP3
    return kind or (SVG if _SVG.match(head) else None)


def _is_raw(head: bytes) -> bool:
    """Whether a TIFF is a raw file (DNG, NEF, ARW): of its sort, or with a thumbnail in front."""
    # Pillow opens the thumbnail, and would take it for the picture.
    order: Literal["little", "big"] = "little" if head[:1] == b"I" else "big"

    def number(at: int, width: int) -> int:
        return int.from_bytes(head[at : at + width], order)

    begin = number(4, 4)
    entries = range(begin + 2, begin + 2 + 12 * number(begin, 2), 12)
    tags = {number(at, 2): number(at + 8, 4) for at in entries if at + 12 <= len(head)}
    is_thumbnail = tags.get(_SUBFILE_TYPE, 0) & 1 and _SUB_PICTURES in tags
    return bool(is_thumbnail) or _DNG_VERSION in tags


def _sniff_boxes(head: bytes) -> MediaType | None:
    """Read the ``ftyp`` box of an ISO file (mp4, mov, HEIC, AVIF); fillers may go before it."""
    at = 0
    while at + _BOX_HEAD <= len(head):
        size, name = int.from_bytes(head[at : at + 4], "big"), head[at + 4 : at + 8]
        if name in _OLD_MOVIE:
            return MOV  # QuickTime files of before 2001 have no list of brands
        if name == b"ftyp":
            break
        if name not in _FILLERS or size < _BOX_HEAD:
            return None
        at += size
    else:
        return None
    content = head[at + 8 : at + max(size, 12)]
    major = content[:4]
    brands = [major, *(content[at : at + 4] for at in range(8, len(content) - 3, 4))]
    picture = next((_BRANDS[brand] for brand in brands if brand in _BRANDS), None)
    if picture is None and not _HEIF_BRANDS.isdisjoint(brands):
        picture = HEIF
    if picture is not None:
        return picture
    if major in _MAJOR_BRANDS:
        return _MAJOR_BRANDS[major]
    # A movie's boxes begin with other ones: a picture of a brand that is not known.
    return HEIF if head[at + size + 4 : at + size + 8] == b"meta" else MP4
