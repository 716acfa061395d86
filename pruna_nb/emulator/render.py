"""From a prediction to the bytes of its output."""

from __future__ import annotations

import json
import struct
import zipfile
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from pruna_nb.emulator.fast import fast_image, with_mp4_note
from pruna_nb.emulator.sizes import Size, image_size, upscaled_size, value_of, video_size

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from PIL import Image

    from pruna_nb.catalog import Model
    from pruna_nb.emulator.predictions import RenderJob
    from pruna_nb.emulator.sources import SourceLoader
    from pruna_nb.emulator.video import ClipInfo

CONTENT_TYPES: Final = {
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "mp4": "video/mp4",
    "zip": "application/octet-stream",
}
# What changes a picture's frame or file, and not what is to be seen on it.
_FRAME_FIELDS: Final = frozenset(
    (
        "prompt",
        "seed",
        "aspect_ratio",
        "width",
        "height",
        "image_size",
        "megapixels",
        "output_megapixels",
        "size",
        "resolution",
        "output_format",
        "output_quality",
        "num_outputs",
    )
)
_PROMPT_FIELDS: Final = ("prompt", "instruction_prompt", "voice_script", "default_caption")
_ELSEWHERE_SIZE: Final = (1024, 768)
_MOST_FRAMES: Final = 1_200
_DEFAULT_QUALITY: Final = 90


def prompt_of(given: Mapping[str, Any]) -> str:
    """Return the words that stand on the output."""
    for name in _PROMPT_FIELDS:
        value = given.get(name)
        if isinstance(value, str) and value.strip():
            return value
    return ""


def suffix_of(model: Model, given: Mapping[str, Any]) -> str:
    """Return the suffix of the output's file."""
    if model.output == "video":
        return "mp4"
    if model.output == "zip":
        return "zip"
    wanted = value_of(model, given, "output_format")
    return wanted if isinstance(wanted, str) and wanted in ("jpg", "png", "webp") else "jpg"


def render(job: RenderJob, loader: SourceLoader, *, fast: bool = False) -> bytes:
    """Make the output's bytes: the same for the same job."""
    if job.model.output == "zip":
        return _weights(job)
    if job.model.output == "video" and fast:
        fps, frames = _timing(job, ())
        note = f"{job.seed}\x00{_variant(job)}\x00{prompt_of(job.input)}"
        plain = _plain_video(video_size(job.model, job.input), fps, frames)
        return with_mp4_note(plain, note.encode("utf-8", "replace")[:1_000])
    if job.model.output == "video":
        return _video(job, loader)
    suffix = suffix_of(job.model, job.input)
    if fast:
        mark = f"{_variant(job)}\x00{prompt_of(job.input)}"
        return fast_image(mark, job.seed, image_size(job.model, job.input), suffix)
    from pruna_nb.emulator.drawing import encode

    quality = value_of(job.model, job.input, "output_quality")
    return encode(
        _image(job, loader), suffix, quality if isinstance(quality, int) else _DEFAULT_QUALITY
    )


def _image(job: RenderJob, loader: SourceLoader) -> Image.Image:
    from pruna_nb.emulator import drawing

    pictures = _pictures(job, loader)
    prompt = prompt_of(job.input)
    if not pictures:
        size = image_size(job.model, job.input)
        return drawing.paint(prompt, job.seed, size, variant=_variant(job))
    lead = pictures[0]
    if job.model.task == "upscaling":
        return drawing.upscale(
            lead,
            upscaled_size(lead.size, float(value_of(job.model, job.input, "target"))),
            details=bool(job.input.get("enhance_details")),
            realism=bool(job.input.get("enhance_realism")),
        )
    size = image_size(job.model, job.input, lead.size)
    if value_of(job.model, job.input, "preserve_input_size") is True:
        size = lead.size
    return drawing.edit(pictures, prompt, job.seed, size, variant=_variant(job))


def _pictures(job: RenderJob, loader: SourceLoader) -> list[Image.Image]:
    """Load the pictures, the leading one first."""
    from pruna_nb.emulator.drawing import placeholder

    fields = job.model.fields
    wanted = [
        source for source in job.sources if {"image", "video"} & set(fields[source.field].media)
    ]
    number = job.input.get("reference_image")
    if isinstance(number, str) and number.isdigit() and 0 < int(number) <= len(wanted):
        wanted.insert(0, wanted.pop(int(number) - 1))
    pictures = []
    for source in wanted:
        picture = loader.picture(source)
        pictures.append(placeholder(source.ref, _ELSEWHERE_SIZE) if picture is None else picture)
    return pictures


def _video(job: RenderJob, loader: SourceLoader) -> bytes:
    from pruna_nb.emulator import drawing, video

    pictures = _pictures(job, loader)
    shape = pictures[0].size if pictures else None
    size = video_size(job.model, job.input, shape)
    prompt = prompt_of(job.input)
    if not pictures:
        start = drawing.paint(prompt, job.seed, size, variant=_variant(job))
    elif job.model.task in ("video-editing", "avatar-video"):
        start = drawing.edit(pictures, prompt, job.seed, size, variant=_variant(job))
    else:
        # The first frame is the picture itself.
        start = pictures[0]
    fps, frames = _timing(job, [clip for each in job.sources if (clip := loader.clip(each))])
    return video.make_video(start, size, fps=fps, frames=frames)


def _timing(job: RenderJob, clips: Sequence[ClipInfo]) -> tuple[int, int]:
    """Work out frames a second, and frames in all."""
    model, given = job.model, job.input
    fps = value_of(model, given, "fps") or value_of(model, given, "frames_per_second")
    target = value_of(model, given, "target_fps")
    if target is not None:
        own = next((clip.fps for clip in clips if clip.fps), None)
        fps = int(target) if str(target).isdigit() else round(own or 24)
    frames = value_of(model, given, "num_frames") or value_of(model, given, "frame_num")
    if frames is not None:
        return int(fps or 16), min(max(int(frames), 1), _MOST_FRAMES)
    seconds = next((clip.seconds for clip in clips if clip.seconds), None)
    if seconds is None:
        seconds = value_of(model, given, "duration")
    if seconds is None:
        # About two and a half words a second are spoken.
        seconds = min(max(len(str(given.get("voice_script", "")).split()) / 2.5, 2.0), 20.0)
    fps = int(fps or 24)
    return fps, min(max(round(fps * seconds), 1), _MOST_FRAMES)


@lru_cache(maxsize=64)
def _plain_video(size: Size, fps: int, frames: int) -> bytes:
    from PIL import Image

    from pruna_nb.emulator.video import make_video

    small = (max(size[0] // 16, 8) * 2, max(size[1] // 16, 8) * 2)
    return make_video(Image.new("RGB", small, (70, 60, 120)), small, fps=fps, frames=frames)


def _weights(job: RenderJob) -> bytes:
    """Make a trainer's archive: weights in the safetensors layout, and what they are for."""
    values = struct.pack("<16f", *[(job.seed % 97 + number) / 97 for number in range(16)])
    header = {"lora.down": {"dtype": "F32", "shape": [4, 4], "data_offsets": [0, len(values)]}}
    head = json.dumps(header).encode()
    config = {"model": job.model.name, "emulated": True, **_plain_settings(job)}
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (
            ("lora.safetensors", struct.pack("<Q", len(head)) + head + values),
            ("config.json", json.dumps(config, indent=1, sort_keys=True).encode()),
        ):
            # With a date of its own the same job would give other bytes.
            info = zipfile.ZipInfo(name, date_time=(2026, 1, 1, 0, 0, 0))
            archive.writestr(info, content)
    return buffer.getvalue()


def _plain_settings(job: RenderJob) -> dict[str, Any]:
    fields = job.model.fields
    return {
        name: value
        for name, value in job.input.items()
        if not (name in fields and (fields[name].media or fields[name].secret))
    }


def _variant(job: RenderJob) -> str:
    """Return what sets two outputs of the same prompt and seed apart."""
    settings = {
        name: value for name, value in _plain_settings(job).items() if name not in _FRAME_FIELDS
    }
    if not settings:
        return job.model.name
    return f"{job.model.name} {json.dumps(settings, sort_keys=True, default=str)}"
