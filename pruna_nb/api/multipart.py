"""A form of one file, streamed: it is never in memory as a whole."""

from __future__ import annotations

import re
import uuid
from typing import BinaryIO


class Multipart:
    """The body of a form with one file, as a file object that an HTTP library reads.

    The file is read from its current position, and `size` bytes of it are sent.
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
        """Return the next bytes of the form."""
        wanted = self._length if size < 0 else size
        data = b""
        while self._parts and len(data) < wanted:
            data += self._next(wanted - len(data))
        return data

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
