"""Every model of the catalogue, driven through a frame with all its fields set."""

from __future__ import annotations

import math
import wave
import zipfile
from pathlib import Path

import av
import pandas as pd
import pytest
from PIL import Image

from pruna_nb import emulator, settings
from pruna_nb.catalog import all_models, get_model, parse_ratio

FILES = {"image": "a.png", "video": "a.mp4", "audio": "a.wav", "zip": "a.zip"}
VALUES = {
    "prompt": "a lighthouse by the sea",
    "instruction_prompt": "wave gently",
    "seed": 11,
    "width": 512,
    "height": 768,
    "num_outputs": 1,
    "duration": 2,
    "num_frames": 81,
    "frame_num": 24,
    "frames_per_second": 30,
    "fps": 24,
    "voice_script": "hello from the lighthouse",
    "default_caption": "a tok lighthouse",
    "lora_weights": "https://example.com/tok.safetensors",
    "lora_scales": [0.5],
    "hf_api_token": "hf_not_a_real_token",
    "reference_image": "1",
    "steps": 200,
    "target": 2,
    "aspect_ratio": "custom",
    "size": "480*832",
    "resolution": "720p",
    "output_format": "png",
}
"""What is given to a field of that name; others get their last choice, default or least value."""

COST_USD = {
    "p-image": 0.005,
    "p-image-lora": 0.005,
    "p-image-pro": 0.01,
    "p-image-ideogram": None,
    "p-image-edit": 0.01,
    "p-image-edit-lora": 0.01,
    "p-image-upscale": 0.01,
    "p-image-try-on": 0.015 + 0.008,
    "flux-dev": 0.005,
    "flux-dev-lora": 0.01,
    "flux-2-klein-4b": 0.0001,
    "wan-image-small": 0.005,
    "qwen-image": 0.025,
    "qwen-image-fast": 0.005,
    "qwen-image-edit-plus": 0.03,
    "z-image-turbo": 0.005,
    "z-image-turbo-lora": 0.008,
    "wan-t2v": None,
    "wan-i2v": None,
    "vace": None,
    "p-video": None,
    "p-video-animate": None,
    "p-video-replace": None,
    "p-video-avatar": None,
    "p-image-trainer": None,
    "p-image-edit-trainer": None,
}
"""By the published prices, for the fields above: two garments, and the upper end of a range.
None is not published, or depends on the length of what is given (a sound, a video)."""
USD_A_SECOND = {"p-video": 0.005, "p-video-animate": 0.03, "p-video-replace": 0.03}
"""Of what is made, where that length is known at the end alone; p-video's is a draft."""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Return a file of each kind that fields take."""
    folder = tmp_path_factory.mktemp("files")
    Image.new("RGB", (300, 400), "teal").save(folder / "a.png")
    Image.new("RGB", (400, 300), "orange").save(folder / "b.jpg")
    with wave.open(str(folder / "a.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 16000, "NONE", ""))
        sound.writeframes(bytes(32000))
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.write(folder / "a.png", "a.png")
        archive.writestr("a.txt", "a tok colour")
    with av.open(str(folder / "a.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=12)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        picture = Image.new("RGB", (320, 240), "purple")
        for _ in range(12):
            container.mux(stream.encode(av.VideoFrame.from_image(picture)))
        container.mux(stream.encode(None))
    return folder


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """Run an emulator that draws its pictures in full."""
    with emulator.running(latency=0) as service:
        yield service


@pytest.fixture
def pointed(real):
    with settings.configure(api_key="test-key", base_url=real.url):
        yield real


def value_for(field, files):
    """Return a value that a field takes."""
    if field.media:
        path = str(files / FILES[field.media[-1]])
        return [path, str(files / "b.jpg")] if field.type == "array" else path
    if field.name in VALUES and (not field.choices or VALUES[field.name] in field.choices):
        value = VALUES[field.name]
        return [value] if field.type == "array" and not isinstance(value, list) else value
    if field.choices:
        return field.choices[-1]
    if field.type == "array":
        return [1.0] if field.item_type == "number" else ["https://example.com/more.safetensors"]
    if field.type in {"boolean", "string"}:
        return True if field.type == "boolean" else f"some {field.name}"
    return field.default if field.has_default and field.default is not None else field.minimum or 1


def seconds_of(path):
    with av.open(path) as container:
        return container.duration / av.time_base


def all_fields(model, files):
    return {name: value_for(field, files) for name, field in model.fields.items()}


def row_of(model, files):
    """Return a frame of one row with a column for each field of a model, and the call for it."""
    given = all_fields(model, files)
    frame = pd.DataFrame({name: pd.Series([value], dtype=object) for name, value in given.items()})
    columns = {f"{name}_col": name for name in given if name != "prompt"}
    if "prompt" in given:
        columns["prompt_col"] = "prompt"
    return frame, columns


def test_the_catalogue_has_its_26_models():
    assert [model.name for model in all_models()] == list(COST_USD)
    assert len(COST_USD) == 26


@pytest.mark.parametrize("name", COST_USD)
def test_a_model_makes_of_all_its_fields_what_it_says_and_once(name, files, pointed):
    model = get_model(name)
    frame, columns = row_of(model, files)
    plan = frame.pruna.estimate(model=name, **columns)
    asked_before, accepted_before = pointed.counts["status"], len(pointed.accepted)
    out = frame.pruna.generate(model=name, progress=False, **columns)
    assert out["status"].tolist() == ["succeeded"], out["error"].item()
    (sent,) = pointed.accepted[accepted_before:]
    assert sent["model"] == name
    assert set(sent["input"]) == set(model.fields)
    # In a batch every model is asked for asynchronously: an id, and then its status.
    assert out["prediction_id"].item() == sent["id"]
    assert pointed.counts["status"] > asked_before
    cost = COST_USD[name]
    assert plan.cost_usd == (None if cost is None else pytest.approx(cost))
    spent = out["cost_usd"].item()
    if name in USD_A_SECOND:
        cost = USD_A_SECOND[name] * seconds_of(out["output"].item())
    assert math.isnan(spent) if cost is None else spent == pytest.approx(cost, rel=0.01)
    given = {key: frame[key].item() for key in model.fields}
    check = {"image": check_image, "video": check_video, "zip": check_zip}[model.output]
    check(Path(out["output"].item()), given)
    again = frame.pruna.generate(model=name, progress=False, **columns)
    assert again["cached"].tolist() == [True]
    assert again["output"].tolist() == out["output"].tolist()
    assert len(pointed.accepted) == accepted_before + 1


def check_image(path, given):
    """Hold a picture's file and shape against what was asked for."""
    wanted = given.get("output_format", "jpg")
    assert path.suffix == f".{wanted}"
    with Image.open(path) as image:
        assert image.format == {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}[wanted]
        width, height = image.size
    if "target" in given:
        assert width * height == pytest.approx(given["target"] * 1_000_000, rel=0.01)
    elif given.get("aspect_ratio", "custom") == "custom" and "width" in given:
        assert (width, height) == (given["width"], given["height"])
    elif parse_ratio(given.get("aspect_ratio")):
        ratio = parse_ratio(given["aspect_ratio"])
        assert width / height == pytest.approx(float(ratio), rel=0.03)
    else:
        # The first picture's shape.
        assert width / height == pytest.approx(300 / 400, rel=0.03)


def check_video(path, given):
    """Hold a video's file, size and length against what was asked for."""
    assert path.suffix == ".mp4"
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        width, height = stream.width, stream.height
        frames = sum(1 for _ in container.decode(stream))
        rate = float(stream.average_rate)
    if "size" in given:
        assert f"{width}*{height}" == given["size"]
    else:
        assert min(width, height) == int(given["resolution"].removesuffix("p"))
    if "num_frames" in given:
        assert frames == given["num_frames"]
    elif "frame_num" in given:
        assert frames == given["frame_num"]
    elif "audio" in given:
        assert frames / rate == pytest.approx(2.0, abs=0.2)
    elif "duration" in given:
        assert frames / rate == pytest.approx(given["duration"], abs=0.1)
    else:
        assert frames / rate == pytest.approx(1.0, abs=0.2)


def check_zip(path, given):
    """Hold a trainer's archive against being one, with weights in it."""
    assert path.suffix == ".zip"
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert any(name.endswith(".safetensors") for name in archive.namelist())


@pytest.mark.parametrize("name", COST_USD)
def test_a_row_without_what_its_model_requires_is_skipped_and_says_so(name, files, service):
    model = get_model(name)
    frame, columns = row_of(model, files)
    for missing in model.required:
        out = frame.assign(**{missing: None}).pruna.generate(model=name, progress=False, **columns)
        assert out["status"].tolist() == ["skipped"]
        assert out["error"].tolist() == [f"{missing} is empty"]
    assert service.charged == 0
