"""How a picture looks: the same whether it is sent or shown."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from pruna_nb.errors import InputError
from pruna_nb.files.inputs import to_media
from pruna_nb.show.decode import load

RAMP = np.linspace(0, 65535, 4096).reshape(64, 64).astype("uint16")


def sent(picture):
    return Image.open(io.BytesIO(to_media(picture).source))


def pixels(picture, mode="RGBA"):
    return np.asarray(picture.convert(mode))


def saved(picture, format_="PNG", **options):
    buffer = io.BytesIO()
    picture.save(buffer, format_, **options)
    return buffer.getvalue()


def turned(orientation, mode="RGB"):
    """Give a JPEG whose pixels lie as its EXIF says, and how it looks."""
    looks = Image.new(mode, (48, 32), "red")
    looks.paste("blue", (0, 0, 24, 16))
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x8825] = {1: "N"}  # where it was taken
    back = {2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}[orientation]
    turn = Image.Exif()
    turn[0x0112] = back
    lying = Image.open(io.BytesIO(saved(looks, "PNG", exif=turn)))
    return saved(ImageOps.exif_transpose(lying), "PNG", exif=exif), looks


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_photo_goes_out_upright_as_it_is_shown_and_without_its_tags(orientation):
    data, looks = turned(orientation)
    photo = Image.open(io.BytesIO(data))
    made = sent(photo)
    assert np.array_equal(pixels(made), pixels(looks))
    assert dict(made.getexif()) == {}
    assert made.info == {}
    shown = load(data, 48)
    assert (shown.width, shown.height) == looks.size
    assert np.array_equal(pixels(shown.image), pixels(looks))


def palette(*, clear=False):
    picture = Image.new("RGB", (16, 16), "red")
    picture.paste("blue", (0, 0, 8, 8))
    picture = picture.quantize(4)
    if clear:
        picture.info["transparency"] = picture.getpixel((0, 0))
    return picture


def deep(dtype="uint16"):
    return Image.fromarray(RAMP.astype(dtype))


def lab():
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    return ImageCms.profileToProfile(
        Image.new("RGB", (8, 8), (200, 100, 50)), *profiles, outputMode="LAB"
    )


LOOKS = {
    "1": (Image.new("1", (4, 4), 1), (255, 255, 255, 255)),
    "L": (Image.new("L", (4, 4), 7), (7, 7, 7, 255)),
    "LA": (Image.new("LA", (4, 4), (7, 9)), (7, 7, 7, 9)),
    "La": (Image.new("LA", (4, 4), (100, 255)).convert("La"), (100, 100, 100, 255)),
    "RGB": (Image.new("RGB", (4, 4), (1, 2, 3)), (1, 2, 3, 255)),
    "RGBA": (Image.new("RGBA", (4, 4), (255, 0, 0, 9)), (255, 0, 0, 9)),
    "RGBa": (Image.new("RGBA", (4, 4), (255, 0, 0, 51)).convert("RGBa"), (255, 0, 0, 51)),
    "CMYK": (Image.new("CMYK", (4, 4), (0, 255, 255, 0)), (255, 0, 0, 255)),
    "YCbCr": (Image.new("RGB", (4, 4), (254, 0, 0)).convert("YCbCr"), (254, 0, 0, 255)),
    "HSV": (Image.new("HSV", (4, 4), (0, 255, 255)), (255, 0, 0, 255)),
    "I, 8 bits": (Image.new("I", (4, 4), 200), (200, 200, 200, 255)),
    "I, 16 bits": (Image.new("I", (4, 4), 0x8040), (128, 128, 128, 255)),
    "F, 0 to 1": (Image.new("F", (4, 4), 0.5), (128, 128, 128, 255)),
    "F, 0 to 255": (Image.new("F", (4, 4), 200.0), (200, 200, 200, 255)),
    "I;16": (Image.fromarray(np.full((4, 4), 0x80FF, "uint16")), (128, 128, 128, 255)),
    "I;16B": (Image.frombytes("I;16B", (4, 4), b"\x80\xff" * 16), (128, 128, 128, 255)),
    "dark I;16": (Image.fromarray(np.full((4, 4), 200, "uint16")), (0, 0, 0, 255)),
    "a palette": (palette().crop((0, 0, 4, 4)), (0, 0, 255, 255)),
    "a palette with a clear colour": (palette(clear=True).crop((0, 0, 4, 4)), (0, 0, 255, 0)),
}


@pytest.mark.parametrize("mode", LOOKS)
def test_a_picture_of_any_mode_goes_out_as_it_looks(mode):
    picture, colour = LOOKS[mode]
    made = sent(picture)
    assert made.mode in {"L", "LA", "RGB", "RGBA"}
    near = np.abs(pixels(made)[0, 0].astype(int) - colour)
    assert near.max() <= (1 if mode in {"YCbCr", "RGBa"} else 0), made.getpixel((0, 0))


def test_the_colours_of_lab_are_kept():
    near = np.abs(pixels(sent(lab()), "RGB")[0, 0].astype(int) - (200, 100, 50))
    assert near.max() <= 3


def test_sixteen_bits_are_scaled_and_not_cut_off():
    for picture in (deep(), Image.open(io.BytesIO(saved(deep()))), deep("int32"), RAMP):
        gray = pixels(sent(picture), "L")
        assert np.array_equal(gray, RAMP >> 8)


@pytest.mark.parametrize("make", [deep, palette, lambda: palette(clear=True)])
def test_a_file_is_shown_as_it_would_be_sent_if_it_were_opened(make):
    data = saved(make())
    shown = load(data, 64)
    opened = sent(Image.open(io.BytesIO(data)))
    assert np.array_equal(pixels(shown.image), pixels(opened))


def test_floats_of_an_image_and_of_an_array_are_the_same_picture():
    array = (RAMP / 65535).astype("float32")
    one, other = sent(Image.fromarray(array)), sent(array)
    assert np.abs(pixels(one, "L").astype(int) - pixels(other, "L")).max() <= 1
    assert pixels(one, "L").max() == pixels(other, "L").max() == 255


@pytest.mark.parametrize(("mode", "red"), [("RGB", (255, 0, 0)), ("CMYK", (0, 255, 255, 0))])
def test_colours_of_a_profile_become_those_that_everybody_takes_for_granted(mode, red):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = Image.new(mode, (4, 4), red)
    picture.info["icc_profile"] = profile
    made = sent(picture)
    assert "icc_profile" not in made.info
    assert made.convert("RGB").getpixel((0, 0))[0] > 250


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (Image.new("F", (2, 2), float("nan")), "nan"),
        (Image.new("F", (2, 2), 3000.0), "0 to 1, or 0 to 255"),
        (Image.new("I", (2, 2), 70_000), "16 bits"),
        (Image.new("I", (2, 2), -1), "16 bits"),
        (np.full((2, 2), np.nan), "without NaN"),
        (np.full((2, 2), 200, dtype="uint16"), r"astype\('uint8'\)"),
        (np.zeros((3, 8, 8)), "transpose"),
        (np.zeros((1, 8, 8)), "transpose"),
        (np.array([[object()]]), "array of object is not a picture"),
        (np.array([["a", "b"]]), "is not a picture"),
        (np.zeros((2, 2), dtype="V3"), "is not a picture"),
    ],
)
def test_what_is_no_picture_by_its_values_is_refused_with_what_to_do(picture, words):
    with pytest.raises(InputError, match=words):
        to_media(picture)


class Tensor:
    """What torch and jax have: no array, but what turns into one."""

    def __init__(self, values, error=None):
        self.values, self.error = values, error

    def __array__(self, dtype=None, copy=None):
        if self.error:
            raise self.error
        return self.values


def test_a_tensor_is_the_picture_of_its_array():
    array = np.random.default_rng(1).random((8, 8, 3)).astype("float32")
    assert to_media(Tensor(array)).sha256 == to_media(array).sha256
    with pytest.raises(InputError, match="permute"):
        to_media(Tensor(array.transpose(2, 0, 1)))
    with pytest.raises(InputError, match="Tensor cannot be read as an array: it is on a GPU"):
        to_media(Tensor(array, TypeError("it is on a GPU")))


def test_a_picture_in_memory_is_not_changed_by_being_sent():
    picture = palette(clear=True)
    picture.info["note"] = "mine"
    before = picture.mode, dict(picture.info), picture.tobytes()
    to_media(picture)
    assert (picture.mode, picture.info, picture.tobytes()) == before
