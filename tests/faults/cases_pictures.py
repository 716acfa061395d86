"""Outputs that are not what was paid for: of another kind, empty, damaged inside."""

from __future__ import annotations

import itertools

import pandas as pd

from tests.faults.cases import Case, generate, result, settings_for
from tests.faults.servers import Server, reply
from tests.helpers.media import box, clip, picture, sound, zip_of

_HEAD = box(b"ftyp", b"isom\0\0\x02\0isomiso2mp41")
NO_PICTURES = {
    "an archive": zip_of({"weights.safetensors": b"x" * 500}),
    "a video": clip(),
    "a sound": sound(),
    "nothing": b"",
    "a page": b"<!DOCTYPE html><html><body>Please wait</body></html>",
    "half a picture": picture("JPEG")[:-40],
    "a wrong checksum": picture("PNG")[:-16] + bytes(4) + picture("PNG")[-12:],
}
NO_VIDEOS = {
    "a picture": picture("JPEG"),
    "an archive": NO_PICTURES["an archive"],
    "four bytes of webm": b"\x1aE\xdf\xa3",
    "an empty index": _HEAD + box(b"moov", b"") + box(b"mdat", b"x" * 500),
    "a sound alone": sound("mp4", "aac"),
    "half a video": clip()[:-30],
}
NO_WEIGHTS = {
    "a picture": picture("PNG"),
    "an empty archive": zip_of({}),
    "half an archive": NO_PICTURES["an archive"][:-30],
    "a member that is damaged": NO_PICTURES["an archive"].replace(b"xxxx", b"xyxx", 1),
}


class Outputs:
    """A service that takes every request at once, and delivers what it is told to.

    Parameters
    ----------
    wrong : list of bytes
        What the predictions' outputs are, in order.
    right : bytes
        What they are in the end.
    times : int or None
        How often each wrong one is given; None until `mend` is called.
    """

    def __init__(self, wrong, right, times):
        self._wrong, self._right, self._times = wrong, right, times
        self._fetched = [0] * len(wrong)
        self._numbers = itertools.count()
        self.charged = 0

    def __call__(self, asked):
        """Answer a request."""
        if asked.method == "POST" and asked.path == "/v1/predictions":
            return self._take()
        if asked.path.startswith("/v1/predictions/status/"):
            return reply(200, self._succeeded(asked.path.rsplit("/", 1)[1]))
        if asked.path.startswith("/v1/predictions/delivery/"):
            return self._deliver(int(asked.path.rsplit("-", 1)[1]))
        # The archive that a training is made from.
        return reply(201, {"id": "f", "urls": {"get": "https://files.example/f"}})

    def _take(self):
        number = next(self._numbers)
        self.charged += 1
        return reply(201, {"id": f"p-{number}", **self._succeeded(f"p-{number}")})

    def _succeeded(self, name):
        return {"status": "succeeded", "generation_url": f"/v1/predictions/delivery/{name}"}

    def _deliver(self, number):
        self._fetched[number] += 1
        is_wrong = self._times is None or self._fetched[number] <= self._times
        return reply(200, self._wrong[number] if is_wrong else self._right)

    def mend(self):
        """Deliver the right outputs from now on."""
        self._times = 0


def wrong_outputs(model, wrong, right, times, **fields):
    """Make a case of a model whose outputs are of another kind, empty or damaged."""

    def run():
        frame = pd.DataFrame({"prompt": [f"thing {number}" for number in range(len(wrong))]})
        given = {name: make() for name, make in fields.items()}
        outputs = Outputs(list(wrong.values()), right, times)
        with Server(outputs) as server, settings_for(server.url):
            first, error = generate(frame, model=model, **given)
            outputs.mend()
            second, _ = generate(frame, model=model, **given)
            return result(first, second, outputs.charged, error)

    return run


CASES = [
    Case(
        "picture of another kind, empty or damaged, twice",
        wrong_outputs("p-image", NO_PICTURES, picture("JPEG", seed=3), 2),
    ),
    Case(
        "video of another kind, empty or damaged, twice",
        wrong_outputs("p-video", NO_VIDEOS, clip(), 2),
    ),
    Case(
        "picture of another kind, empty or damaged, for the whole run",
        wrong_outputs("p-image", NO_PICTURES, picture("JPEG", seed=3), None),
        slow=True,
    ),
]
"""Faults of what is delivered, in the order of the table."""
