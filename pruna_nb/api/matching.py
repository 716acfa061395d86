"""Whether a response belongs to its request.

A second response that comes late on a reused connection, or a gateway that responds from its cache,
would give a row another row's prediction. Such a response is complete and plausible: it is
recognised by what it names (id, model, input), or by an id that another request got before.
"""

from __future__ import annotations

import html
import json
import re
import threading
import unicodedata
from hashlib import blake2b
from typing import Any

from pruna_nb import catalog
from pruna_nb.errors import LostAnswerError
from pruna_nb.forks import renew_in_child

# Responses that are remembered; the oldest are forgotten first.
_KEPT = 100_000
_NOT_WORDS = re.compile(r"[\W_]+")
# A text of so many characters that begins another counts as that other, cut short.
_LONG = 40
# How a text ends that says itself that it is cut short.
_CUT = re.compile(r"(\.{3}|\u2026|\[\.{3}\]|[\[(<]truncated[\])>])\s*$", re.IGNORECASE)
# What replaces a text that is not repeated.
_REDACTED = re.compile(
    r"[\[<({*]+\s*(redacted|hidden|masked|removed|omitted)\s*[\]>)}*]+", re.IGNORECASE
)
_RATIO = re.compile(r"[0-9]+:[0-9]+")
# Fields that ask the service to rewrite the prompt.
_REWRITES = ("prompt_upsampling", "enhance_prompt")


class Answered:
    """Remembers which request got which id or output, to recognise one that comes twice."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        renew_in_child(self)
        self._requests: dict[str, bytes] = {}

    def claim(self, identity: str, model: str, request: dict[str, Any]) -> None:
        """Remember the id of a request's response, or its output; raise if another had the same."""
        text = json.dumps([model, request], sort_keys=True)
        digest = blake2b(text.encode(), digest_size=16).digest()
        with self._lock:
            known = self._requests.setdefault(identity, digest)
            if len(self._requests) > _KEPT:
                del self._requests[next(iter(self._requests))]
        if known != digest:
            raise LostAnswerError(
                "The response names the prediction of another request of this session"
            )


def difference(body: dict[str, Any], model: str, request: dict[str, Any]) -> str | None:
    """Return what proves that a response belongs to another request; None without a proof.

    Services echo an input in their own way (defaults filled in, URLs of files rewritten, spaces
    trimmed, names with an owner or a version): that is not a difference. `model` is empty if it
    is not known.
    """
    named = body.get("model")
    if isinstance(named, str) and model and not _is_same_model(named, model):
        return f"its model is {named[:80]!r}, not {model!r}"
    echo = body.get("input")
    if not isinstance(echo, dict):
        return None
    if not _is_same_prompt(echo, request, model):
        return f"its prompt is {str(echo['prompt'])[:80]!r}, not {str(request['prompt'])[:80]!r}"
    if not _is_same_seed(echo.get("seed"), request.get("seed")):
        return f"its seed is {echo['seed']}, not {request['seed']}"
    echoed, sent = echo.get("aspect_ratio"), request.get("aspect_ratio")
    if echoed != sent and all(_RATIO.fullmatch(str(ratio)) for ratio in (echoed, sent)):
        return f"its aspect ratio is {echoed}, not {sent}"
    others = [name for name in request if not _are_same_files(echo.get(name), request[name])]
    return f"its {others[0]!r} is another file" if others else None


def _is_same_model(echoed: str, model: str) -> bool:
    """Whether two names are the same without owner, version and punctuation."""
    name = echoed.strip().lower().rsplit("/", 1)[-1].partition(":")[0]
    if name == model.lower() or not name:
        return True
    if name in catalog.model_names():
        return False
    one, other = _NOT_WORDS.sub("", name), _NOT_WORDS.sub("", model.lower())
    return one in other or other in one


def _is_same_prompt(echo: dict[str, Any], request: dict[str, Any], model: str) -> bool:
    """Whether two prompts have the same words; an echo may be cut short, or have more around it."""
    echoed, sent = echo.get("prompt"), request.get("prompt")
    if not (isinstance(echoed, str) and isinstance(sent, str)):
        return True
    one, other = _words(echoed), _words(sent)
    if _REDACTED.fullmatch(echoed.strip()):
        return True
    if (cut := _CUT.search(echoed)) and other.startswith(_words(echoed[: cut.start()])):
        return True
    if not one or not other or f" {one} " in f" {other} " or f" {other} " in f" {one} ":
        return True
    if min(len(one), len(other)) >= _LONG and (one.startswith(other) or other.startswith(one)):
        return True
    # The service may have been asked to rewrite the prompt, also by the model's default.
    fields = catalog.lookup_model(model).fields if model else {}
    return any(
        echo.get(name) or request.get(name, name in fields and fields[name].default)
        for name in _REWRITES
    )


def _words(text: str) -> str:
    plain = unicodedata.normalize("NFKD", html.unescape(text)).casefold()
    return _NOT_WORDS.sub(" ", "".join(c for c in plain if not unicodedata.combining(c))).strip()


def _are_same_files(echoed: object, sent: object) -> bool:
    if isinstance(echoed, list) and isinstance(sent, list) and len(echoed) == len(sent):
        return all(map(_are_same_files, echoed, sent))
    if not (isinstance(echoed, str) and isinstance(sent, str) and "://" in sent):
        return True
    # Names are compared within one folder; a URL somewhere else may be a copy of the file.
    one, other = (url.partition("?")[0].rpartition("/") for url in (echoed, sent))
    return one[0] != other[0] or one[2] == other[2]


def _is_same_seed(echoed: object, sent: object) -> bool:
    if type(echoed) is not int or type(sent) is not int or sent <= 0:  # 0 or less asks for any
        return True
    try:
        same = float(echoed) == float(sent)  # some JSON libraries keep no digits beyond 2**53
    except OverflowError:
        same = echoed == sent
    # A service may take a seed modulo 2**31 or 2**32.
    return same or any((echoed - sent) % 2**bits == 0 for bits in (31, 32))
