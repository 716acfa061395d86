"""Folders at addresses such as s3://bucket/folder, by fsspec: an object is whole or not there."""

from __future__ import annotations

import contextlib
import inspect
import os
import re
import uuid
from typing import TYPE_CHECKING, Any, Literal

from pruna_nb.errors import InputError, MissingExtraError, StorageError
from pruna_nb.redact import hide_in_text
from pruna_nb.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://(.*)", re.DOTALL)
# What a scheme needs beside fsspec, where that is not a file system of its own.
_PACKAGES = {
    **dict.fromkeys(("s3", "s3a"), "s3fs"),
    **dict.fromkeys(("gs", "gcs"), "gcsfs"),
    **dict.fromkeys(("az", "abfs", "abfss", "adl"), "adlfs"),
}
# An object of these appears under its name when all of its bytes are there, and folders need not
# be made; asked to make one, s3fs would make a missing bucket.
_OBJECT_STORES = frozenset({*_PACKAGES, "oci", "oss", "tos"})
_PROBE = ".pruna_nb-check"
_CHUNK_BYTES = 16 * 1024**2


def is_storage_address(value: object) -> bool:
    """Whether a value is the address of a storage, and not a path of this machine."""
    return isinstance(value, str) and "://" in value


class Bucket:
    """A folder at an address.

    Parameters
    ----------
    name : str
        The argument or setting that has the address, for messages.
    address : str
        Such as ``"s3://bucket/folder"``.
    options : mapping, optional
        What fsspec's file system of the scheme takes, such as ``key``, ``secret`` and
        ``endpoint_url``. It may hold secrets, and is never shown.

    Raises
    ------
    InputError
        If it can be no such address.
    """

    def __init__(self, name: str, address: str, options: Mapping[str, Any] | None = None) -> None:
        match = _ADDRESS.fullmatch(address.strip())
        if match is None:
            raise InputError(f"{name}={address!r} is not an address such as 's3://bucket/folder'.")
        self._scheme, place = match[1].lower(), match[2].rstrip("/")
        if "@" in place.split("/")[0]:  # not shown: it holds a password
            raise InputError(
                f"{name} has a user or password in its address: give them in storage_options=."
            )
        if not place and self._scheme != "memory":
            raise InputError(
                f"{name}={address!r} names no place: give '{self._scheme}://bucket/folder'."
            )
        self.address = f"{self._scheme}://{place}"
        self._options = dict(options or {})
        self._is_object_store = self._scheme in _OBJECT_STORES
        self._opened: tuple[int, Any] | None = None

    def __repr__(self) -> str:
        """Return its address, without the options."""
        return f"<Bucket {self.address}>"

    def at(self, name: str) -> str:
        """Return the address of an object, by its name below the folder."""
        return f"{self.address}/{name}"

    def open(self) -> Any:
        """Return fsspec's file system, made once in a process.

        Raises
        ------
        InputError
            If fsspec knows no such scheme, or its file system refuses the options.
        MissingExtraError
            If what the scheme needs is not installed.
        """
        if self._opened is not None and self._opened[0] == os.getpid():
            return self._opened[1]
        what, package = f"An address {self._scheme}://", _PACKAGES.get(self._scheme, "")
        try:
            import fsspec
        except ImportError:
            raise MissingExtraError(what, "storage", package) from None
        try:
            made = fsspec.get_filesystem_class(self._scheme)(**self._options)
        except ImportError as error:
            raise MissingExtraError(what, "storage", package or f"({error})") from None
        except ValueError as error:
            if "not known" not in str(error):
                raise InputError(f"{self.address}: {self._why(error)}") from None
            raise InputError(
                f"{self.address}: fsspec knows no {self._scheme}://. It knows s3://, gs://, az://, "
                "memory:// and others, which `fsspec.available_protocols()` lists."
            ) from None
        except Exception as error:  # noqa: BLE001 - of wrong options, file systems raise anything
            message = f"{self.address}: storage_options= are not taken: {self._why(error)}"
            raise InputError(message) from None
        self._opened = os.getpid(), made
        return made

    def check(self) -> None:
        """Write a small object and remove it again.

        Raises
        ------
        StorageError
            If that is not possible.
        """
        self.open()
        self.put_bytes(_PROBE, b"pruna_nb looked whether it may write here.\n")
        # Another process may have removed it; and where nothing may be removed, it stays.
        with contextlib.suppress(Exception):
            self.open().rm_file(self.at(_PROBE))

    def list(
        self, folder: str = "", kind: Literal["file", "directory"] = "file"
    ) -> dict[str, dict[str, Any]]:
        """Return what fsspec knows of the objects in a folder, by name; none if it is missing."""
        files = self.open()
        with self._told("cannot be read"):
            try:
                files.invalidate_cache()  # another machine may have written since
                found = files.ls(self.at(folder) if folder else self.address, detail=True)
            except (FileNotFoundError, NotADirectoryError):
                return {}
        return {
            str(each["name"]).rstrip("/").rpartition("/")[2]: each
            for each in found
            if each.get("type") == kind
        }

    def chunks(self, name: str, most: int) -> Iterator[bytes]:
        """Yield an object's bytes, and at most one more than `most`.

        Raises
        ------
        FileNotFoundError
            If there is none.
        StorageError
            If it cannot be read.
        """
        files, at = self.open(), 0
        while at <= most:
            end = min(most + 1, at + _CHUNK_BYTES)
            with self._told("cannot be read"):
                data = files.cat_file(self.at(name), start=at, end=end)
            yield data
            if len(data) < end - at:
                return
            at = end

    def read(self, name: str, most: int) -> bytes:
        """Return an object's bytes, and at most one more than `most`; raises as `chunks`."""
        return b"".join(self.chunks(name, most))

    def put(self, source: Path, name: str, *, new: bool = False) -> None:
        """Write a file as an object, in place of one of the name.

        Raises
        ------
        FileExistsError
            If there is one of the name and it must be `new`.
        StorageError
            If it cannot be written; then there is no half object of the name.
        """
        self._write(name, lambda to, **how: self.open().put_file(str(source), to, **how), new=new)

    def put_bytes(self, name: str, data: bytes) -> None:
        """Write bytes as an object, in place of one of the name; raises as `put`."""
        self._write(name, lambda to, **how: self.open().pipe_file(to, data, **how), new=False)

    def _write(self, name: str, write: Callable[..., object], *, new: bool) -> None:
        files, path = self.open(), self.at(name)
        with self._told("cannot be written"):
            try:
                if self._is_object_store:
                    put = getattr(files, "_put_file", files.put_file)
                    if new and "mode" in inspect.signature(put).parameters:
                        write(path, mode="create")
                    else:
                        write(path)
                else:
                    self._write_part(files, path, write, new=new)
            except FileNotFoundError as error:  # the bucket itself
                message = f"{self.address} cannot be written: {self._why(error)}"
                raise StorageError(message) from None

    @staticmethod
    def _write_part(files: Any, path: str, write: Callable[..., object], *, new: bool) -> None:
        """Write under another name first: a file system shows a file that is half written."""
        parent, _, _ = path.rpartition("/")
        part = f"{parent}/.pruna_nb-{uuid.uuid4().hex}.part"
        files.makedirs(parent, exist_ok=True)
        try:
            write(part)
            if new and files.exists(path):
                raise FileExistsError(path)
            try:
                files.mv(part, path)
            except Exception:  # noqa: BLE001 - not all systems move onto a file that is there
                files.rm_file(path)
                files.mv(part, path)
        finally:
            with contextlib.suppress(Exception):
                files.rm_file(part)

    @contextlib.contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Raise a `StorageError` in place of whatever a file system raises."""
        try:
            yield
        except (FileNotFoundError, FileExistsError, StorageError, InputError, MissingExtraError):
            raise
        except Exception as error:  # noqa: BLE001 - each file system has errors of its own
            raise StorageError(f"{self.address} {what}: {self._why(error)}") from None

    def _why(self, error: Exception) -> str:
        text = one_line(error) if str(error) else type(error).__name__
        for secret in _texts_in(self._options):
            text = hide_in_text(text, secret)
        return text


def _texts_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts_in(each)
