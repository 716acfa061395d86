"""What a file was made of, carried by the file itself, and read back.

A picture's pixels and a video's frames stay as they are: the record is added beside them, where
each format has a place for it. A PNG has a text chunk of its own; a JPEG, a WebP and an MP4 have an
XMP packet (ISO 16684), which other programs show as a description, too.
"""

from __future__ import annotations

import io
import json
import re
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from pruna_nb.errors import InputError
from pruna_nb.files import strict_json
from pruna_nb.files.disk import open_regular
from pruna_nb.files.kinds import sniff

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping

SUFFIXES = frozenset({".png", ".jpg", ".webp", ".mp4"})
"""The kinds of files that carry a record."""

_PNG_KEY = b"pruna_nb_request"
_NAMESPACE = "urn:pruna_nb:request:1"
_XMP_START = b"http://ns.adobe.com/xap/1.0/\0"
_XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")  # XMP specification, part 3
_COMMENT = b"pruna_nb_request "
_MARK, _APP0, _APP1, _COM, _SCAN, _END = 0xFF, 0xE0, 0xE1, 0xFE, 0xDA, 0xD9
_SEGMENT = 65_533  # a JPEG segment counts its own two bytes of length
_PACKET_AT_MOST = 8_000_000
_HEAD = 4096
_PICTURE_AT_MOST = 200_000_000


def with_provenance(data: bytes, record: Mapping[str, Any]) -> bytes:
    """Return a picture's bytes with a record added; its pixels are not encoded anew.

    Parameters
    ----------
    data : bytes
        A PNG, JPEG or WebP; an MP4 is taken too.
    record : mapping
        What `read_provenance` returns, as JSON has it.

    Returns
    -------
    bytes
        The same bytes where the format has no place for a record.
    """
    kind = sniff(data[:_HEAD])
    suffix = "" if kind is None else kind.suffix
    if suffix == ".png" and data[12:16] == b"IHDR":
        text = json.dumps(record).encode()  # ASCII: a lone surrogate stays an escape
        # Not packed, no language, no translation; the head IHDR, which is first, ends at byte 33.
        body = b"iTXt" + _PNG_KEY + b"\0\0\0\0\0" + text
        chunk = (len(body) - 4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
        return data[:33] + chunk + data[33:]
    if suffix == ".jpg":
        return _with_jpeg_segments(data, record)
    if suffix == ".webp":
        return _with_webp_chunk(data, _packet(record))
    if suffix == ".mp4":
        video = io.BytesIO(data)
        append_to_video(video, record)
        return video.getvalue()
    return data


def append_to_video(file: BinaryIO, record: Mapping[str, Any]) -> bool:
    """Add a record to an MP4 that is open for reading and writing; False where it takes none.

    Nothing is moved within the file, which may be larger than memory: the record is a box at its
    end.
    """
    boxes = list(_boxes(file))
    end = file.seek(0, 2)
    if not boxes or boxes[-1][2] != end:
        return False
    name, begin, _, is_open = boxes[-1]
    if is_open:  # "until the end of the file": with a box behind it, it needs a length
        if end - begin >= 1 << 32:
            return False
        file.seek(begin)
        file.write((end - begin).to_bytes(4, "big") + name)
        file.seek(end)
    body = _XMP_UUID + _packet(record)
    file.write((len(body) + 8).to_bytes(4, "big") + b"uuid" + body)
    return True


def read_provenance(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Return what a file says of how it was made.

    Parameters
    ----------
    path : path
        A picture or a video, of this package or of another program.

    Returns
    -------
    dict or None
        Of a file that this package saved: ``model``, ``input`` (without secrets; files by their
        SHA-256), ``prediction_id``, ``created_at`` (ISO 8601) and ``version``. Of a picture that
        carries the text of AUTOMATIC1111's web UI: ``prompt``, ``negative_prompt``, ``settings``
        (a dict) and ``parameters`` (the text). None where the file carries neither.

    Raises
    ------
    InputError
        If the record is damaged.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> import pruna_nb
    >>> saved = pruna_nb.generate("a wren", seed=7).save("wren.jpg")
    >>> found = pruna_nb.provenance("wren.jpg")
    >>> found["model"], found["input"]["prompt"], found["input"]["seed"]
    ('p-image', 'a wren', 7)
    """
    target = Path(path)
    with open_regular(target) as file:
        kind = sniff(file.read(_HEAD))
        suffix = "" if kind is None else kind.suffix
        if suffix == ".mp4":
            content, foreign = _read_mp4(file), None
        elif suffix in SUFFIXES:
            file.seek(0)
            content, foreign = _READERS[suffix](file.read(_PICTURE_AT_MOST))
        else:
            return None
    if content is None:
        return None if foreign is None else _a1111(foreign)
    try:
        record = strict_json.loads(content)
    except ValueError as error:
        raise InputError(f"{target.name}: its record is damaged ({str(error)[:200]})") from None
    if not isinstance(record, dict) or not isinstance(record.get("input"), dict):
        raise InputError(f"{target.name}: its record is not of a form that this version reads")
    return record


# PNG: chunks of a length, a name, content and a checksum, after 8 bytes of signature


def _read_png(data: bytes) -> tuple[str | None, str | None]:
    texts: dict[bytes, str] = {}
    at = 8
    while at + 8 <= len(data):
        length, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        body = data[at + 8 : at + 8 + length]
        at += length + 12
        keyword, _, rest = body.partition(b"\0")
        if name == b"tEXt":
            texts.setdefault(keyword, rest.decode("latin-1"))
        elif name == b"iTXt" and rest[:1] == b"\0":
            text = rest[2:].split(b"\0", 2)[-1]
            texts.setdefault(keyword, text.decode("utf-8", "replace"))
        elif name == b"IEND":
            break
    return texts.get(_PNG_KEY), texts.get(b"parameters")


# JPEG: segments of a marker and a length, before the picture's own data


def _with_jpeg_segments(data: bytes, record: Mapping[str, Any]) -> bytes:
    packet = _XMP_START + _packet(record)
    if len(packet) + 2 <= _SEGMENT:
        segments = [_segment(_APP1, packet)]
    else:
        # XMP's own way past 64 kB is read by few programs: comments are as good for reading back
        text, step = json.dumps(record).encode(), _SEGMENT - len(_COMMENT) - 2
        parts = [text[i : i + step] for i in range(0, len(text), step)]
        segments = [_segment(_COM, _COMMENT + part) for part in parts]
    at = 2
    for marker, _, end in _segments_of(data):
        if marker not in {_APP0, _APP1}:  # JFIF and Exif want to be first
            break
        at = end
    return data[:at] + b"".join(segments) + data[at:]


def _segment(marker: int, body: bytes) -> bytes:
    return bytes([_MARK, marker]) + (len(body) + 2).to_bytes(2, "big") + body


def _segments_of(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Yield marker, content and end of each segment before the picture's data."""
    at = 2
    while at + 4 <= len(data) and data[at] == _MARK:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in {_SCAN, _END} or not length:
            return
        yield marker, data[at + 4 : at + 2 + length], at + 2 + length
        at += 2 + length


def _read_jpeg(data: bytes) -> tuple[str | None, str | None]:
    comments, content = [], None
    for marker, body, _ in _segments_of(data):
        if marker == _APP1 and body.startswith(_XMP_START):
            # A file that is saved again has two records; the newer one stands behind.
            content = _from_packet(body[len(_XMP_START) :]) or content
        elif marker == _COM and body.startswith(_COMMENT):
            comments.append(body[len(_COMMENT) :])
    if content is None and comments:
        content = b"".join(comments).decode("ascii", "replace")
    return content, _user_comment(data)


# WebP: RIFF chunks; one that carries XMP has the extended head VP8X


def _with_webp_chunk(data: bytes, packet: bytes) -> bytes:
    size = int.from_bytes(data[4:8], "little") + 8
    chunks = data[12:size]
    flags = 0x04  # there is XMP
    if chunks[:4] == b"VP8X":
        chunks = chunks[:8] + bytes([chunks[8] | flags]) + chunks[9:]
    else:  # the simple form: it gets the head, which repeats the size that the picture's data has
        if chunks[:4] == b"VP8L" and chunks[8:9] == b"\x2f":
            bits = int.from_bytes(chunks[9:13], "little")
            width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
            flags |= 0x10 if bits >> 28 & 1 else 0  # transparency
        elif chunks[:4] == b"VP8 " and chunks[11:14] == b"\x9d\x01\x2a":
            width = int.from_bytes(chunks[14:16], "little") & 0x3FFF
            height = int.from_bytes(chunks[16:18], "little") & 0x3FFF
        else:
            return data
        sizes = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        head = b"VP8X" + (10).to_bytes(4, "little") + bytes([flags, 0, 0, 0])
        chunks = head + sizes + chunks
    body = b"WEBP" + chunks + b"XMP " + len(packet).to_bytes(4, "little") + packet
    body += b"\0" * (len(packet) % 2)
    return b"RIFF" + len(body).to_bytes(4, "little") + body + data[size:]


def _read_webp(data: bytes) -> tuple[str | None, str | None]:
    at, content = 12, None
    while at + 8 <= len(data):
        name, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if name == b"XMP ":
            content = _from_packet(data[at + 8 : at + 8 + length]) or content
        at += 8 + length + length % 2
    return content, _user_comment(data)


# MP4: boxes of a length and a name; one for XMP is known by its UUID


def _boxes(file: BinaryIO) -> Iterator[tuple[bytes, int, int, bool]]:
    """Yield name, begin and end of each box at the top, and whether its end is the file's."""
    end, at = file.seek(0, 2), 0
    while at + 8 <= end:
        file.seek(at)
        head = file.read(16)
        length, least = int.from_bytes(head[:4], "big"), 8
        if length == 1:
            length, least = int.from_bytes(head[8:16], "big"), 16
        if length == 0:
            yield head[4:8], at, end, True
            return
        if length < least:
            return
        yield head[4:8], at, at + length, False
        at += length


def _read_mp4(file: BinaryIO) -> str | None:
    content = None
    for name, begin, end, _ in _boxes(file):
        if name == b"uuid" and end - begin < _PACKET_AT_MOST:
            file.seek(begin + 8)
            body = file.read(end - begin - 8)
            if body.startswith(_XMP_UUID):
                content = _from_packet(body[16:]) or content
    return content


# XMP: a packet of RDF; the record is one property, and the prompt the description


def _packet(record: Mapping[str, Any]) -> bytes:
    prompt = record.get("input", {}).get("prompt")
    shown = _xml(prompt if isinstance(prompt, str) else "")
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        f'xmlns:pruna="{_NAMESPACE}">'
        "<dc:description><rdf:Alt>"
        f'<rdf:li xml:lang="x-default">{shown}</rdf:li></rdf:Alt></dc:description>'
        f"<pruna:request>{_xml(json.dumps(record))}</pruna:request>"
        '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def _xml(text: str) -> str:
    # XML has no place for most control characters and none for halves of surrogate pairs
    return escape(re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text))


def _from_packet(packet: bytes) -> str | None:
    """Return the record's text in a packet; None where the packet is another program's."""
    # A document type may define entities that grow without end; XMP has none.
    if len(packet) > _PACKET_AT_MOST or b"<!" in packet:
        return None
    try:
        root = ET.fromstring(packet.strip(b"\0 \r\n").decode("utf-8", "replace"))  # noqa: S314 - no entities, see above
    except ET.ParseError:
        return None
    return root.findtext(f".//{{{_NAMESPACE}}}request")


# The text of AUTOMATIC1111's web UI and of what writes alike


def _user_comment(data: bytes) -> str | None:
    """Return the EXIF comment of a JPEG or a WebP, if it looks like generation parameters."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "WEBP")) as image:
            raw = image.getexif().get_ifd(0x8769).get(0x9286)
    except Exception:  # noqa: BLE001 - of a hostile file, Pillow's readers raise anything
        return None
    if isinstance(raw, bytes):
        # The first 8 bytes name the encoding; the web UI writes UTF-16 of either order.
        body = raw[8:]
        if raw.startswith(b"UNICODE"):
            raw = body.decode("utf-16-be" if body[:1] == b"\0" else "utf-16-le", "replace")
        else:
            raw = body.decode("utf-8", "replace")
    return raw if isinstance(raw, str) and "Steps: " in raw else None


_SETTING = re.compile(r'\s*([\w ][\w \-/]+):\s*("(?:\\.|[^\\"])*"|[^,]*)(?:,|$)')


def _a1111(text: str) -> dict[str, Any]:
    """Return the parts of AUTOMATIC1111's text: prompt, negative prompt, and a line of settings."""
    lines = text.strip().split("\n")
    settings: dict[str, Any] = {}
    if len(found := _SETTING.findall(lines[-1])) >= 3:  # noqa: PLR2004 - fewer may be a prompt's own words
        settings = {name.strip(): _value(value) for name, value in found}
        lines.pop()
    prompt, _, negative = "\n".join(lines).partition("Negative prompt:")
    return {
        "prompt": prompt.strip(),
        "negative_prompt": negative.strip(),
        "settings": settings,
        "parameters": text,
    }


def _value(text: str) -> Any:
    text = text.strip()
    if text.startswith('"'):
        try:
            return json.loads(text)
        except ValueError:
            return text
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text


_READERS = {".png": _read_png, ".jpg": _read_jpeg, ".webp": _read_webp}
