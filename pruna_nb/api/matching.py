"""Whether an answer is the request's own.

A second answer that comes late on a kept connection, or a gateway that answers from its cache,
gives a row another row's prediction. Such an answer is whole and plausible: it is known by what it
names (id, model, input) or by naming what was given for another request before.
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

_KEPT = 100_000
"""Answers that are remembered; the oldest are forgotten first."""
_NOT_WORDS = re.compile(r"[\W_]+")
_LONG = 40
"""Characters from which a text that begins another is that other, cut short."""
_CUT = re.compile(r"(\.{3}|\u2026|\[\.{3}\]|[\[(<]truncated[\])>])\s*$", re.IGNORECASE)
"""How a text ends that says itself that it is cut short."""
_REDACTED = re.compile(
    r"[\[<({*]+\s*(redacted|hidden|masked|removed|omitted)\s*[\]>)}*]+", re.IGNORECASE
)
"""What stands for a text that is not repeated."""
_RATIO = re.compile(r"[0-9]+:[0-9]+")
_REWRITES = ("prompt_upsampling", "enhance_prompt")
"""Fields by which a service is asked to write a prompt anew."""


class Answered:
    """What was answered so far, by which an answer given twice is known."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        renew_in_child(self)
        self._requests: dict[str, bytes] = {}

    def claim(self, given: str, model: str, request: dict[str, Any]) -> None:
        """Note what a request was answered with: its id, or its output where it has no id.

        Raises
        ------
        LostAnswerError
            If another request was answered with the same.
        """
        text = json.dumps([model, request], sort_keys=True)
        digest = blake2b(text.encode(), digest_size=16).digest()
        with self._lock:
            known = self._requests.setdefault(given, digest)
            if len(self._requests) > _KEPT:
                del self._requests[next(iter(self._requests))]
        if known != digest:
            message = (
                "The answer names the prediction of another request of this session, so it is not "
                "this one's"
            )
            raise LostAnswerError(message)


def difference(body: dict[str, Any], model: str, request: dict[str, Any]) -> str | None:
    """Return what shows that an answer is another request's; None if nothing does for certain.

    Services echo what they were sent in their own way (defaults filled in, addresses of files
    rewritten, spaces trimmed, names with an owner or a version): that is no difference.

    Parameters
    ----------
    body : dict
        The answer, which may name a ``model`` and an ``input``.
    model : str
        The request's model; empty if it is not known.
    request : dict
        The request's input.
    """
    told = body.get("model")
    if isinstance(told, str) and model and not _is_same_model(told, model):
        return f"its model is {told[:80]!r}, not {model!r}"
    echo = body.get("input")
    if not isinstance(echo, dict):
        return None
    if not _is_same_prompt(echo, request, model):
        return f"its prompt is {str(echo['prompt'])[:80]!r}, not {str(request['prompt'])[:80]!r}"
    if not _is_same_seed(echo.get("seed"), request.get("seed")):
        return f"its seed is {echo['seed']}, not {request['seed']}"
    told, asked = echo.get("aspect_ratio"), request.get("aspect_ratio")
    if told != asked and all(_RATIO.fullmatch(str(each)) for each in (told, asked)):
        return f"its aspect ratio is {told}, not {asked}"
    others = [name for name in request if not _are_same_files(echo.get(name), request[name])]
    return f"its {others[0]!r} is another file" if others else None


def _is_same_model(told: str, model: str) -> bool:
    """Compare names without owner, version and punctuation."""
    name = told.strip().lower().rsplit("/", 1)[-1].partition(":")[0]
    if name == model.lower() or not name:
        return True
    if name in catalog.model_names():
        return False
    one, other = _NOT_WORDS.sub("", name), _NOT_WORDS.sub("", model.lower())
    return one in other or other in one


def _is_same_prompt(echo: dict[str, Any], request: dict[str, Any], model: str) -> bool:
    """Compare the words alone; an echo may be cut short, or have words put around it."""
    told, asked = echo.get("prompt"), request.get("prompt")
    if not (isinstance(told, str) and isinstance(asked, str)):
        return True
    one, other = _words(told), _words(asked)
    if _REDACTED.fullmatch(told.strip()):
        return True
    if (cut := _CUT.search(told)) and other.startswith(_words(told[: cut.start()])):
        return True
    if not one or not other or f" {one} " in f" {other} " or f" {other} " in f" {one} ":
        return True
    if min(len(one), len(other)) >= _LONG and (one.startswith(other) or other.startswith(one)):
        return True
    return _may_be_rewritten(echo, request, model)


def _words(text: str) -> str:
    plain = unicodedata.normalize("NFKD", html.unescape(text)).casefold()
    return _NOT_WORDS.sub(" ", "".join(c for c in plain if not unicodedata.combining(c))).strip()


def _may_be_rewritten(echo: dict[str, Any], request: dict[str, Any], model: str) -> bool:
    fields = catalog.lookup_model(model).fields if model else {}
    return any(
        echo.get(name) or request.get(name, name in fields and fields[name].default)
        for name in _REWRITES
    )


def _are_same_files(told: object, asked: object) -> bool:
    """Compare the names of uploaded files; an address elsewhere may be a copy of the file."""
    if isinstance(told, list) and isinstance(asked, list) and len(told) == len(asked):
        return all(map(_are_same_files, told, asked))
    if not (isinstance(told, str) and isinstance(asked, str) and "://" in asked):
        return True
    one, other = (text.partition("?")[0].rpartition("/") for text in (told, asked))
    return one[0] != other[0] or one[2] == other[2]


def _is_same_seed(told: object, asked: object) -> bool:
    """Compare seeds; a service may take one modulo 2**31 or 2**32, and 0 or less for any."""
    if type(told) is not int or type(asked) is not int or asked <= 0:
        return True
    try:
        same = float(told) == float(asked)  # beyond 2**53, some JSON libraries keep no more
    except OverflowError:
        same = told == asked
    if same:
        return True
    return any((told - asked) % 2**bits == 0 for bits in (31, 32))
