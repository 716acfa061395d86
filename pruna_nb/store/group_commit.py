"""Writes of many threads in one transaction: what each would wait for, they wait for together."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Write:
    """What one thread has to write, and what became of it."""

    work: Callable[[], Any]
    durable: bool
    gate: threading.Lock = field(default_factory=threading.Lock)
    done: bool = False
    result: Any = None
    error: Exception | None = None


class GroupCommit:
    """Runs the writes of all threads that wait in one transaction, and syncs the disk once.

    The thread that comes first leads: it writes for itself. Those that come meanwhile wait, and
    one of them then writes for all of them. A write that fails takes no other with it. `sync`
    returns when what was written is on the disk.
    """

    def __init__(
        self, transaction: Callable[[], AbstractContextManager[Any]], sync: Callable[[], None]
    ) -> None:
        self._transaction, self._sync = transaction, sync
        self._lock = threading.Lock()
        self._waiting: list[_Write] = []
        self._led = False
        self._leader: int | None = None

    def run(self, work: Callable[[], T], *, durable: bool) -> T:
        """Run a function in a transaction that it may share; return its result, or raise its error.

        It runs in any thread, and again if another's write, in the same transaction, failed. With
        `durable`, this returns only when the write has reached the disk.
        """
        if self._leader == threading.get_ident():  # a part of a write
            return work()
        mine: _Write = _Write(work, durable)
        mine.gate.acquire()  # so that the next acquire waits until a leader opens it
        with self._lock:
            self._waiting.append(mine)
            follows, self._led = self._led, True
        if follows:
            mine.gate.acquire()
        if not mine.done:
            self._lead(mine)
        if mine.error is not None:
            raise mine.error
        result: T = mine.result
        return result

    def _lead(self, mine: _Write) -> None:
        with self._lock:
            group, self._waiting = self._waiting, []
        self._leader = threading.get_ident()
        try:
            self._write(group)
        except BaseException as error:
            for write in group:
                write.error = write.error or RuntimeError(f"interrupted: {type(error).__name__}")
            raise
        finally:
            self._leader = None
            for write in group:
                write.done = True
            # One of those that came meanwhile leads next: this thread's own write is done.
            with self._lock:
                heirs = self._waiting[:1]
                self._led = bool(heirs)
            for write in [*heirs, *group]:
                if write is not mine:
                    write.gate.release()

    def _write(self, group: list[_Write]) -> None:
        at_work: _Write | None = None
        try:
            with self._transaction():
                for write in group:
                    at_work = write
                    write.result = write.work()
                at_work = None
        except Exception as error:  # noqa: BLE001 - it is told to whose it is
            failed = group if at_work is None else [at_work]
            for write in failed:
                write.error = error
            rest = [write for write in group if write.error is None]
            if rest:
                self._write(rest)
            return
        durable = [write for write in group if write.durable]
        try:
            if durable:
                self._sync()
        except Exception as error:  # noqa: BLE001 - the same
            for write in durable:
                write.error = error
