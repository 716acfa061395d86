"""100,000 rows that are all cached: rows a second, memory, estimates, and an even pace."""

from __future__ import annotations

import gc
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from common import MODEL, Place, Report, in_child, peak_bytes, prompts, seconds

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = 100_000
SIZES = (1_000, 10_000, 100_000)
PLAIN_ROWS = 5_000
REPEATS = 5
NOWHERE = "http://127.0.0.1:9"
"""Nothing is sent: all is in the cache."""


def fill(where: Place) -> None:
    """Put an output for each prompt into the cache, as a run would, but without the service."""
    from pruna_nb.catalog import get_model
    from pruna_nb.settings import current
    from pruna_nb.store.cache import Cache
    from pruna_nb.store.keys import request_key

    picture = _small_jpeg()
    model = get_model(MODEL)
    with where.configure():
        settings = current()
        cache = Cache(settings.cache_dir)
        with cache.database.transaction():
            for number, prompt in enumerate(prompts(ROWS)["prompt"].tolist()):
                stored = _stored(cache, picture + b"%06d" % number)
                given = {"prompt": prompt}
                record = {"model": MODEL, "input": given, "prediction_id": f"bench{number:06d}"}
                cache.put(
                    request_key(settings.service, model, given),
                    stored,
                    {**record, "seconds": 1.0, "cost_usd": 0.005},
                )


def _small_jpeg() -> bytes:
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", (16, 9), (40, 90, 160)).save(buffer, "JPEG")
    return buffer.getvalue()


def _stored(cache: Any, content: bytes) -> Any:
    import hashlib

    part, file = cache.store.open_part()
    with file:
        file.write(content)
    return cache.store.commit(part, hashlib.sha256(content).hexdigest(), "image")


def rates(where: Place, folder: Path) -> tuple[dict[int, float], float]:
    """Give rows a second for frames of each size, and of a loop over plain joblib.Memory hits.

    They are taken by turns, and the best of each counts: what else the machine does, for seconds
    or for minutes, then falls on all of them.
    """
    from joblib import Memory

    remembered = Memory(folder, verbose=0).cache(picture_of)
    texts = prompts(PLAIN_ROWS)["prompt"].tolist()
    _loop(remembered, texts)
    best = dict.fromkeys(SIZES, 0.0)
    plain = 0.0
    with where.configure():
        frame = prompts(ROWS)
        _generate(frame.head(10))  # what is imported late is imported here
        for _ in range(REPEATS):
            for size in SIZES:
                part = frame.head(size)
                best[size] = max(best[size], size / _seconds(partial(_generate, part)))
            plain = max(plain, PLAIN_ROWS / _seconds(partial(_loop, remembered, texts)))
    return best, plain


def _generate(frame: pd.DataFrame) -> None:
    out = frame.pruna.generate("prompt", progress=False)
    if not out["cached"].all():
        message = "a row was not cached"
        raise RuntimeError(message)


def _loop(remembered: Callable[[str], Any], texts: list[str]) -> None:
    for text in texts:
        remembered(text)


def _seconds(call: Callable[[], Any]) -> float:
    gc.collect()
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def growth(where: Place) -> int:
    """Give the bytes that one call over all rows makes a fresh process grow by, at most."""
    with where.configure():
        frame = prompts(ROWS)
        _generate(frame.head(10))
        before = peak_bytes()
        _generate(frame)
        return peak_bytes() - before


def estimated(where: Place) -> tuple[float, str]:
    """Give the seconds of an estimate of which half is cached, and what it says."""
    with where.configure():
        half = ROWS // 2
        frame = pd.concat([prompts(half), prompts(half, "a new one")], ignore_index=True)
        began = time.perf_counter()
        said = frame.pruna.estimate("prompt")
        taken = time.perf_counter() - began
        if (said.cached, said.new) != (half, half):
            message = f"not half: {said}"
            raise RuntimeError(message)
        return taken, str(said)


def picture_of(prompt: str) -> dict[str, Any]:
    """Stand for a prediction: what is cached is the path and what goes with it."""
    return {"path": f"/pictures/{abs(hash(prompt))}.jpg", "seconds": 1.0, "prediction_id": "x"}


def main() -> None:
    """Fill a cache once, and measure it in fresh processes."""
    with (
        Report(__file__) as report,
        tempfile.TemporaryDirectory(prefix="pruna_nb-bench-") as folder,
    ):
        where = Place(NOWHERE, Path(folder))
        in_child(fill, where)
        by_size, plain = in_child(rates, where, Path(folder) / "joblib")
        report.add(
            f"{ROWS:,} cached rows: rows a second",
            ours=f"{by_size[ROWS]:,.0f}",
            beside=f"a loop over plain joblib.Memory hits {plain:,.0f}",
            ratio=by_size[ROWS],
            at_least=20_000,
            unit=" rows/s",
        )
        report.add(
            f"{ROWS:,} cached rows: ours / plain joblib.Memory",
            ours=f"{by_size[ROWS]:,.0f} rows/s",
            beside=f"{plain:,.0f} rows/s",
            ratio=by_size[ROWS] / plain,
            at_least=5,
        )
        report.add(
            f"{SIZES[0]:,} to {SIZES[-1]:,} cached rows: fastest / slowest rows a second",
            ours=", ".join(f"{size:,}: {rate:,.0f}/s" for size, rate in by_size.items()),
            beside="itself",
            ratio=max(by_size.values()) / min(by_size.values()),
            at_most=1.3,
        )
        grown = in_child(growth, where)
        report.add(
            f"{ROWS:,} cached rows: memory that the process grows by",
            ours=f"{grown / 1e6:.0f} MB at its peak, result included",
            beside="-",
            ratio=grown / 1e6,
            at_most=300,
            unit=" MB",
        )
        taken, said = in_child(estimated, where)
        report.add(
            f"estimate() of {ROWS:,} rows, half of them cached",
            ours=f"{seconds(taken)}",
            beside=f"({said})",
            ratio=taken,
            at_most=5,
            unit=" s",
        )


if __name__ == "__main__":
    main()
