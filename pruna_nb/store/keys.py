"""What makes two requests the same: service, model, and every field that is no secret."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from pruna_nb.files.inputs import Media, replace_media
from pruna_nb.redact import redact_values

if TYPE_CHECKING:
    from pruna_nb.catalog import Model


def request_key(service: str, model: Model, request: dict[str, Any]) -> str:
    """Return the SHA-256 of a request's canonical JSON; see `KeyMaker`, which makes many."""
    return KeyMaker(service, model).key(request)


class KeyMaker:
    """Makes the keys of one service's and model's requests: the SHA-256 of their canonical JSON.

    A file counts by its bytes, not by its path or the address that an upload gave it. A
    secret (`hf_api_token`) opens a door and changes no pixel, so it does not count.

    Parameters
    ----------
    service : str
        Who answers (`Settings.service`): an emulator's output is none of the real service.
    model : Model
        As the catalogue gives it.
    """

    def __init__(self, service: str, model: Model) -> None:
        self._secrets = model.secret_names
        # What all have in common is written once: of a hundred thousand keys, a third of the time.
        self._head = _JSON.encode([service, model.name])[:-1]

    def key(self, request: dict[str, Any]) -> str:
        """Return the key of a request.

        Parameters
        ----------
        request : dict
            Plain Python values, and `Media`.
        """
        if not self._secrets.isdisjoint(request):
            request = {name: value for name, value in request.items() if name not in self._secrets}
        text = f"{self._head},{_JSON.encode(request)}]"
        return hashlib.sha256(text.encode()).hexdigest()


def masked(model: Model, request: dict[str, Any]) -> dict[str, Any]:
    """Return an input as it may be kept and shown: secrets masked, files by their SHA-256.

    Signatures and tokens in addresses are secrets too. What is masked cannot be sent again from
    the record: a run that goes on, or sends again, has the input itself in memory.
    """
    return model.masked(redact_values(replace_media(request, _bytes_named)))


def _bytes_named(value: object) -> dict[str, str]:
    if isinstance(value, Media):
        return {"sha256": value.sha256}
    msg = f"{type(value).__name__} cannot stand in an input"
    raise TypeError(msg)


_JSON = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=_bytes_named)
