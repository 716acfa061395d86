"""The endpoints: from HTTP to the core and back."""

from __future__ import annotations

import asyncio
import hmac
import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from pruna_nb.emulator.files import VIDEOS_NEED, InvalidFileError, reads_videos
from pruna_nb.emulator.guard import BodyTooLargeError, Guard, Unread, drain, is_loopback, too_large
from pruna_nb.emulator.limits import LimitDecision
from pruna_nb.emulator.render import CONTENT_TYPES
from pruna_nb.emulator.request_reading import read_input, upload_of
from pruna_nb.emulator.responses import (
    Cut,
    Hang,
    Reset,
    answer,
    error,
    html,
    limit_headers,
    refused,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from pruna_nb.catalog import Model
    from pruna_nb.emulator.core import Core
    from pruna_nb.emulator.faults import Fault
    from pruna_nb.emulator.predictions import AcceptedPrediction

# In the order in which they are drawn; `FAULTS` says what each does.
_BEFORE: Final = ("reset_before", "error_500", "html_502", "html_503", "refuse_429")
_AFTER: Final = (
    "reset_after",
    "hang",
    "error_500_after",
    "html_502_after",
    "html_504",
    "json_cut",
    "no_id",
)
_STATUS: Final = ("status_500", "status_502", "status_reset")
_DELIVERY: Final = (
    "delivery_410",
    "delivery_500",
    "delivery_html",
    "delivery_empty",
    "delivery_cut",
    "delivery_reset",
)
# Pages in HTML by a part of the fault's name.
_PAGES: Final = {
    "delivery_html": (200, "Please wait"),
    "502": (502, "Bad Gateway"),
    "503": (503, "Service Temporarily Unavailable"),
    "504": (504, "Gateway Time-out"),
}
_FILES: Final = "/v1/files"
# What the form around an upload may take beside the file itself.
_MULTIPART_MARGIN: Final = 64 << 10
# An input names its files by their addresses, so honest ones stay far below this.
_MOST_JSON: Final = 8 << 20


class Api:
    """The endpoints of one core, as an ASGI application.

    `control` answers the commands of a parent process, which come with its `token`; without a
    token there is no such endpoint.
    """

    def __init__(
        self,
        core: Core,
        base: str,
        *,
        control: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
        token: str = "",
    ) -> None:
        self._core = core
        self._base = base
        self._control = control
        self._token = token
        # Drawing and decoding would keep the event loop from answering the other requests.
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="pruna-nb-emulator")
        routes = [
            Route("/v1/predictions", self._create, methods=["POST"]),
            Route("/v1/predictions/status/{id}", self._status, methods=["GET"]),
            Route("/v1/predictions/delivery/xezq/{token}/{name}", self._delivery, methods=["GET"]),
            Route(_FILES, self._upload, methods=["POST"]),
            Route("/v1/files/{id}", self._file, methods=["GET"]),
        ]
        if token:
            routes.append(Route("/_emulator", self._command, methods=["POST"]))
        handlers: Any = {HTTPException: _http_error, BodyTooLargeError: self._too_large}
        self.asgi = Guard(Starlette(routes=routes, exception_handlers=handlers), self._most_bytes)

    def close(self) -> None:
        """Let the painting threads end."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    async def _create(self, request: Request) -> Response:
        """POST /v1/predictions."""
        core = self._core
        core.counts["predictions"] += 1
        # Whole before anything is refused: who is still sending would lose the answer.
        body = await request.body()
        admitted = self._admit(request)
        if isinstance(admitted, Response):
            return admitted
        model, decision = admitted
        given = read_input(model, body)
        if isinstance(given, Response):
            return given
        prediction = core.accept(model, given)
        fault = core.faults.first_of(_AFTER)
        content = self._accepted(request, prediction)
        if fault is not None and fault.name == "no_id":
            return answer({"model": content["model"], "input": content["input"]}, 201)
        if fault is not None and fault.name == "json_cut":
            text = json.dumps(content)
            return Response(text[: len(text) // 2], 201, media_type="application/json")
        if fault is not None:
            return self._broken(fault)
        # As documented: who waited to the end gets the state, which has no id.
        if request.headers.get("try-sync", "").lower() == "true" and await self._wait(prediction):
            content = self._state(request, prediction)
        headers = limit_headers(decision) if core.options.refusal == "ratelimit" else {}
        return answer(content, 201, headers)

    def _admit(self, request: Request) -> Response | tuple[Model, LimitDecision]:
        """Let a prediction's POST in, to its model, or say what stands against it."""
        core = self._core
        key = request.headers.get("apikey", "")
        if not self._is_known(key):
            return _unauthorized()
        fault = core.faults.first_of(_BEFORE)
        if fault is not None:
            return self._broken(fault)
        name = request.headers.get("model", "")
        if not name:
            return error(400, "BAD_REQUEST", "the header Model is missing")
        model = core.find_model(name)
        if model is None or (model.output == "video" and not reads_videos()):
            return (
                error(404, "MODEL_NOT_FOUND", f"there is no model {name}")
                if model is None
                else error(400, "BAD_REQUEST", f"{name} makes videos. {VIDEOS_NEED}")
            )
        decision = core.take(key, name, model)
        if not decision.accepted:
            return refused(decision, core.options.refusal, core.clock())
        return model, decision

    async def _status(self, request: Request) -> Response:
        """GET /v1/predictions/status/{id}."""
        core = self._core
        core.counts["status"] += 1
        refusal = self._refusal(request, "status") or self._redirected(request)
        if refusal is not None:
            return refusal
        fault = core.faults.first_of(_STATUS)
        if fault is not None:
            return self._broken(fault)
        prediction = core.get(request.path_params["id"])
        if prediction is None:
            return error(404, "NOT_FOUND", "there is no such prediction")
        prediction.asked += 1
        # Drawn for first questions alone, so that later ones use up none of its chances.
        if prediction.asked == 1 and core.faults.draw("status_404_once"):
            return error(404, "NOT_FOUND", "there is no such prediction")
        return answer(self._state(request, prediction))

    async def _delivery(self, request: Request) -> Response:
        """GET /v1/predictions/delivery/xezq/{token}/output.{suffix}."""
        core = self._core
        core.counts["delivery"] += 1
        refusal = self._refusal(
            request, "delivery", needs_key=core.options.delivery_needs_key
        ) or self._redirected(request)
        if refusal is not None:
            return refusal
        prediction = core.by_token(request.path_params["token"])
        if (
            prediction is None
            or request.path_params["name"] != f"output.{prediction.suffix}"
            or prediction.status(core.clock()) != "succeeded"
        ):
            return error(404, "NOT_FOUND", "there is no such content")
        if core.is_expired(prediction):
            return _expired()
        prediction.fetched += 1
        fault = core.faults.first_of(_DELIVERY)
        broken = "" if fault is None else fault.name
        if fault is not None and broken in ("delivery_410", "delivery_500", "delivery_html"):
            return self._broken(fault)
        content = await self._output(prediction)
        if prediction.fetched == 1 and core.faults.draw("delivery_damaged"):
            content = bytes(len(content))
        whole = Response(
            b"" if broken == "delivery_empty" else content,
            headers={"Content-Disposition": f'attachment; filename="output.{prediction.suffix}"'},
            media_type=CONTENT_TYPES[prediction.suffix],
        )
        if broken in ("delivery_cut", "delivery_reset"):
            return Cut(whole, reset=broken == "delivery_reset")
        return whole

    async def _upload(self, request: Request) -> Response:
        """POST /v1/files."""
        core = self._core
        core.counts["files"] += 1
        refusal = self._refusal(request, "files")
        fault = None if refusal else core.faults.first_of(("files_500", "files_reset"))
        if refusal is not None:
            return Unread(refusal)
        if fault is not None:
            await drain(request.receive)
            return self._broken(fault)
        try:
            async with upload_of(request, core.options.max_file_bytes) as content:
                stored = await asyncio.get_running_loop().run_in_executor(
                    self._pool, core.add_file, content.file, content.filename or ""
                )
        except InvalidFileError as problem:
            return error(400, "INVALID_FILE", str(problem))
        return answer(stored.to_json(self._base_of(request)), 201)

    async def _file(self, request: Request) -> Response:
        """GET /v1/files/{id}."""
        core = self._core
        core.counts["files"] += 1
        refusal = self._refusal(request, "files")
        if refusal is not None:
            return refusal
        stored = core.files.get(request.path_params["id"])
        if stored is None:
            return error(404, "NOT_FOUND", "there is no such file")
        if not core.files.is_live(stored):
            return _expired()
        return answer(stored.to_json(self._base_of(request)))

    async def _command(self, request: Request) -> Response:
        """POST /_emulator: what the parent process asks for."""
        given = request.headers.get("x-emulator-token", "")
        if self._control is None or not hmac.compare_digest(given, self._token):
            return error(404, "NOT_FOUND", "there is nothing here")
        return answer(self._control(json.loads(await request.body())))

    def _most_bytes(self, path: str) -> int:
        """Return the bytes that a request may have."""
        return (
            self._core.options.max_file_bytes + _MULTIPART_MARGIN if path == _FILES else _MOST_JSON
        )

    async def _too_large(self, request: Request, _: Exception) -> Response:
        """Answer a request that became too large while it was read."""
        most = self._most_bytes(request.url.path)
        # A client knows how large its file is, not what the form adds to it.
        return Unread(too_large(most - (_MULTIPART_MARGIN if request.url.path == _FILES else 0)))

    def _is_known(self, key: str) -> bool:
        keys = self._core.options.keys
        return bool(key) if keys is None else key in keys

    def _refusal(
        self, request: Request, endpoint: str, *, needs_key: bool = True
    ) -> Response | None:
        """Return what stands against a request: its key, or the endpoint's limit."""
        key = request.headers.get("apikey", "")
        # A wrong key is refused even where none is needed.
        if not self._is_known(key) and (needs_key or key):
            return _unauthorized()
        decision = self._core.take(key, endpoint)
        if decision.accepted:
            return None
        return refused(decision, self._core.options.refusal, self._core.clock())

    def _redirected(self, request: Request) -> Response | None:
        fault = self._core.faults.draw("redirect")
        if fault is None:
            return None
        return RedirectResponse(fault.to.rstrip("/") + request.url.path, 302)

    async def _wait(self, prediction: AcceptedPrediction) -> bool:
        """Wait for a prediction as long as a synchronous request waits."""
        options = self._core.options
        left = prediction.finish - self._core.clock()
        if prediction.outcome == "never" or left > options.try_sync_wait:
            await asyncio.sleep(options.try_sync_wait)
            return False
        # A loop, since the event loop's clock is not the core's: it may wake a moment too early.
        while left > 0:
            await asyncio.sleep(left)
            left = prediction.finish - self._core.clock()
        return True

    async def _output(self, prediction: AcceptedPrediction) -> bytes:
        if self._core.options.fast:  # cheaper than the way to another thread and back
            return self._core.output(prediction)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._core.output, prediction)

    def _base_of(self, request: Request) -> str:
        """Return the address under which the client knows this service."""
        fault = self._core.faults.draw("absolute_other_host")
        if fault is not None:
            return fault.to.rstrip("/")
        # A client sends its key to the host that it was told alone, so answers name it by that one.
        host = request.headers.get("host", "")
        return f"http://{host}" if is_loopback(host) else self._base

    def _accepted(self, request: Request, prediction: AcceptedPrediction) -> dict[str, Any]:
        """Return the asynchronous answer."""
        return {
            "id": prediction.id,
            "model": prediction.model,
            "input": prediction.input,
            "get_url": f"{self._base_of(request)}/v1/predictions/status/{prediction.id}",
        }

    def _state(self, request: Request, prediction: AcceptedPrediction) -> dict[str, Any]:
        """Return the answer of the status endpoint."""
        status = prediction.status(self._core.clock())
        if status == "succeeded":
            base = "" if self._core.options.relative_urls else self._base_of(request)
            path = f"/v1/predictions/delivery/xezq/{prediction.token}/output.{prediction.suffix}"
            return {"status": status, "generation_url": base + path}
        if status == "failed":
            return {"status": status, "message": "Prediction failed", "error": prediction.error}
        if status == "canceled":
            return {"status": status, "message": "Prediction canceled"}
        return {"status": status, "message": "Generation in progress"}

    def _broken(self, fault: Fault) -> Response:
        """Return what a fault answers that needs nothing of the request."""
        if "reset" in fault.name:
            return Reset()
        if fault.name == "hang":
            return Hang()
        if fault.name == "delivery_410":
            return _expired()
        if fault.name == "refuse_429":
            self._core.refused += 1
            decision = LimitDecision(accepted=False, limit=1, remaining=0, reset=fault.wait)
            return refused(decision, self._core.options.refusal, self._core.clock())
        for part, (status, title) in _PAGES.items():
            if part in fault.name:
                return html(status, title)
        return error(500, "INTERNAL_ERROR", "something went wrong on our side")


def _unauthorized() -> Response:
    return error(401, "UNAUTHORIZED", "the API key is missing or not valid")


def _expired() -> Response:
    return error(410, "CONTENT_EXPIRED", "the content has expired")


async def _http_error(_: Request, problem: Exception) -> Response:
    """Return Starlette's own errors (no such path, broken multipart) in the documented form."""
    assert isinstance(problem, HTTPException)  # noqa: S101 - it is registered for these alone
    codes = {400: "BAD_REQUEST", 404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}
    code = codes.get(problem.status_code, "ERROR")
    return error(problem.status_code, code, problem.detail, headers=problem.headers)
