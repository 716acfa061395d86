"""What comes in: a prediction's input as JSON, a file as multipart."""

from __future__ import annotations

import json
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request

from pruna_nb.catalog import Problem, check_input
from pruna_nb.emulator.files import InvalidFileError
from pruna_nb.emulator.guard import BodyTooLargeError
from pruna_nb.emulator.responses import error, invalid

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.responses import Response
    from starlette.types import Message

    from pruna_nb.catalog import Model

_HTTP_ADDRESS: Final = re.compile(r"https?://[^\s/?#]+", re.IGNORECASE)


def read_input(model: Model, body: bytes) -> dict[str, Any] | Response:
    """Read a model's input from a request's body, or say what is wrong with it."""
    try:
        content = json.loads(body)
    except ValueError:
        return error(400, "BAD_REQUEST", "the body is not valid JSON")
    except RecursionError:
        return error(400, "BAD_REQUEST", "the body is nested too deeply")
    given = content.get("input") if isinstance(content, dict) else None
    if not isinstance(given, dict):
        text = 'the body must be {"input": {...}}'
        return invalid([Problem("", text, "type")])
    problems = check_input(model, given)
    # The catalogue's check takes local files too, since a client uploads them; on the wire, a file
    # is an http address.
    for field in model.media_fields:
        value = given.get(field.name)
        if value is None:
            continue
        if (field.type == "array") != isinstance(value, list):
            wanted = "a list of addresses" if field.type == "array" else "an address"
            problems.append(Problem(field.name, f"must be {wanted}.", "type"))
            continue
        addresses = value if isinstance(value, list) else [value]
        if not all(isinstance(each, str) and _HTTP_ADDRESS.match(each) for each in addresses):
            problems.append(Problem(field.name, "must be http or https addresses.", "type"))
    return invalid(problems) if problems else given


@asynccontextmanager
async def upload_of(request: Request, most: int) -> AsyncIterator[UploadFile]:
    """Read the file in the multipart field ``content``, which goes to disk as it comes."""
    too_large: list[BodyTooLargeError] = []

    async def receive() -> Message:
        # Older versions of starlette close what they spooled for this exception alone.
        try:
            return await request.receive()
        except BodyTooLargeError as problem:
            too_large.append(problem)
            raise MultiPartException(str(problem)) from problem

    try:
        async with Request(request.scope, receive).form(max_files=1) as form:
            content = form.get("content")
            if not isinstance(content, UploadFile):
                raise InvalidFileError("the multipart field content is missing")
            if (content.size or 0) > most:
                raise BodyTooLargeError
            yield content
    except HTTPException:
        if too_large:
            raise too_large[0] from None
        raise
