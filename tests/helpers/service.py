"""A P-API by hand, on a real socket, whose clock, memory and accounts a test sets."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from email.utils import formatdate

from tests.faults.servers import Server, reply
from tests.helpers.media import picture


class Service(Server):
    """Answers like P-API: a prediction is finished at once, and belongs to the key that sent it.

    Attributes
    ----------
    posts : list of (str, str)
        Prompt and id of each prediction that was accepted, in order.
    days : float
        By how many days its clock is ahead of ours; None sends no Date.
    finds : callable
        Whether it finds a prediction, by its id, when it is asked for its status.
    delivers : bool
        Whether it gives outputs; 410 otherwise.
    answers : int or None
        How many POSTs it answers before it holds the answers back until `go_on` is set.
    finished : bool
        Whether predictions are finished when they are asked for.
    """

    def __init__(self):
        super().__init__(self._reply)
        self.posts = []
        self.days = 0.0
        self.finds = lambda _: True
        self.delivers = self.finished = True
        self.answers, self.go_on = None, threading.Event()
        self.questions = Counter()
        self._owners = {}
        self._jpeg = picture()
        self._posting = threading.Lock()

    @property
    def twice(self):
        """Return the prompts that were paid for more than once."""
        return sorted(name for name, n in Counter(name for name, _ in self.posts).items() if n > 1)

    def _reply(self, asked):
        status, content = self._answer_to(asked)
        date = {}
        if self.days is not None:
            date["Date"] = formatdate(time.time() + self.days * 86400.0, usegmt=True)
        return reply(status, content, date)

    def _answer_to(self, asked):
        key, name = asked.headers.get("apikey"), asked.path.rsplit("/", 1)[-1]
        if asked.method == "POST":
            with self._posting:
                made = f"id-{len(self.posts)}"
                self.posts.append((json.loads(asked.body)["input"]["prompt"], made))
                self._owners[made] = key
                held = self.answers is not None and len(self.posts) > self.answers
            if held:
                self.go_on.wait(60)
            return 201, {"id": made, "model": "p-image"}
        if "/delivery/" in asked.path:
            if not self.delivers:
                return 410, {"error": {"code": "CONTENT_EXPIRED", "message": "it is gone"}}
            return 200, self._jpeg + name.encode()
        self.questions[name] += 1
        if self._owners.get(name) != key or not self.finds(name):
            return 404, {"error": {"code": "NOT_FOUND", "message": "no such prediction"}}
        if not self.finished:
            return 200, {"status": "processing"}
        url = f"{self.url}/v1/predictions/delivery/{name}"
        return 200, {"status": "succeeded", "generation_url": url}
