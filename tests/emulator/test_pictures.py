"""Pictures are as large as asked for, each its own, and show their prompt."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageStat

from pruna_nb.catalog import get_model
from pruna_nb.emulator import caption, drawing, fast, sizes

SMALL = (336, 192)


def opened(content):
    picture = Image.open(io.BytesIO(content))
    picture.load()
    return picture


def difference(one, other):
    """Give the mean difference of two pictures' pixels, 0 to 255."""
    return sum(ImageStat.Stat(ImageChops.difference(one, other)).mean) / 3


def test_the_same_prompt_and_seed_give_the_same_bytes():
    one, other = (drawing.encode(drawing.paint("a lion", 3, SMALL), "jpg", 80) for _ in range(2))
    assert one == other


@pytest.mark.parametrize(
    "changed", [{"prompt": "a tiger"}, {"seed": 4}, {"variant": "flux-dev"}], ids=str
)
def test_another_prompt_seed_or_model_gives_another_picture(changed):
    asked = {"prompt": "a lion", "seed": 3, "variant": "p-image"}
    one, other = (
        drawing.paint(each["prompt"], each["seed"], SMALL, variant=each["variant"])
        for each in (asked, asked | changed)
    )
    assert difference(one, other) > 5


def test_a_hundred_seeds_give_a_hundred_pictures():
    made = {drawing.paint("a lion", seed, (96, 64)).tobytes() for seed in range(100)}
    assert len(made) == 100


@pytest.mark.parametrize(
    "prompt", ["", "a fox", "a city by the sea", "a red cup, studio", "mountains in snow"]
)
def test_every_scene_fills_its_size_with_more_than_one_colour(prompt):
    for size in ((1344, 768), (672, 1568), (64, 64)):
        picture = drawing.paint(prompt, 2, size)
        assert picture.size == size
        assert len(picture.resize((16, 16)).getcolors()) > 8


@pytest.mark.parametrize(("word", "channel"), [("red", 0), ("green", 1), ("blue", 2)])
@pytest.mark.parametrize("thing", ["fox", "cars", "thing that has no shape"])
def test_a_colour_in_the_prompt_rules_the_picture(word, channel, thing):
    for seed in range(5):
        means = ImageStat.Stat(drawing.paint(f"a {word} {thing}", seed, SMALL)).mean
        assert means[channel] == max(means)


def test_a_thing_in_the_prompt_is_drawn_where_the_seed_places_it():
    fox, other = (drawing.paint("a red fox", seed, SMALL) for seed in (1, 2))
    nothing = drawing.paint("a red", 1, SMALL)
    assert difference(fox, other) > 5
    assert difference(fox, nothing) > 5


def test_the_prompt_stands_on_the_picture_in_readable_contrast():
    size = (1344, 768)
    for seed in range(12):
        plain = drawing.paint("", seed, size, variant=str(seed))
        ground = plain.convert("L")
        caption.write_caption(plain, "A majestic lion on a cliff", dark=(20, 20, 30))
        written = plain.convert("L").crop((0, 600, 1344, 768))
        assert sum(written.histogram()[236:]) > 2_000
        below_text = ImageStat.Stat(written.crop((1200, 120, 1344, 160))).mean[0]
        assert below_text < 0.55 * 255
        assert ground.size == size


def test_a_long_prompt_is_wrapped_and_cut_and_short_ones_are_whole():
    font = caption._font(40)
    lines = caption.wrap("a very long prompt " * 40, font, 800, most=3)
    assert len(lines) == 3
    assert lines[-1].endswith("…")
    assert all(font.getlength(line) <= 800 for line in lines)
    assert caption.wrap("a lion", font, 800, most=3) == ["a lion"]


@given(text=st.text(max_size=300), width=st.integers(60, 900))
@settings(max_examples=60)
def test_any_text_can_be_wrapped_and_no_line_is_too_wide(text, width):
    font = caption._font(24)
    for line in caption.wrap(caption.readable(text), font, width, most=4):
        assert font.getlength(line) <= width or len(line) <= 2


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        " \n\t ",
        "x" * 100_000,
        "日本語のプロンプト",
        "مرحبا بالعالم",
        "\x00\x1b[31m\u202e",
        "🦁👨‍👩‍👧",
        "\ud800",
        "$5 and <script>alert(1)</script>",
    ],
)
def test_any_prompt_can_be_painted(prompt):
    assert drawing.paint(prompt, 1, SMALL).size == SMALL


@pytest.mark.parametrize(
    ("ratio", "size"),
    [
        ("1:1", (1024, 1024)),
        ("16:9", (1344, 768)),
        ("9:16", (768, 1344)),
        ("4:3", (1152, 864)),
        ("3:4", (864, 1152)),
        ("3:2", (1248, 832)),
        ("2:3", (832, 1248)),
    ],
)
def test_p_image_has_about_a_megapixel_in_the_ratio_asked_for(ratio, size):
    found = sizes.image_size(get_model("p-image"), {"prompt": "x", "aspect_ratio": ratio})
    assert found == size
    assert found[0] % 16 == found[1] % 16 == 0


@pytest.mark.parametrize(
    ("model", "given_input", "size"),
    [
        ("p-image", {}, (1344, 768)),
        ("p-image", {"aspect_ratio": "custom", "width": 512, "height": 272}, (512, 272)),
        ("z-image-turbo", {}, (1024, 1024)),
        ("z-image-turbo", {"width": 640, "height": 333}, (640, 333)),
        ("flux-dev", {"aspect_ratio": "21:9"}, (1568, 672)),
        ("flux-dev", {"image_size": 512}, (512, 512)),
        ("flux-dev-lora", {"megapixels": "0.25"}, (512, 512)),
        ("flux-2-klein-4b", {"output_megapixels": "4"}, (2048, 2048)),
        ("p-image-ideogram", {"aspect_ratio": "16:9", "image_size": "2K"}, (2688, 1536)),
        ("qwen-image", {"aspect_ratio": "1:1", "image_size": "optimize_for_speed"}, (512, 512)),
    ],
)
def test_the_fields_of_size_are_followed(model, given_input, size):
    assert sizes.image_size(get_model(model), given_input) == size


def test_an_edit_matches_its_input_s_shape():
    model = get_model("p-image-edit")
    assert sizes.image_size(model, {}, (800, 600)) == (800, 608)
    assert sizes.image_size(model, {"aspect_ratio": "1:1"}, (800, 600)) == (1024, 1024)
    wide, high = sizes.image_size(model, {}, (6000, 3000))
    assert wide * high == pytest.approx(1024 * 1024, rel=0.05)
    assert wide / high == pytest.approx(2, rel=0.05)


@pytest.mark.parametrize("target", [1, 4, 8])
def test_upscaling_reaches_its_megapixels_in_the_same_shape(target):
    wide, high = sizes.upscaled_size((1344, 768), target)
    assert wide * high == pytest.approx(target * 1_000_000, rel=0.002)
    assert wide / high == pytest.approx(1.75, rel=0.005)


@pytest.mark.parametrize(
    ("output_format", "kind"), [("jpg", "JPEG"), ("png", "PNG"), ("webp", "WEBP"), (None, "WEBP")]
)
def test_the_format_asked_for_is_made_and_the_default_otherwise(serve, output_format, kind):
    caller = serve()
    wanted = {"prompt": "a lion"} | ({"output_format": output_format} if output_format else {})
    answer = caller.post(wanted, model="qwen-image", sync=True)
    delivery = caller.get(answer.json()["generation_url"])
    picture = opened(delivery.content)
    assert picture.format == kind
    assert picture.size == (1344, 768)
    assert delivery.headers["Content-Type"] == f"image/{kind.lower()}"


def test_a_lower_quality_gives_fewer_bytes(serve):
    caller = serve()
    wanted = {"prompt": "a lion", "seed": 1, "aspect_ratio": "1:1"}
    low, high = (
        len(caller.make({**wanted, "output_quality": quality}, model="flux-dev"))
        for quality in (20, 95)
    )
    assert low < high / 2


def test_without_a_seed_every_prediction_gives_another_picture(serve):
    caller = serve()
    assert caller.make() != caller.make()
    assert caller.make({"prompt": "x", "seed": 2}) == caller.make({"prompt": "x", "seed": 2})


@pytest.mark.parametrize(("suffix", "kind"), [("jpg", "JPEG"), ("png", "PNG"), ("webp", "WEBP")])
def test_a_fast_picture_is_small_decodes_and_is_its_own(suffix, kind):
    made = {fast.fast_image("a lion", seed, (1344, 768), suffix) for seed in range(50)}
    assert len(made) == 50
    assert fast.fast_image("a lion", 1, (1344, 768), suffix) in made
    for content in made:
        picture = opened(content)
        assert picture.format == kind
        assert picture.size == (168, 96)
        assert len(content) < 2_000


def test_an_edit_keeps_what_was_there_and_shows_its_prompt():
    original = Image.new("RGB", (640, 480), "white")
    original.paste("black", (320, 0, 640, 480))
    edited = drawing.edit([original], "make it blue", 1, (640, 480))
    left, right = edited.crop((0, 240, 300, 480)), edited.crop((340, 240, 640, 480))
    assert sum(ImageStat.Stat(left).mean) > sum(ImageStat.Stat(right).mean) + 300
    red, _, blue = ImageStat.Stat(left).mean
    assert blue > red + 20


def test_the_leading_image_takes_the_most_room():
    colours = ["red", "lime", "blue"]
    sheet = drawing.tiled([Image.new("RGB", (90, 60), each) for each in colours], (900, 600))
    assert sheet.getpixel((100, 300)) == (255, 0, 0)
    assert sheet.getpixel((890, 100)) == (0, 255, 0)
    assert sheet.getpixel((890, 500)) == (0, 0, 255)
