"""Uploads, and what is made from them."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import subprocess
import sys
import textwrap
import time
import wave
import zipfile
from datetime import datetime

import pytest
from PIL import Image, ImageStat

from pruna_nb.catalog import all_models, model_names
from pruna_nb.emulator import video


def picture(colour="red", size=(320, 240), kind="PNG"):
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, kind)
    return buffer.getvalue()


def clip(seconds=1, fps=24, size=(320, 240)):
    return video.make_video(Image.new("RGB", size, "blue"), size, fps=fps, frames=fps * seconds)


def sound(seconds=2):
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8_000)
        file.writeframes(bytes(16_000 * seconds))
    return buffer.getvalue()


def archive():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("1.png", picture())
    return buffer.getvalue()


def opened(content):
    found = Image.open(io.BytesIO(content))
    found.load()
    return found


def probed(content, tmp_path):
    path = tmp_path / "output.mp4"
    path.write_bytes(content)
    return video.probe(path)


@pytest.fixture(scope="module")
def materials():
    """Give one file of each kind."""
    return {"image": picture(), "video": clip(), "audio": sound(), "zip": archive()}


@pytest.fixture
def quick_to_see(serve, tmp_path):
    """Give a function that makes a video and tells what it is like."""

    def see(model, given_input):
        return probed(serve().make({"prompt": "x", **given_input}, model=model), tmp_path)

    return see


def test_an_upload_is_described_as_documented(serve):
    caller = serve(file_ttl=1800)
    content = picture(size=(320, 240))
    before = time.time()
    answer = caller.upload(content, "my photo.png")
    assert answer.status_code == 201
    found = answer.json()
    digest = hashlib.sha256(content).hexdigest()
    assert found["name"] == "my photo.png"
    assert found["content_type"] == "image/png"
    assert found["size"] == len(content)
    assert found["checksums"] == {"sha256": digest}
    assert found["metadata"] == {"width": 320, "height": 240}
    assert found["urls"]["get"] == f"{caller.url}/v1/files/{found['id']}"
    assert set(found) >= {"etag", "created_at", "expires_at"}
    expires = datetime.fromisoformat(found["expires_at"]).timestamp()
    assert expires == pytest.approx(before + 1800, abs=20)
    assert caller.get(found["urls"]["get"]).json() == found


@pytest.mark.parametrize(
    ("kind", "content_type"),
    [
        ("image", "image/png"),
        ("video", "video/mp4"),
        ("audio", "audio/wav"),
        ("zip", "application/zip"),
    ],
)
def test_what_a_file_is_is_read_from_its_bytes(quick, materials, kind, content_type):
    found = quick.upload(materials[kind], "misleading.html").json()
    assert found["content_type"] == content_type


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"<html></html>",
        b"PK\x03\x04 not really",
        b"\x00\x00\x00\x18ftypmp42 not really",
        b"ID3 not really",
        b"%PDF-1.7",
        picture()[:60],
        picture(kind="JPEG")[:300],
    ],
)
def test_what_is_no_media_is_refused(quick, content):
    answer = quick.upload(content)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "INVALID_FILE"


def test_a_picture_of_too_many_pixels_is_refused(quick):
    buffer = io.BytesIO()
    Image.new("1", (12_000, 7_000)).save(buffer, "PNG")
    assert quick.upload(buffer.getvalue()).json()["error"]["code"] == "INVALID_FILE"


@pytest.mark.parametrize(
    ("given_name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Windows\\x.png", "x.png"),
        ("/abs.png", "abs.png"),
        ("a" * 500, "a" * 255),
    ],
)
def test_a_client_s_name_is_never_a_path(serve, given_name, shown):
    caller = serve()
    assert caller.upload(picture(), given_name).json()["name"] == shown
    (stored,) = caller.service._core.files._folder.iterdir()
    assert stored.name.startswith("file-")


def test_a_file_that_is_too_large_gets_413_and_the_connection_goes_on(serve):
    caller = serve(max_file_bytes=100_000)
    for size in (100_001, 5_000_000):
        answer = caller.upload(bytes(size))
        assert answer.status_code == 413
        assert answer.json()["error"]["code"] == "FILE_TOO_LARGE"
    assert caller.upload(picture()).status_code == 201


def test_an_upload_without_its_field_is_refused(quick):
    answer = quick.session.post(
        f"{quick.url}/v1/files", headers={"apikey": "k"}, files={"file": b"x"}, timeout=20
    )
    assert answer.status_code == 400


def test_a_large_upload_is_whole(serve):
    import random

    caller = serve()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("noise", random.Random(1).randbytes(8_000_000))
    content = buffer.getvalue()
    found = caller.upload(content).json()
    assert found["checksums"]["sha256"] == hashlib.sha256(content).hexdigest()


def test_an_expired_file_is_gone_and_fails_the_prediction(serve):
    caller = serve(file_ttl=0)
    address = caller.upload(picture()).json()["urls"]["get"]
    assert caller.get(address).status_code == 410
    state = caller.post({"image": address}, model="p-image-upscale", sync=True).json()
    assert state["status"] == "failed"
    assert state["error"].startswith("INVALID_INPUT")
    assert "expired" in state["error"]
    assert caller.service.charged == 1


@pytest.mark.parametrize("what", ["no such file", "wrong kind", "reference out of reach"])
def test_an_input_that_cannot_be_used_fails_the_prediction(serve, what):
    caller = serve()
    address = caller.address_of(sound() if what == "wrong kind" else picture())
    given_input = {"prompt": "x", "images": [address]}
    if what == "no such file":
        given_input["images"] = [f"{caller.url}/v1/files/file-none"]
    if what == "reference out of reach":
        given_input["reference_image"] = "2"
    state = caller.post(given_input, model="p-image-edit", sync=True).json()
    assert state["status"] == "failed"
    assert state["error"].startswith("INVALID_INPUT")


def test_an_edit_shows_the_uploaded_picture(serve):
    caller = serve()
    address = caller.address_of(picture("red", (640, 480)))
    edited = opened(
        caller.make({"prompt": "add a hat", "images": [address], "seed": 1}, model="p-image-edit")
    )
    assert edited.size == (640, 480)
    red, green, blue = ImageStat.Stat(edited.crop((0, 300, 640, 480))).mean
    assert red > green + 40
    assert red > blue + 40


def test_reference_image_leads_in_look_and_size(serve):
    caller = serve()
    images = [
        caller.address_of(picture("red", (640, 480))),
        caller.address_of(picture("lime", (480, 640))),
    ]
    given_input = {"prompt": "x", "images": images, "reference_image": "2", "seed": 1}
    edited = opened(caller.make(given_input, model="p-image-edit"))
    assert edited.size == (480, 640)
    red, green, _ = ImageStat.Stat(edited.crop((0, 400, 200, 640))).mean
    assert green > red + 40


def test_upscaling_keeps_the_picture_and_reaches_the_megapixels(serve):
    caller = serve()
    address = caller.address_of(picture("red", (400, 200)))
    large = opened(
        caller.make(
            {"image": address, "target": 2, "output_format": "png"}, model="p-image-upscale"
        )
    )
    assert large.size == (2000, 1000)
    assert large.getpixel((1000, 500)) == (255, 0, 0)


def test_try_on_keeps_the_person_s_size(serve):
    caller = serve()
    person = caller.address_of(picture("red", (333, 500)))
    given_input = {"person_image": person, "garment_images": [person]}
    assert opened(caller.make(given_input, model="p-image-try-on")).size == (333, 500)


def test_an_earlier_output_can_be_the_next_input(serve):
    caller = serve()
    address = caller.post({"prompt": "a lion", "seed": 1}, sync=True).json()["generation_url"]
    large = opened(caller.make({"image": address, "target": 1}, model="p-image-upscale"))
    assert large.width * large.height == pytest.approx(1_000_000, rel=0.002)
    moving = caller.make({"prompt": "go", "image": address, "duration": 1}, model="p-video")
    assert moving[4:8] == b"ftyp"


def test_an_earlier_video_can_be_the_next_input(serve, tmp_path):
    caller = serve()
    image = caller.address_of(picture("red", (640, 360)))
    made = {"prompt": "go", "image": image, "duration": 1}
    moving = caller.post(made, model="p-video", sync=True).json()["generation_url"]
    given_input = {"video": moving, "images": [image]}
    assert probed(caller.make(given_input, model="p-video-replace"), tmp_path).size == (1280, 720)


def test_a_clear_picture_is_laid_on_white(serve):
    caller = serve()
    buffer = io.BytesIO()
    Image.new("RGBA", (100, 100), (255, 0, 0, 0)).save(buffer, "PNG")
    given_input = {
        "image": caller.address_of(buffer.getvalue()),
        "target": 1,
        "output_format": "png",
    }
    large = opened(caller.make(given_input, model="p-image-upscale"))
    assert large.getpixel((500, 500)) == (255, 255, 255)


def test_a_picture_is_turned_as_its_camera_says(serve):
    caller = serve()
    turned = Image.Exif()
    turned[0x0112] = 6
    buffer = io.BytesIO()
    Image.new("RGB", (200, 100), "red").save(buffer, "JPEG", exif=turned)
    given_input = {"image": caller.address_of(buffer.getvalue()), "target": 1}
    large = opened(caller.make(given_input, model="p-image-upscale"))
    assert large.height == pytest.approx(2 * large.width, rel=0.01)


def test_another_host_s_address_is_taken_and_never_fetched(serve, stay_here):
    caller = serve()
    given_input = {"prompt": "x", "images": ["https://example.com/a.png"]}
    assert opened(caller.make(given_input, model="p-image-edit")).format == "JPEG"
    assert stay_here == []


def test_a_host_that_only_looks_like_ours_is_another_host(serve):
    caller = serve()
    own = caller.url.removeprefix("http://")
    for address in (
        f"http://{own}.evil.example/v1/files/file-1",
        f"http://x@{own}/v1/files/file-1",
    ):
        state = caller.post({"image": address}, model="p-image-upscale", sync=True).json()
        assert state["status"] == "succeeded"


@pytest.mark.parametrize(
    ("asked", "size", "fps", "seconds"),
    [
        (("p-video", {"duration": 2}), (1280, 720), 24, 2.0),
        (("p-video", {"duration": 1, "fps": 48, "aspect_ratio": "1:1"}), (720, 720), 48, 1.0),
        (("p-video", {"duration": 1, "aspect_ratio": "9:16"}), (720, 1280), 24, 1.0),
        (("p-video", {"duration": 1, "resolution": "1080p"}), (1920, 1080), 24, 1.0),
        (("wan-t2v", {"frames_per_second": 30}), (854, 480), 30, 81 / 30),
        (("vace", {"size": "480*832", "frame_num": 32}), (480, 832), 16, 2.0),
    ],
)
def test_a_video_has_its_size_rate_and_length(quick_to_see, asked, size, fps, seconds):
    found = quick_to_see(*asked)
    assert found.size == size
    assert found.fps == pytest.approx(fps)
    assert found.seconds == pytest.approx(seconds, abs=0.01)


def test_a_video_begins_with_its_picture(serve, tmp_path):
    caller = serve()
    address = caller.address_of(picture("red", (640, 360)))
    path = tmp_path / "output.mp4"
    given_input = {"prompt": "x", "image": address, "duration": 1}
    path.write_bytes(caller.make(given_input, model="p-video"))
    red, green, blue = ImageStat.Stat(video.first_frame(path)).mean
    assert red > 200
    assert green < 40
    assert blue < 40


def test_the_input_s_length_leads_where_it_is_animated_or_spoken(serve, tmp_path):
    caller = serve()
    image = caller.address_of(picture())
    moving = caller.address_of(clip(seconds=2, fps=12))
    spoken = caller.address_of(sound(seconds=3))
    animated = caller.make({"video": moving, "image": image}, model="p-video-animate")
    found = probed(animated, tmp_path)
    assert (found.fps, found.seconds) == (12, pytest.approx(2.0, abs=0.01))
    talking = caller.make({"image": image, "audio": spoken}, model="p-video-avatar")
    assert probed(talking, tmp_path).seconds == pytest.approx(3.0, abs=0.05)


@pytest.mark.parametrize("model", ["p-image-trainer", "p-image-edit-trainer"])
def test_a_trainer_gives_an_archive_with_weights_and_settings(serve, model):
    caller = serve()
    address = caller.address_of(archive())
    answer = caller.post({"image_data": address, "steps": 500}, model=model, sync=True)
    delivery = caller.get(answer.json()["generation_url"])
    assert delivery.headers["Content-Type"] == "application/octet-stream"
    assert delivery.headers["Content-Disposition"] == 'attachment; filename="output.zip"'
    with zipfile.ZipFile(io.BytesIO(delivery.content)) as made:
        assert made.testzip() is None
        config = json.loads(made.read("config.json"))
        weights = made.read("lora.safetensors")
    assert (config["model"], config["steps"]) == (model, 500)
    (length,) = struct.unpack("<Q", weights[:8])
    header = json.loads(weights[8 : 8 + length])
    assert header["lora.down"]["data_offsets"][1] == len(weights) - 8 - length


def value_for(field, addresses):
    """Give a value that the field takes."""
    if field.media:
        address = addresses[field.media[0]]
        return [address] * (field.max_items or 2) if field.type == "array" else address
    if field.choices:
        return "custom" if "custom" in field.choices else field.choices[-1]
    if field.name == "reference_image":
        return "1"
    plain = {
        "boolean": True,
        "array": ["https://example.com/x"] if field.item_type == "string" else [0.5],
        "integer": int(field.minimum if field.minimum is not None else 32),
        "number": field.maximum if field.maximum is not None else 0.5,
        "string": "a lion",
    }
    return plain[field.type]


def full_input(model, addresses):
    """Give an input with every field set."""
    given_input = {each.name: value_for(each, addresses) for each in model.fields.values()}
    return given_input | ({"width": 320, "height": 256} if "width" in given_input else {})


@pytest.mark.parametrize("name", model_names())
def test_every_model_takes_all_its_fields_and_gives_its_kind_of_output(
    serve, materials, tmp_path, name
):
    caller = serve()
    (model,) = [each for each in all_models() if each.name == name]
    addresses = {kind: caller.address_of(content) for kind, content in materials.items()}
    content = caller.make(full_input(model, addresses), model=name)
    if model.output == "zip":
        assert zipfile.is_zipfile(io.BytesIO(content))
    elif model.output == "video":
        assert probed(content, tmp_path).seconds > 0
    else:
        assert opened(content).width >= 64


@pytest.mark.parametrize("name", model_names())
def test_every_model_is_quick_in_fast_mode(quick, materials, tmp_path, name):
    (model,) = [each for each in all_models() if each.name == name]
    addresses = {kind: quick.address_of(content) for kind, content in materials.items()}
    given_input = full_input(model, addresses)
    one = quick.make({**given_input}, model=name)
    if model.output == "video":
        assert probed(one, tmp_path).seconds > 0
    elif model.output == "image":
        assert opened(one).width >= 8
    if "seed" in model.fields:
        other = quick.make({**given_input, "seed": 99}, model=name)
        assert other != one


def test_without_pyav_pictures_are_made_and_videos_are_refused_with_what_to_install():
    script = """
        import sys
        sys.modules["av"] = None  # as where it is not installed
        import pandas as pd, pruna_nb
        from pruna_nb import emulator
        with emulator.running(latency=0) as service, pruna_nb.configure(
            api_key="k", base_url=service.url
        ):
            df = pd.DataFrame({"prompt": ["a fox"]})
            out = df.pruna.generate("prompt", progress=False)
            assert out["status"].tolist() == ["succeeded"], out["error"].tolist()
            how = {"prompt": "in snow", "images_col": "output", "prefix": "e_"}
            edited = out.pruna.edit(progress=False, **how)
            assert edited["e_status"].tolist() == ["succeeded"], edited["e_error"].tolist()
            video = df.pruna.generate("prompt", model="p-video", progress=False)
            assert video["status"].tolist() == ["failed"]
            assert "pruna_nb[video]" in video["error"][0], video["error"][0]
            assert service.charged == 2
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
