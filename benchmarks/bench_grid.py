"""A grid of 1,000 pictures: the first look, the second, and what it leaves in the notebook."""

from __future__ import annotations

import base64
import shutil
import tempfile
import time
from pathlib import Path

from common import Report, in_child, seconds

PICTURES, DIFFERENT = 1000, 40
WIDTH, HEIGHT, SIZE = 1344, 768, 256


def paint(folder: Path) -> list[Path]:
    """Write 1,000 JPEGs of 1344 x 768 with a photograph's amount of detail.

    Noise that is weaker the finer it is, as in photographs, in colours that go together; 40
    different ones from busy to calm, each 25 times. At quality 90 they take 2.1 bits a pixel in
    the mean, as a photograph of 1024 x 1024 does (268 KiB), the busiest 3.4.
    """
    import numpy as np
    from PIL import Image

    paths = []
    fine = np.hypot(np.fft.fftfreq(HEIGHT)[:, None], np.fft.rfftfreq(WIDTH)[None, :])
    fine[0, 0] = 1.0
    for number in range(DIFFERENT):
        random = np.random.default_rng(number)
        calm = fine ** np.linspace(1.2, 1.6, DIFFERENT)[number]
        layers = []
        for _ in range(3):
            waves = np.fft.rfft2(random.standard_normal((HEIGHT, WIDTH))) / calm
            layer = np.fft.irfft2(waves, (HEIGHT, WIDTH))
            layers.append(layer / layer.std())
        light, warm, green = layers
        colour = np.stack([light + 0.3 * warm, light + 0.2 * green, light - 0.3 * warm], axis=-1)
        pixels = (128 + 45 * colour).clip(0, 255).astype("uint8")
        path = folder / f"{number:04d}.jpg"
        Image.fromarray(pixels).save(path, quality=90)
        paths.append(path)
    for number in range(DIFFERENT, PICTURES):
        path = folder / f"{number:04d}.jpg"
        shutil.copyfile(paths[number % DIFFERENT], path)
        paths.append(path)
    return paths


def one_by_one(paths: list[Path]) -> float:
    """Give the seconds of Pillow's open and resize, one picture after the other."""
    from PIL import Image

    began = time.perf_counter()
    for path in paths:
        with Image.open(path) as image:
            image.resize((SIZE, round(SIZE * HEIGHT / WIDTH)))
    return time.perf_counter() - began


def look(paths: list[Path], thumbs: Path) -> tuple[float, int]:
    """Give the seconds of a grid's HTML, and its bytes."""
    from pruna_nb import show

    show.grid([], thumbs_dir=thumbs).html()
    began = time.perf_counter()
    cells = [show.Cell(path=str(path), caption=path.stem) for path in paths]
    html = show.grid(cells, size=SIZE, max_bytes=None, thumbs_dir=thumbs).html()
    return time.perf_counter() - began, len(html.encode())


def main() -> None:
    """Each look is a fresh process's, as after a restart of the kernel."""
    with (
        Report(__file__) as report,
        tempfile.TemporaryDirectory(prefix="pruna_nb-bench-") as name,
    ):
        folder = Path(name)
        paths = in_child(paint, folder)
        thumbs = folder / "thumbs"
        pillow = in_child(one_by_one, paths)
        first, size = in_child(look, paths, thumbs)
        second, _ = in_child(look, paths, thumbs)
        full = sum(len(base64.b64encode(path.read_bytes())) for path in paths) / len(paths)
        report.add(
            f"grid of {PICTURES:,} JPEGs ({WIDTH} x {HEIGHT}), first look: Pillow / ours",
            ours=seconds(first),
            beside=f"Pillow open + resize one by one {seconds(pillow)}",
            ratio=pillow / first,
            at_least=3,
        )
        report.add(
            "the same a second time, thumbnails kept: Pillow / ours",
            ours=seconds(second),
            beside=f"Pillow open + resize one by one {seconds(pillow)}",
            ratio=pillow / second,
            at_least=20,
        )
        report.add(
            f"notebook bytes for a picture in a {SIZE}-pixel grid",
            ours=f"{size / len(paths) / 1e3:.1f} kB",
            beside=f"the whole picture in base64 {full / 1e3:.0f} kB",
            ratio=size / len(paths) / 1e3,
            at_most=15,
            unit=" kB",
        )


if __name__ == "__main__":
    main()
