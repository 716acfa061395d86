"""Files in a form: named by their bytes, checked by their bytes, kept by the form alone."""

from __future__ import annotations

import hashlib
import io
import stat

import numpy as np
import pytest
from PIL import Image

from pruna_nb.catalog import get_model
from pruna_nb.errors import InputError
from pruna_nb.form.file_input import keep_upload
from pruna_nb.form.inputs import make_input
from pruna_nb.settings import configure
from pruna_nb.settings.scopes import Scope


def png(color):
    buffer = io.BytesIO()
    Image.new("RGB", (20, 10), color).save(buffer, "PNG")
    return buffer.getvalue()


def uploaded(name, content):
    """Return a file as the browser hands it to the widget."""
    return {
        "name": name,
        "type": "image/png",
        "size": len(content),
        "content": memoryview(content),
        "last_modified": 1_700_000_000_000,
    }


@pytest.fixture
def folder(tmp_path):
    """Keep uploads below the test's folder."""
    with configure(cache_dir=tmp_path):
        yield tmp_path / "uploads"


@pytest.fixture
def images(folder):
    """Make the control of a field that takes several pictures."""
    return make_input(get_model("p-image-edit").fields["images"], Scope())


@pytest.fixture
def image(folder):
    """Make the control of a field that takes one picture."""
    return make_input(get_model("p-image-upscale").fields["image"], Scope())


def upload(control, *files):
    control.upload.set_state({"value": [uploaded(*file) for file in files]})


def test_an_upload_is_named_by_its_bytes_and_its_true_kind(images, tmp_path):
    content = png("teal")
    upload(images, ("../../evil.exe", content))
    name = f"{hashlib.sha256(content).hexdigest()}.png"
    assert images.value() == [str(tmp_path / "uploads" / name)]
    assert [path.name for path in (tmp_path / "uploads").iterdir()] == [name]
    folders = [tmp_path / "uploads", *(tmp_path / "uploads").parents]
    assert not [folder for folder in folders if (folder / "evil.exe").exists()]
    assert stat.S_IMODE((tmp_path / "uploads" / name).stat().st_mode) == 0o600


def test_the_widget_keeps_no_copy_of_an_upload(images):
    upload(images, ("a.png", png("teal")))
    assert images.upload.value == ()


def test_uploads_add_up_where_a_field_takes_several(images):
    upload(images, ("a.png", png("teal")))
    upload(images, ("b.png", png("red")), ("again.png", png("teal")))
    assert len(images.value()) == 2


def test_the_newest_upload_stands_where_a_field_takes_one(image):
    upload(image, ("a.png", png("teal")))
    first = image.value()
    upload(image, ("b.png", png("red")))
    assert image.value() != first
    assert len(image.state()) == 1


def test_a_file_of_another_kind_is_refused_and_said(image):
    upload(image, ("a.png", b"PK\x03\x04 and so on"))
    assert image.value() is None
    assert "a picture fits" in image._trouble.value


def test_what_is_no_file_of_media_is_refused(tmp_path):
    with pytest.raises(InputError, match="unrecognised file type"):
        keep_upload(b"<script>", tmp_path, ("image",))


def test_paths_and_addresses_are_typed(images, tmp_path):
    images.typed.value = '"/data/a fox.png"'
    images.typed.value = "https://example.org/b.png"
    assert images.value() == ["/data/a fox.png", "https://example.org/b.png"]
    assert images.typed.value == ""
    assert "no such file" in images._shown.children[0].children[0].value


def test_a_file_is_taken_out_by_its_button(images):
    images.restore(["/data/a.png", "/data/b.png"])
    images._shown.children[0].children[1].click()
    assert images.value() == ["/data/b.png"]


def test_pictures_from_code_get_a_path(images, tmp_path):
    array = np.zeros((8, 8, 3), "uint8")
    images.restore([Image.new("RGB", (4, 4)), array, tmp_path / "c.png", png("teal")])
    paths = images.value()
    assert len(paths) == 4
    assert paths[2] == str(tmp_path / "c.png")
    assert all(path.startswith(str(tmp_path)) for path in paths)


def test_a_hostile_file_name_is_shown_as_text(images):
    upload(images, ("<img src=x onerror=alert(1)>.png", png("teal")))
    shown = images._shown.children[0].children[0].value
    assert "<img src=x" not in shown
    assert "&lt;img src=x" in shown
