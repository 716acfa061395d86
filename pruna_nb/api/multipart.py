"""One file as the body of a form, streamed: nothing of it is held in memory."""

from __future__ import annotations

import re
import uuid
from typing import BinaryIO


class Multipart:
    """A form of one file, to be read by an HTTP library.

    Parameters
    ----------
    field : str
        The form's field.
    filename : str
        What the file is called in the form.
    content_type : str
        What it is.
    file : binary file
        Read from where it stands.
    size : int
        How many bytes of it are sent.
    """

    def __init__(
        self, field: str, filename: str, content_type: str, file: BinaryIO, size: int
    ) -> None:
        boundary = uuid.uuid4().hex
        safe = re.sub(r"[^A-Za-z0-9._-]", "_", filename)
        head = (
            f"--{boundary}\r\n"
            f'Content-Disposition: form-data; name="{field}"; filename="{safe}"\r\n'
            f"Content-Type: {content_type}\r\n\r\n"
        )
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self._parts: list[bytes | None] = [head.encode(), None, f"\r\n--{boundary}--\r\n".encode()]
        self._file, self._left = file, size
        self._length = size + sum(len(part) for part in self._parts if part)

    def __len__(self) -> int:
        return self._length

    def read(self, size: int = -1) -> bytes:
        """Give the next bytes of the form."""
        wanted = self._length if size < 0 else size
        given = b""
        while self._parts and len(given) < wanted:
            given += self._next(wanted - len(given))
        return given

    def _next(self, most: int) -> bytes:
        part = self._parts[0]
        if part is None:
            chunk = self._file.read(min(most, self._left))
            self._left -= len(chunk)
            if not chunk or not self._left:
                self._parts.pop(0)
            return chunk
        self._parts[0] = part[most:]
        if not self._parts[0]:
            self._parts.pop(0)
        return part[:most]
