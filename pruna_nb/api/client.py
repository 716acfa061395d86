"""The client: one prediction at a time, throttled, and retried where that is safe."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self, TypeVar

from pruna_nb import arguments, catalog, errors
from pruna_nb.api import replies, retry
from pruna_nb.api.certificates import check_authorities
from pruna_nb.api.endpoints import Endpoints
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

# How long a prediction may take by default, by the kind of its output.
TIME_OUT_SECONDS = {"image": 600.0, "video": 3600.0, "zip": 6 * 3600.0, "unknown": 3600.0}
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
        Seconds to wait for one response. Default 60.
    limits : mapping, optional
        Requests and seconds, by model or by "status", "delivery" and "files".

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
        self.endpoints = Endpoints.of(self.settings)
        self.uploader = Uploader(self._send_file)

    def __repr__(self) -> str:
        # A traceback of __init__ calls this before there are settings.
        settings = getattr(self, "settings", None)
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
        self.endpoints.transport.close()

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
            on, which are uploaded first (see `upload`).
        sync : bool
            Wait for the result in the request itself, up to 60 s. If it takes longer, the
            prediction goes on, and `wait` waits for it.
        unchecked : bool
            Send fields that the catalogue does not know.

        Returns
        -------
        Prediction
            Finished or not.

        Raises
        ------
        InputError
            If the model does not accept the input; nothing was sent.
        ApiError
            See `pruna_nb.errors`. Only failures that prove that nothing was accepted (no
            connection, 429, 503) are retried.
        """
        problems = Problems()
        unchecked = problems.read(arguments.switch, "unchecked", unchecked, instead=False)
        sync = problems.read(arguments.switch, "sync", sync, instead=False)
        known = catalog.read_model(model, problems, unchecked=unchecked)
        values: dict[str, Any] = {}
        with problems.noted():
            fields: object = input
            if not isinstance(fields, Mapping) or not all(isinstance(name, str) for name in fields):
                raise errors.InputError(
                    f"input must be a dict of the model's fields; {described(fields)} was given."
                )
            values = checked(known, dict(fields))
        problems.check()
        wire = inputs.replace_media(values, self.uploader.url)
        throttle = throttle_for(self.settings, known.name, catalog.limit_for(known))
        prediction = _retried(
            throttle,
            lambda: self.endpoints.create(known.name, wire, sync=sync),
            lambda error, tries: tries < _CREATE_TRIES and retry.may_create_again(error),
        )
        return replace(prediction, input=known.masked(wire))

    def status(self, prediction: Prediction | str) -> Prediction:
        """Return the current state of a prediction.

        Parameters
        ----------
        prediction : Prediction or str
            What `create` returned, or its id.
        """
        known = _as_prediction(prediction)
        if known.id is None:  # it was finished in the very first response
            return known
        return self._read("status", lambda: self.endpoints.status(known))

    def wait(self, prediction: Prediction | str, *, timeout: Seconds | None = None) -> Prediction:
        """Wait until a prediction has finished, and return it.

        Parameters
        ----------
        prediction : Prediction or str
            What `create` returned, or its id.
        timeout : float, optional
            Seconds; by default 10 minutes for pictures, an hour for videos, 6 for training.

        Raises
        ------
        PredictionFailedError, PredictionCanceledError, QuotaError
            If it ended badly.
        PredictionTimeoutError
            If it did not finish in that time; it goes on, and can be waited for again.
        """
        problems = Problems()
        seconds = problems.read(arguments.seconds, "timeout", timeout, zero=True, instead=None)
        latest = problems.read(_as_prediction, prediction, instead=Prediction("", {}, ""))
        problems.check("This cannot be waited for")
        if seconds is None:
            seconds = TIME_OUT_SECONDS[_output_of(latest)]
        end = time.monotonic() + seconds
        pause = _POLL_FIRST
        while not latest.finished:
            left = end - time.monotonic()
            if left <= 0:
                raise errors.PredictionTimeoutError(
                    f"Prediction {latest.id} is still {latest.status} after {seconds:g} s",
                    prediction_id=latest.id,
                )
            time.sleep(min(pause, left))
            pause = min(pause * _POLL_GROWTH, _POLL_LONGEST)
            latest = self.status(latest)
        if latest.status != "succeeded":
            raise replies.ended_badly(latest, latest.input)
        return latest

    def deliver(self, prediction: Prediction, to: str | Path | None = None) -> Path:
        """Download the output of a prediction that succeeded, and check that it is complete.

        Parameters
        ----------
        prediction : Prediction
            What `wait` returned.
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
            If the output could not be downloaded completely.
        """
        prediction = _as_prediction(prediction)
        folder = None if to is None else arguments.path("to", to)
        if prediction.status != "succeeded":
            raise errors.InputError(
                f"The prediction is {prediction.status}; wait() for it, then deliver() it."
            )
        store = MediaStore(folder or self.settings.media_dir)
        output = _output_of(prediction)
        return self._read(
            "delivery", lambda: self.endpoints.deliver(prediction, store, output)
        ).path

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
            Its ``url`` is for an input; ``expires_at`` is in seconds since 1970.
        """
        media = inputs.to_media(file)
        if isinstance(media, str):
            raise errors.InputError(f"{media[:80]!r} is a URL already: use it in the input itself.")
        return self.uploader.upload(media)

    def _send_file(self, media: inputs.Media) -> replies.Upload:
        def send() -> replies.Upload:
            with media.open() as file:
                return self.endpoints.upload(file, media.size, media.type, media.sha256[:16])

        return self._read("files", send)

    def _read(self, endpoint: str, ask: Callable[[], T]) -> T:
        throttle = throttle_for(self.settings, endpoint, catalog.ENDPOINT_LIMITS[endpoint])
        return _retried(
            throttle,
            ask,
            lambda error, tries: tries < _READ_TRIES and retry.may_read_again(error, tries),
        )


def checked(model: catalog.Model, values: dict[str, Any]) -> dict[str, Any]:
    """Return an input with its files read to `Media`, checked against the model.

    Raises
    ------
    InputError
        With every problem.
    """
    ready: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for name, value in values.items():
        if value is None:
            continue
        ready[name] = value
        if name in model.fields and (field := model.fields[name]).media:
            takes_many = field.type == "array"
            items = value if takes_many and isinstance(value, (list, tuple)) else [value]
            try:
                files = [inputs.to_media(item) for item in items]
                for file in files:
                    if model.checked:
                        inputs.check_kind(field, file)
                    if isinstance(file, inputs.Media):
                        file.check_whole()
            except arguments.MISTAKES as error:
                wrong[name] = f"{name}: {arguments.lines_of(error)[0]}"
            else:
                ready[name] = files if takes_many else files[0]
    problems = catalog.check_input(model, ready)
    # A file that cannot be read has one line, and not a second about its type.
    lines = [*wrong.values(), *(str(problem) for problem in problems if problem.field not in wrong)]
    if lines:
        head = f"{model.name} does not accept this input"
        several = arguments.listed(f"{head}; nothing was sent:", lines)
        raise errors.InputError(several if len(lines) > 1 else f"{head}: {lines[0]}", lines)
    return ready


def _output_of(prediction: Prediction) -> str:
    # A prediction that is known by its id alone names no model.
    return catalog.lookup_model(prediction.model).output if prediction.model else "unknown"


def _as_prediction(value: object) -> Prediction:
    if isinstance(value, Prediction):
        return value
    if isinstance(value, str) and value.strip():
        return Prediction("", {}, str(value))
    raise errors.InputError(
        f"prediction must be what create() returned, or an id; {described(value)} was given."
    )


def _retried(
    throttle: Throttle, call: Callable[[], T], again: Callable[[errors.ApiError, int], bool]
) -> T:
    """Make a call as the throttle allows, and again after a failure that `again` accepts."""
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
