"""What a user would do instead: a plain loop, a pool of threads with retry, the vendor's client.

Each makes the pictures of a frame's prompts and puts them into a folder, as ours does, and says
how long it took and how many rows it brought home.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests
from common import KEY, MODEL

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

_TRIES = 6
"""What the cookbooks' retrying decorators take."""


@dataclass(frozen=True)
class Brought:
    """What one way of doing it brought home.

    Attributes
    ----------
    seconds : float
        From the call to its end.
    done, lost : int
        Rows with a picture on disk, and rows without.
    """

    seconds: float
    done: int
    lost: int


class RefusedError(Exception):
    """The service said 429."""


def predict(session: requests.Session, url: str, prompt: str) -> bytes:
    """Make one picture in the plainest way: a synchronous prediction, and its download."""
    answer = session.post(
        f"{url}/v1/predictions",
        headers={"apikey": KEY, "Model": MODEL, "Try-Sync": "true"},
        json={"input": {"prompt": prompt}},
        timeout=90,
    )
    if answer.status_code == requests.codes.too_many_requests:
        raise RefusedError
    answer.raise_for_status()
    picture = session.get(answer.json()["generation_url"], headers={"apikey": KEY}, timeout=90)
    picture.raise_for_status()
    return picture.content


def apply_loop(frame: pd.DataFrame, url: str, folder: Path) -> Brought:
    """``df["prompt"].apply(predict)``: one after the other."""
    folder.mkdir(parents=True, exist_ok=True)
    numbers = iter(range(len(frame)))

    def save(prompt: str) -> str:
        path = folder / f"{next(numbers)}.jpg"
        path.write_bytes(predict(session, url, prompt))
        return str(path)

    began = time.perf_counter()
    with requests.Session() as session:
        frame["prompt"].apply(save)
    return Brought(time.perf_counter() - began, len(frame), 0)


def thread_pool(frame: pd.DataFrame, url: str, folder: Path, threads: int = 64) -> Brought:
    """Run a pool of threads, with six tries and a random exponential wait at a refusal."""
    folder.mkdir(parents=True, exist_ok=True)
    local = threading.local()

    def one(place: int, prompt: str) -> bool:
        if not hasattr(local, "session"):
            local.session = requests.Session()
        for tried in range(_TRIES):
            try:
                picture = predict(local.session, url, prompt)
            except RefusedError:
                time.sleep(random.uniform(0, min(60, 2**tried)))
                continue
            (folder / f"{place}.jpg").write_bytes(picture)
            return True
        return False

    began = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        done = sum(pool.map(one, range(len(frame)), frame["prompt"]))
    return Brought(time.perf_counter() - began, done, len(frame) - done)


def vendor(frame: pd.DataFrame, url: str, folder: Path) -> Brought:
    """Run ``generate_batch`` of the vendor's own pruna-client, then download what succeeded."""
    from pruna_client import PredictionStatus, PrunaClient

    logging.getLogger("pruna_client").setLevel(logging.CRITICAL)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    folder.mkdir(parents=True, exist_ok=True)
    client = PrunaClient(api_key=KEY)
    client.base_url = f"{url}/v1"
    requested: list[dict[str, Any]] = [
        {"model": MODEL, "input": {"prompt": prompt}} for prompt in frame["prompt"]
    ]
    began = time.perf_counter()
    done = 0
    for place, answer in enumerate(client.generate_batch(requested)):
        if answer.status is PredictionStatus.SUCCEEDED:
            picture = client.download_content(answer.response["generation_url"])
            (folder / f"{place}.jpg").write_bytes(picture)
            done += 1
    taken = time.perf_counter() - began
    client.close()
    # Its connections belong to an event loop that its own generate_batch has closed.
    with contextlib.suppress(RuntimeError):
        asyncio.run(client.aclose())
    return Brought(taken, done, len(frame) - done)
