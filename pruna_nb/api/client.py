"""The client: one prediction at a time, throttled, tried again where that is safe."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self, TypeVar

from pruna_nb import arguments, catalog, errors
from pruna_nb.api import replies, retry
from pruna_nb.api.certificates import check_authorities
from pruna_nb.api.endpoints import Calls
from pruna_nb.api.replies import Prediction
from pruna_nb.api.throttle import throttle_for
from pruna_nb.api.upload import Uploader
from pruna_nb.arguments import Problems
from pruna_nb.files import inputs
from pruna_nb.files.media_store import MediaStore
from pruna_nb.redact import Hidden
from pruna_nb.settings import current
from pruna_nb.text import described

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

    from pruna_nb.api.throttle import Throttle
    from pruna_nb.arguments import Seconds
    from pruna_nb.settings import Settings

TIME_OUT_SECONDS = {"image": 600.0, "video": 3600.0, "zip": 6 * 3600.0, "unknown": 3600.0}
"""How long a prediction is waited for, by what its model makes."""
_POLL_FIRST, _POLL_GROWTH, _POLL_LONGEST = 0.25, 1.25, 5.0
_REFUSALS_AT_MOST = 20
_CREATE_TRIES, _READ_TRIES = 5, 8

T = TypeVar("T")


class Client:
    """P-API, one call at a time.

    Parameters
    ----------
    api_key : str, optional
        The key; else that of `configure` or ``PRUNA_API_KEY``.
    base_url : str, optional
        The service's address; else that of `configure` or ``PRUNA_API_URL``.
    timeout : float, optional
        Seconds to wait for one answer. Default 60.
    limits : mapping, optional
        Requests and seconds by model, or by "status", "delivery" and "files".

    Raises
    ------
    MissingKeyError
        If there is no key.
    SettingsError
        If a setting is wrong, or a variable that names certificate authorities.

    Examples
    --------
    >>> import pruna_nb
    >>> client = pruna_nb.Client()
    >>> prediction = client.create("p-image", {"prompt": "a lion"})
    >>> prediction = client.wait(prediction)
    >>> prediction.status
    'succeeded'
    >>> client.deliver(prediction).suffix
    '.jpg'
    """

    def __init__(
        self,
        api_key: str | None = None,
        base_url: str | None = None,
        *,
        timeout: Seconds | None = None,
        limits: Mapping[str, tuple[int, float]] | None = None,
    ) -> None:
        api_key = Hidden(api_key) if isinstance(api_key, str) else api_key
        self.settings: Settings = current(
            api_key=api_key, base_url=base_url, timeout=timeout, limits=limits
        )
        self.settings.require_key()
        check_authorities(self.settings.base_url)
        self.calls = Calls.of(self.settings)
        self.uploader = Uploader(self._send_file)

    def __repr__(self) -> str:
        settings = getattr(self, "settings", None)  # none yet, where a traceback shows __init__
        return f"Client(base_url={settings.base_url!r})" if settings else "Client(...)"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self.calls.transport.close()

    def create(
        self,
        model: str,
        input: Mapping[str, Any],  # noqa: A002 - the API's word
        *,
        sync: bool = False,
        unchecked: bool = False,
    ) -> Prediction:
        """Send a new prediction, which is paid work.

        Parameters
        ----------
        model : str
            The model's name.
        input : mapping
            Its fields. A field that takes a file may hold a path, bytes, a PIL image and so
            on, which is uploaded first (see `upload`).
        sync : bool
            Wait for the answer in the request itself, up to 60 s; what is not finished by
            then goes on, and `wait` waits for it.
        unchecked : bool
            Send fields that the catalogue does not know.

        Returns
        -------
        Prediction
            Finished or not.

        Raises
        ------
        InputError
            If the model does not take the input; nothing was sent.
        ApiError
            As `pruna_nb.errors` draws them. Only what proves that nothing was accepted (no
            connection, 429, 503) was tried again.
        """
        problems = Problems()
        anyhow = problems.read(arguments.switch, "unchecked", unchecked, instead=False)
        sync = problems.read(arguments.switch, "sync", sync, instead=False)
        known = catalog.read_model(model, problems, unchecked=anyhow)
        given: dict[str, Any] = {}
        with problems.noted():
            given = checked(known, _as_input(input))
        problems.check()
        wire = inputs.replace_media(given, self.uploader.url)
        throttle = self._throttle(known.name, catalog.limit_for(known))
        made = self._create(throttle, lambda: self.calls.create(known.name, wire, sync=sync))
        return replace(made, input=known.masked(wire))

    def status(self, prediction: Prediction | str) -> Prediction:
        """Ask where a prediction stands.

        Parameters
        ----------
        prediction : Prediction or str
            One that `create` gave, or its id.
        """
        asked = _as_prediction(prediction)
        if asked.id is None:
            return asked
        return self._read("status", lambda: self.calls.status(asked))

    def wait(self, prediction: Prediction | str, *, timeout: Seconds | None = None) -> Prediction:
        """Wait until a prediction is finished.

        Parameters
        ----------
        prediction : Prediction or str
            One that `create` gave, or its id.
        timeout : float, optional
            Seconds; by default 10 minutes for pictures, an hour for videos, 6 for training.

        Raises
        ------
        PredictionFailedError, PredictionCanceledError, QuotaError
            If it ended badly.
        PredictionTimeoutError
            If it did not end in that time; it goes on, and can be waited for again.
        """
        problems = Problems()
        given = problems.read(arguments.seconds, "timeout", timeout, zero=True, instead=None)
        asked = problems.read(_as_prediction, prediction, instead=Prediction("", {}, ""))
        problems.check("This cannot be waited for")
        seconds = self._time_out(asked.model) if given is None else given
        end = time.monotonic() + seconds
        pause = _POLL_FIRST
        while not asked.finished:
            left = end - time.monotonic()
            if left <= 0:
                msg = f"Prediction {asked.id} is still {asked.status} after {seconds:g} s"
                raise errors.PredictionTimeoutError(msg, prediction_id=asked.id)
            time.sleep(min(pause, left))
            pause = min(pause * _POLL_GROWTH, _POLL_LONGEST)
            asked = self.status(asked)
        if asked.status != "succeeded":
            raise replies.ended_badly(asked, asked.input)
        return asked

    def deliver(self, prediction: Prediction, to: str | Path | None = None) -> Path:
        """Fetch the output of a prediction that succeeded, checked to be whole.

        Parameters
        ----------
        prediction : Prediction
            One that `wait` gave.
        to : path, optional
            A folder; by default the cache's media folder.

        Returns
        -------
        Path
            The file, named by the SHA-256 of its bytes, with its true suffix.

        Raises
        ------
        InputError
            If the prediction has no output, or none yet.
        DeliveryError
            If the output could not be fetched whole.
        """
        prediction = _as_prediction(prediction)
        folder = None if to is None else arguments.path("to", to)
        if prediction.status != "succeeded":
            msg = f"The prediction is {prediction.status}; wait() for it, then deliver() it."
            raise errors.InputError(msg)
        store = MediaStore(folder or self.settings.media_dir)
        expected = catalog.lookup_model(prediction.model).output if prediction.model else "unknown"
        return self._read("delivery", lambda: self.calls.deliver(prediction, store, expected)).path

    def upload(self, file: object) -> replies.Upload:
        """Upload a file; equal bytes are uploaded once, until shortly before they expire.

        Parameters
        ----------
        file : object
            A path, bytes, a file object, a PIL image, a numpy array or a data URI; at most
            100 MB.

        Returns
        -------
        Upload
            Its ``url`` goes into an input; ``expires_at`` is in seconds since 1970.
        """
        media = inputs.to_media(file)
        if isinstance(media, str):
            msg = f"{media[:80]!r} is an address already: put it into the input as it is."
            raise errors.InputError(msg)
        return self.uploader.upload(media)

    def _send_file(self, media: inputs.Media) -> replies.Upload:
        def send() -> replies.Upload:
            with media.open() as file:
                return self.calls.upload(file, media.size, media.type, media.sha256[:16])

        return self._read("files", send)

    def _throttle(self, name: str, limit: tuple[int, float]) -> Throttle:
        return throttle_for(self.settings, name, limit)

    def _time_out(self, model: str) -> float:
        kind = catalog.lookup_model(model).output if model else "unknown"
        return TIME_OUT_SECONDS[kind]

    def _create(self, throttle: Throttle, send: Callable[[], Prediction]) -> Prediction:
        return _tried(
            throttle,
            send,
            lambda error, tries: tries < _CREATE_TRIES and retry.may_create_again(error),
        )

    def _read(self, endpoint: str, ask: Callable[[], T]) -> T:
        throttle = self._throttle(endpoint, catalog.ENDPOINT_LIMITS[endpoint])
        return _tried(
            throttle,
            ask,
            lambda error, tries: tries < _READ_TRIES and retry.may_read_again(error, tries),
        )


def checked(model: catalog.Model, given: dict[str, Any]) -> dict[str, Any]:
    """Turn what was given for files into `Media`, and check the input against the model.

    Raises
    ------
    InputError
        With every problem.
    """
    ready: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for name, value in given.items():
        if value is None:
            continue
        ready[name] = value
        if name in model.fields:
            try:
                ready[name] = _as_media(model, name, value)
            except arguments.MISTAKES as error:
                wrong[name] = f"{name}: {arguments.lines_of(error)[0]}"
    found = catalog.check_input(model, ready)
    lines = [*wrong.values(), *(str(each) for each in found if each.field not in wrong)]
    if lines:
        head = f"{model.name} does not take this input"
        several = arguments.listed(f"{head}; nothing was sent:", lines)
        raise errors.InputError(several if len(lines) > 1 else f"{head}: {lines[0]}", lines)
    return ready


def _as_input(given: object) -> dict[str, Any]:
    if isinstance(given, Mapping) and all(isinstance(name, str) for name in given):
        return dict(given)
    msg = f"input must be a dict of the model's fields; {described(given)} was given."
    raise errors.InputError(msg)


def _as_prediction(given: object) -> Prediction:
    if isinstance(given, Prediction):
        return given
    if isinstance(given, str) and given.strip():
        return Prediction("", {}, str(given))
    msg = f"prediction must be what create() gave, or an id; {described(given)} was given."
    raise errors.InputError(msg)


def _as_media(model: catalog.Model, name: str, value: Any) -> Any:
    field = model.fields[name]
    if not field.media:
        return value
    many = field.type == "array"
    items = value if many and isinstance(value, (list, tuple)) else [value]
    read = [inputs.to_media(item) for item in items]
    for media in read:
        if model.checked:
            inputs.check_kind(field, media)
        if isinstance(media, inputs.Media):
            media.check_whole()
    return read if many else read[0]


def _tried(
    throttle: Throttle, call: Callable[[], T], again: Callable[[errors.ApiError, int], bool]
) -> T:
    """Make a call as the throttle allows, and again where `again` says so."""
    tries = refusals = 0
    while True:
        slot, failure = throttle.wait(), None
        try:
            return call()
        except errors.ApiError as error:
            failure = error
            if error.account_wide:
                raise
            if isinstance(error, errors.RateLimitError):
                refusals += 1
                if refusals >= _REFUSALS_AT_MOST:
                    raise
                continue  # no pause of its own: the throttle knows how long to wait
            tries += 1
            if not again(error, tries):
                raise
        finally:
            throttle.give_back(slot, failure)
        time.sleep(retry.backoff(tries))
