"""The emulator takes requests of this machine alone, and no more than it can hold."""

from __future__ import annotations

import io
import socket
import struct
import zlib

import pytest
from PIL import Image

from pruna_nb.emulator import files

HEAD = "POST {path} HTTP/1.1\r\nHost: {host}\r\napikey: k\r\nModel: p-image\r\n{more}\r\n"


@pytest.fixture
def ask(serve):
    """Give a function that sends bytes to an emulator and gives the first line that comes back."""
    caller = serve(fast=True, latency=0, max_file_bytes=100_000)

    def raw(*parts, path="/v1/predictions", host=None, more=""):
        with socket.create_connection(("127.0.0.1", caller.service.port), timeout=20) as client:
            host = f"127.0.0.1:{caller.service.port}" if host is None else host
            client.sendall(HEAD.format(path=path, host=host, more=more).encode())
            for part in parts:
                try:
                    client.sendall(part)
                except OSError:
                    break
            return client.recv(100_000).decode().partition("\r\n")[0]

    raw.caller = caller  # type: ignore[attr-defined]
    return raw


BODY = b'{"input": {"prompt": "a lion"}}'


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil.example",
     "10.0.0.1", "169.254.169.254", "[::ffff:10.0.0.1]", "", "user@localhost", "localhost, evil"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/v1/predictions", "/v1/files", "/_emulator", "/"])
def test_a_request_by_another_host_s_name_is_refused(ask, host, path):
    line = ask(BODY, path=path, host=host, more=f"Content-Length: {len(BODY)}\r\n")
    assert line == "HTTP/1.1 421 Misdirected Request"
    assert ask.caller.service.charged == 0


@pytest.mark.parametrize(
    "host", ["localhost", "localhost.:80", "LocalHost:99", "127.0.0.1", "127.9.9.9:1", "[::1]:8"]
)
def test_a_request_by_a_loopback_name_is_taken(ask, host):
    line = ask(BODY, host=host, more=f"Content-Length: {len(BODY)}\r\n")
    assert line == "HTTP/1.1 201 Created"


def test_a_request_without_a_host_is_refused(ask):
    with socket.create_connection(("127.0.0.1", ask.caller.service.port), timeout=20) as client:
        client.sendall(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert client.recv(100_000).startswith(b"HTTP/1.1 4")


def test_two_host_headers_are_refused(ask):
    more = f"Host: evil.example\r\nContent-Length: {len(BODY)}\r\n"
    assert ask(BODY, more=more) == "HTTP/1.1 421 Misdirected Request"


@pytest.mark.parametrize("path", ["/v1/predictions", "/v1/files", "/v1/nothing", "/_emulator"])
@pytest.mark.parametrize("length", ["9000000", "99999999999", "9" * 5000])
@pytest.mark.parametrize("more", ["", "Expect: 100-continue\r\n"])
def test_a_body_that_is_announced_too_large_is_refused_before_it_is_read(ask, path, length, more):
    line = ask(path=path, more=f"Content-Length: {length}\r\n{more}")
    # A number that no parser holds is no request at all.
    assert line.split()[1] == ("400" if len(length) > 100 else "413")


@pytest.mark.parametrize("path", ["/v1/predictions", "/v1/files"])
def test_a_body_that_becomes_too_large_is_refused(ask, path):
    part = b"40000\r\n" + bytes(0x40000) + b"\r\n"
    kind = "multipart/form-data; boundary=b" if path == "/v1/files" else "application/json"
    begin = b'--b\r\nContent-Disposition: form-data; name="content"; filename="x"\r\n\r\n'
    chunk = f"{len(begin):x}\r\n".encode() + begin + b"\r\n"
    line = ask(chunk, *[part] * 60, b"0\r\n\r\n", path=path,
               more=f"Transfer-Encoding: chunked\r\nContent-Type: {kind}\r\n")  # fmt: skip
    assert line.split()[1] == "413"


def test_a_head_without_an_end_is_refused(ask):
    assert ask(*[b"X-Filler: " + b"x" * 9_990 + b"\r\n"] * 40).split()[1] == "400"


def test_a_large_request_goes_on_the_same_connection(ask):
    prompt = "x" * 1_000_000
    answer = ask.caller.post({"prompt": prompt})
    assert answer.status_code == 201


def saved(kind, **options):
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "kind", ["EPS", "PDF", "ICO", "ICNS", "TGA", "PPM", "PCX", "SGI", "JPEG2000", "DDS"]
)
def test_a_picture_that_needs_another_decoder_is_refused(ask, kind):
    answer = ask.caller.upload(saved(kind), "picture.jpg")
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "INVALID_FILE"


@pytest.mark.parametrize(
    "content",
    [
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"%!PS\n(/etc/passwd) (r) file\n",
        b"\xc5\xd0\xd3\xc6" + struct.pack("<II", 32, 9) + bytes(60),
        b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
        b"<?xml version='1.0'?><!DOCTYPE svg [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><svg>&x;</svg>",
        b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
    ],
)
def test_what_would_run_or_read_something_is_refused(ask, content):
    assert ask.caller.upload(content, "x.png").json()["error"]["code"] == "INVALID_FILE"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_the_usual_pictures_are_taken(ask, kind):
    assert ask.caller.upload(saved(kind)).json()["content_type"] == f"image/{kind.lower()}"


def chunk(name, content):
    body = name + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


def png_of(width, height, *more):
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(bytes(100)))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + b"".join(more) + pixels + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    "content",
    [
        png_of(60_000, 60_000),
        png_of(9_000, 9_000),
        png_of(8, 8, chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(90 << 20)))),
        png_of(8, 8, chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(90 << 20)))),
        b"GIF89a" + struct.pack("<HHBBB", 65_535, 65_535, 0, 0, 0) + b",",
    ],
    ids=["absurd", "large", "text", "profile", "gif"],
)
def test_a_bomb_is_refused(ask, content):
    answer = ask.caller.upload(content)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "INVALID_FILE"


def test_no_other_decoder_is_ever_asked():
    with pytest.raises(OSError, match="cannot identify"):
        files.open_picture(io.BytesIO(saved("EPS")))
