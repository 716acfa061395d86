"""The service itself, without HTTP: what is accepted, how it goes on, what comes out."""

from __future__ import annotations

import hashlib
import random
import re
import secrets
import shutil
import tempfile
import threading
import time
from collections import OrderedDict
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pruna_nb.catalog import Model, lookup_model
from pruna_nb.emulator.faults import Faults
from pruna_nb.emulator.files import FileStore, entry_of
from pruna_nb.emulator.limits import LimitDecision, Window, make_window
from pruna_nb.emulator.predictions import AcceptedLog, AcceptedPrediction, RenderJob, Source
from pruna_nb.emulator.render import render, suffix_of
from pruna_nb.emulator.sources import SourceLoader
from pruna_nb.errors import UnknownModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pruna_nb.emulator.files import StoredFile
    from pruna_nb.emulator.options import Options
    from pruna_nb.emulator.predictions import Outcome

ENDPOINTS: Final = ("predictions", "status", "delivery", "files")
# Outputs that are kept in memory; older ones are drawn again, to the same bytes.
_KEPT_BYTES: Final = 64 << 20
_ID_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_ADDRESS: Final = re.compile(
    r"/v1/(?:files/(?P<file>[^/?#]+)|predictions/delivery/xezq/(?P<token>[^/?#]+)/)"
)


class Core:
    """What stands behind the endpoints; beside a ledger are the uploaded files."""

    def __init__(
        self,
        options: Options,
        *,
        ledger: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.options = options
        # Hosts with ports whose addresses are this service's own: the server knows its port.
        self.own_hosts: frozenset[str] = frozenset()
        self.faults = Faults(options.faults, seed=options.seed)
        self.clock = clock
        self.accepted: list[AcceptedPrediction] = []
        self.charged = 0
        self.refused = 0
        self.counts = dict.fromkeys(ENDPOINTS, 0)
        self._rng = random.Random(options.seed)  # noqa: S311 - latencies and pictures
        self._windows: dict[tuple[str, str], Window] = {}
        self._by_id: dict[str, AcceptedPrediction] = {}
        self._by_token: dict[str, AcceptedPrediction] = {}
        self._outputs: OrderedDict[str, bytes] = OrderedDict()
        self._kept = 0
        self._lock = threading.Lock()
        self._temporary = None if ledger else tempfile.mkdtemp(prefix="pruna-nb-emulator-")
        folder = Path(self._temporary) if self._temporary else Path(f"{ledger}.files")
        self.files = FileStore(folder, clock)
        self._ledger = AcceptedLog(ledger) if ledger else None
        self._restore()

    def close(self) -> None:
        """Close the ledger, or remove what was kept for this run alone."""
        if self._ledger is not None:
            self._ledger.close()
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)

    def configure(self, changes: Mapping[str, Any]) -> None:
        """Change options; faults and limits that are set anew begin to count anew."""
        self.options = self.options.changed(changes)
        if {"faults", "seed"} & set(changes):
            self.faults = Faults(self.options.faults, seed=self.options.seed)
        if {"limits", "window"} & set(changes):
            self._windows = {}

    def take(self, key: str, name: str, model: Model | None = None) -> LimitDecision:
        """Count a request against the limit of a model or an endpoint, for one key."""
        window = self._windows.get((key, name))
        if window is None:
            requests, seconds = self.options.limit(name, model)
            window = make_window(self.options.window, requests, seconds)
            self._windows[key, name] = window
        # Not `clock`: a limit must not open or close when the machine's time of day is set.
        decision = window.take(time.monotonic())
        if not decision.accepted:
            self.refused += 1
        return decision

    def find_model(self, name: str) -> Model | None:
        """Return the model of that name, if the service has it."""
        try:
            model = lookup_model(name)
        except UnknownModelError:
            return None
        extra = self.options.allow_unknown or name in self.options.extra_models
        return model if model.known or extra else None

    def accept(self, model: Model, given: Mapping[str, Any]) -> AcceptedPrediction:
        """Take a prediction on; from here on it is charged."""
        now = self.clock()
        # As the service's: 26 letters and digits.
        bits = secrets.randbits(130)
        number = "".join(_ID_ALPHABET[bits >> shift & 31] for shift in range(0, 130, 5))
        seed = given.get("seed")
        if not isinstance(seed, int) or seed < 0:
            seed = self._rng.getrandbits(31)
        sources, problem = self._sources(model, given)
        outcome, error = self._outcome(problem)
        prediction = AcceptedPrediction(
            id=number,
            model=model.name,
            input=model.masked(given),
            at=now,
            finish=now + self.options.draw_latency(model, self._rng),
            outcome=outcome,
            error=error,
            seed=seed,
            charged=not error.startswith("QUOTA_EXCEEDED"),
            sources=sources,
            token=hashlib.sha256(number.encode()).hexdigest()[:48],
            suffix=suffix_of(model, given),
        )
        # First of all in the ledger: an emulator that is killed here must still know of it.
        if self._ledger is not None:
            self._ledger.write({"prediction": asdict(prediction)})
        self._keep(prediction)
        return prediction

    def add_file(self, content: Any, name: str) -> StoredFile:
        """Take an upload on."""
        stored = self.files.add(content, name, ttl=self.options.file_ttl)
        if self._ledger is not None:
            self._ledger.write({"file": entry_of(stored)})
        return stored

    def get(self, number: str) -> AcceptedPrediction | None:
        """Return a prediction by its id."""
        return self._by_id.get(number)

    def by_token(self, token: str) -> AcceptedPrediction | None:
        """Return a prediction by the token in its output's address."""
        return self._by_token.get(token)

    def is_expired(self, prediction: AcceptedPrediction) -> bool:
        """Whether an output has expired."""
        return self.clock() >= prediction.finish + self.options.output_ttl

    def output(self, prediction: AcceptedPrediction) -> bytes:
        """Make an output, or give it again; may be called from several threads."""
        with self._lock:
            kept = self._outputs.get(prediction.id)
        if kept is not None:
            return kept
        model = lookup_model(prediction.model)
        job = RenderJob(model, prediction.input, prediction.seed, prediction.sources)
        made = render(job, SourceLoader(self.files, self.get, self.output), fast=self.options.fast)
        with self._lock:
            # Drawn without the lock: two threads may have made the same one.
            if prediction.id not in self._outputs:
                self._outputs[prediction.id] = made
                self._kept += len(made)
            while self._kept > _KEPT_BYTES and len(self._outputs) > 1:
                _, dropped = self._outputs.popitem(last=False)
                self._kept -= len(dropped)
        return made

    def _restore(self) -> None:
        for entry in self._ledger.read() if self._ledger is not None else ():
            if "file" in entry:
                self.files.restore(entry["file"])
            else:
                plain = entry["prediction"]
                plain["sources"] = tuple(Source(**source) for source in plain["sources"])
                self._keep(AcceptedPrediction(**plain))

    def _keep(self, prediction: AcceptedPrediction) -> None:
        self.accepted.append(prediction)
        self.charged += prediction.charged
        self._by_id[prediction.id] = prediction
        self._by_token[prediction.token] = prediction

    def _outcome(self, problem: str) -> tuple[Outcome, str]:
        """Settle how a prediction is to end."""
        # First, since it concerns the whole account, and is the one failure that is not charged.
        quota = self.options.quota
        if self.faults.draw("quota") or (quota is not None and self.charged >= quota):
            return "failed", "QUOTA_EXCEEDED: the quota of this account is used up"
        if problem:
            return "failed", f"INVALID_INPUT: {problem}"
        if self.faults.draw("failed"):
            return "failed", "MODEL_ERROR: the model could not finish this prediction"
        if self.faults.draw("canceled"):
            return "canceled", ""
        if self.faults.draw("never_ends"):
            return "never", ""
        return "succeeded", ""

    def _sources(self, model: Model, given: Mapping[str, Any]) -> tuple[tuple[Source, ...], str]:
        """Find where the media inputs come from, and the first thing that is wrong with one.

        A file that has expired or was never there makes the prediction fail, after it was
        accepted: the service's workers fetch it, not the endpoint that takes the request.
        """
        sources = []
        problem = ""
        for each in model.media_fields:
            value = given.get(each.name)
            for address in value if isinstance(value, list) else [value]:
                if isinstance(address, str):
                    source, wrong = self._source(each.name, each.media, address)
                    sources.append(source)
                    problem = problem or wrong
        wanted = given.get("reference_image")
        if isinstance(wanted, str) and "reference_image" in model.fields:
            count = sum(source.field == "images" for source in sources)
            if not (wanted.isascii() and wanted.isdigit() and 1 <= int(wanted) <= count):
                problem = problem or f"reference_image {wanted!r} is not one of the {count} images"
        return tuple(sources), problem

    def _source(self, name: str, media: tuple[str, ...], address: str) -> tuple[Source, str]:
        # The host is compared whole, without a name before an @: addresses that only begin like
        # ours lead elsewhere.
        host = re.match(r"https?://([^/?#@]+)/", address)
        is_own = host is not None and host[1].lower() in self.own_hosts
        found = _ADDRESS.search(address) if is_own else None
        if found is None:
            return Source(name, "elsewhere", address), ""
        if found["token"]:
            made = self._by_token.get(found["token"])
            if made is None or made.status(self.clock()) != "succeeded" or self.is_expired(made):
                return Source(name, "output", ""), f"{name}: {address} has no content"
            kind = {"mp4": "video", "zip": "zip"}.get(made.suffix, "image")
            return Source(name, "output", made.id), _unfit(name, kind, media)
        stored = self.files.get(found["file"])
        if stored is None:
            return Source(name, "file", ""), f"{name}: there is no file {address}"
        if not self.files.is_live(stored) or self.faults.draw("file_expired"):
            return Source(name, "file", stored.id), f"{name}: the file {address} has expired"
        return Source(name, "file", stored.id), _unfit(name, stored.kind, media)


def _unfit(name: str, kind: str, media: tuple[str, ...]) -> str:
    return "" if kind in media else f"{name}: takes {' or '.join(media)}, and the file is {kind}"
