"""What a person puts into a field that takes a file, and how it gets to the service."""

from __future__ import annotations

import base64
import io
import os
import threading

import numpy as np
import pytest
from PIL import Image

from pruna_nb.api.multipart import Multipart
from pruna_nb.api.replies import Upload
from pruna_nb.api.upload import Uploader
from pruna_nb.errors import InputError, TooLargeError
from pruna_nb.files import inputs
from pruna_nb.files.inputs import Media, replace_media, to_media
from tests.helpers.media import mp4, picture, zip_of


def test_a_path_bytes_a_file_and_a_data_uri_of_equal_bytes_are_the_same_media(tmp_path):
    data = picture("JPEG")
    path = tmp_path / "a photo ä.jpg"
    path.write_bytes(data)
    uri = "data:image/jpeg;base64," + base64.b64encode(data).decode()
    with path.open("rb") as file:
        made = [to_media(each) for each in (path, str(path), data, bytearray(data), file, uri)]
        made.append(to_media(io.BytesIO(data)))
    assert {media.sha256 for media in made} == {made[0].sha256}
    assert {media.size for media in made} == {len(data)}
    assert {media.type.content_type for media in made} == {"image/jpeg"}


def test_a_picture_and_an_array_become_a_png_of_their_pixels():
    pixels = np.arange(48, dtype="uint8").reshape(4, 4, 3)
    for value in (Image.fromarray(pixels), pixels):
        media = to_media(value)
        assert media.type.suffix == ".png"
        with media.open() as file:
            assert np.array_equal(np.asarray(Image.open(file)), pixels)


def test_an_array_of_floats_counts_from_0_to_1():
    media = to_media(np.array([[0.0, 0.5], [1.0, 1.1]]))
    with media.open() as file:
        assert np.asarray(Image.open(file)).tolist() == [[0, 128], [255, 255]]


@pytest.mark.parametrize("shape", [(0,), (2, 2, 7), (1, 2, 3, 4)])
def test_an_array_that_is_no_picture_is_refused(shape):
    with pytest.raises(InputError, match="not a picture"):
        to_media(np.zeros(shape, dtype="uint8"))


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (picture("JPEG"), "image/jpeg"),
        (picture("PNG"), "image/png"),
        (picture("WEBP"), "image/webp"),
        (mp4(), "video/mp4"),
        (zip_of({"a": b"b"}), "application/zip"),
        (b"RIFF\0\0\0\0WAVEfmt ", "audio/wav"),
        (b"ID3\x04" + b"\0" * 60, "audio/mpeg"),
    ],
)
def test_the_content_type_is_told_by_the_bytes_and_not_by_the_name(tmp_path, data, content_type):
    path = tmp_path / "wrong.txt"
    path.write_bytes(data)
    assert to_media(path).type.content_type == content_type


def test_an_address_is_passed_on_as_it_is():
    assert to_media("https://example.com/a.jpg") == "https://example.com/a.jpg"
    assert to_media("HTTP://example.com/a.jpg") == "HTTP://example.com/a.jpg"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("/nowhere/photo.jpg", "does not exist"),
        ("x" * 5000, "does not exist"),
        ("a\0b", "does not exist"),
        ("~no-such-user-of-this-machine/photo.jpg", "does not exist"),
        (b"", "empty"),
        (b"hello, I am text", "unrecognised file type"),
        (io.StringIO("text"), "binary mode"),
        ("data:image/png;base64,!!!", "cannot be read"),
        ("data:image/png", "cannot be read"),
        (12, "int cannot be a file"),
        (None, "NoneType cannot be a file"),
        ({"a": 1}, "dict cannot be a file"),
    ],
)
def test_what_is_no_file_is_refused_with_what_it_is(value, words):
    with pytest.raises(InputError, match=words):
        to_media(value)


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(InputError, match="is a folder"):
        to_media(tmp_path)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_is_refused(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(picture())
    path.chmod(0)
    with pytest.raises(InputError, match="cannot be read"):
        to_media(path)


def test_more_than_100_megabytes_are_refused_without_being_read(tmp_path):
    path = tmp_path / "large.jpg"
    with path.open("wb") as file:
        file.write(picture("JPEG"))
        file.truncate(100_000_001)
    with pytest.raises(TooLargeError, match="100 MB"):
        to_media(path)
    with path.open("wb") as file:
        file.write(picture("JPEG"))
        file.truncate(100_000_000)
    assert to_media(path).size == 100_000_000


def test_a_file_object_without_end_is_not_read_to_its_end():
    class Endless:
        given = 0

        def read(self, size=-1):
            if size < 0:
                raise MemoryError("read whole")
            self.given += size
            return b"\xff\xd8\xff" + bytes(size - 3)

    endless = Endless()
    with pytest.raises(TooLargeError):
        to_media(endless)
    assert endless.given < 200_000_000


def test_an_open_file_can_be_used_again(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(picture("JPEG"))
    with path.open("rb") as file:
        assert to_media(file).sha256 == to_media(file).sha256


def test_a_file_that_changes_after_it_was_planned_is_not_sent(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(picture(seed=1))
    media = to_media(path)
    assert media.sha256
    path.write_bytes(picture(seed=2, size=(80, 80)))
    with pytest.raises(InputError, match="has changed"):
        media.open()


def test_files_in_lists_are_replaced_in_place():
    one, other = Media(picture(seed=1)), Media(picture(seed=2))
    given = {"prompt": "a", "images": [one, "https://x.example/y"], "video": other, "seed": 1}
    assert replace_media(given, lambda media: media.size) == {
        "prompt": "a",
        "images": [one.size, "https://x.example/y"],
        "video": other.size,
        "seed": 1,
    }


# -------------------------------------------------------------------------- uploads


class Service:
    """Counts what is uploaded, on a clock that the test moves."""

    def __init__(self, life=1800.0):
        self.now, self.life, self.sent = 1000.0, life, []
        self.uploader = Uploader(self.send, clock=lambda: self.now)

    def send(self, media):
        self.sent.append(media.sha256)
        return Upload(f"https://files/{len(self.sent)}", self.now + self.life)


def test_equal_bytes_are_uploaded_once():
    service = Service()
    urls = {service.uploader.url(Media(picture())) for _ in range(5)}
    assert urls == {"https://files/1"}
    assert len(service.sent) == 1


def test_a_file_is_uploaded_again_shortly_before_it_expires():
    service, media = Service(), Media(picture())
    service.uploader.url(media)
    service.now += 1600
    assert service.uploader.url(media) == "https://files/1"
    service.now += 100  # 100 s are left
    assert service.uploader.ready(media) is None
    assert service.uploader.url(media) == "https://files/2"
    assert service.uploader.ready(media) == "https://files/2"


@pytest.mark.parametrize("life", [5.0, 60.0, 119.0])
def test_a_file_that_lives_shortly_is_ready_right_after_it_was_uploaded(life):
    """Else a batch would upload it for ever, and never send its row."""
    service, media = Service(life), Media(picture())
    service.uploader.url(media)
    assert service.uploader.ready(media) == "https://files/1"
    service.now += life * 0.9
    assert service.uploader.ready(media) is None


def test_a_file_that_the_service_forgot_is_uploaded_again():
    service, media = Service(), Media(picture())
    service.uploader.url(media)
    service.uploader.forget(media)
    assert service.uploader.url(media) == "https://files/2"


def test_rows_that_share_a_file_wait_for_its_one_upload():
    service = Service()
    began, go_on = threading.Event(), threading.Event()
    send = service.uploader._send

    def slowly(media):
        began.set()
        go_on.wait(60)
        return send(media)

    service.uploader._send = slowly
    urls = []
    threads = [
        threading.Thread(target=lambda: urls.append(service.uploader.url(Media(picture()))))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    began.wait(60)
    go_on.set()
    for thread in threads:
        thread.join()
    assert urls == ["https://files/1"] * 8


def test_a_failed_upload_is_tried_again_by_the_next_row():
    service, media = Service(), Media(picture())
    service.uploader._send = lambda _: (_ for _ in ()).throw(InputError("no"))
    with pytest.raises(InputError):
        service.uploader.url(media)
    service.uploader._send = service.send
    assert service.uploader.url(media) == "https://files/1"


@pytest.mark.parametrize("size", [1, 7, 64, 100_000])
def test_a_form_is_as_long_as_it_says_however_it_is_read(size):
    data = os.urandom(50_000)
    form = Multipart("content", "a b/../c\r\n.jpg", "image/jpeg", io.BytesIO(data), len(data))
    said, read = len(form), b""
    while piece := form.read(size):
        assert len(piece) <= size
        read += piece
    assert len(read) == said
    head, _, rest = read.partition(b"\r\n\r\n")
    assert rest.startswith(data)
    assert b'name="content"; filename="a_b_.._c__.jpg"' in head
    assert head.count(b"\r\n") == 2


def test_the_limit_is_the_services_hundred_megabytes():
    assert inputs.FILE_BYTES_AT_MOST == 100_000_000
