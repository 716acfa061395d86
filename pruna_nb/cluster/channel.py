"""Between a partition's task in a worker and the process that sends: through the scheduler.

A worker puts what it hands over into a queue of the scheduler's, which the sender reads; the sender
has the scheduler run `deliver` in that worker. Both ways are the cluster's own, with its encryption
and its firewall: no port is opened. A future of the sender's client shows that it is alive, since
the scheduler forgets it with the client. An event tells the sender that there is something to read.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import threading
import time
import uuid
import weakref
from typing import TYPE_CHECKING, Any

from pruna_nb.cluster.gate import GivenUpError
from pruna_nb.cluster.sender import table_here
from pruna_nb.console import LOG
from pruna_nb.errors import PrunaError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd
    from distributed import Client, Worker

_LOOK_SECONDS = 1.0
# A scheduler that is busy may take a while to learn of a sender.
_GONE_SECONDS = 15.0
# An order or an answer may be lost with a connection: a task repeats its order, ever more seldom.
# The sender knows it again while it works on it, and answers from the cache afterwards.
_AGAIN_SECONDS = 60.0
# How many partitions wait beside a worker's threads, and up to which part of its memory.
_WAITING_AT_MOST = 32
_MEMORY_SHARE = 0.5


def sender_name() -> str:
    """Return the name of this process as a sender."""
    return f"pruna_nb-{os.getpid()}-{_UUID}"


_UUID = uuid.uuid4().hex


# --------------------------------------------------------------------------- in a worker


class _Reply:
    def __init__(self) -> None:
        self.data = b""
        self.is_there = threading.Event()


_REPLIES: dict[str, _Reply] = {}
_LEFT: set[Any] = set()
_THREAD = threading.local()


def worker_here() -> Worker | None:
    """Return the worker whose task calls; None outside of any."""
    if "distributed" not in sys.modules:
        return None
    from distributed import get_worker

    try:
        return get_worker()
    except ValueError:
        return None


def deliver(attempt: str, data: bytes) -> bool:
    """Hand a task what the sender answered; the scheduler has it run in the task's worker."""
    reply = _REPLIES.get(attempt)
    if reply is None:
        return False
    reply.data = data
    reply.is_there.set()
    return True


@contextlib.contextmanager
def waiting(worker: Worker) -> Iterator[Callable[[], bool]]:
    """Let a worker go on with other tasks while this one waits; yield whether it is wanted.

    A task keeps its thread where too many wait already, or where half of the worker's memory is
    used: as long as it waits, its partition is in memory.
    """
    from distributed import secede

    key = worker.get_current_task()
    limit = worker.memory_manager.memory_limit
    is_full = bool(limit) and worker.monitor.get_process_memory() > limit * _MEMORY_SHARE

    def is_wanted() -> bool:
        task = worker.state.tasks.get(key)
        return task is not None and task.state != "cancelled"

    if hasattr(_THREAD, "has_left") or is_full or len(_LEFT) >= _WAITING_AT_MOST:
        yield is_wanted
        return
    # It does not come back: it would wait for a thread that may wait for the service, with its
    # partition in memory. Its thread ends with the task, which may be several steps of a chain.
    _THREAD.has_left = True
    _LEFT.add(key)
    secede()
    try:
        yield is_wanted
    finally:
        _LEFT.discard(key)


def ask(worker: Worker, sender: str, order: tuple[Any, ...]) -> pd.DataFrame:
    """Hand an order to the sender, and return what it answers.

    Parameters
    ----------
    worker : Worker
        Whose task calls.
    sender : str
        As `sender_name` returned it there.
    order : tuple
        The name of the table, the verb, the partition's number and its rows.

    Raises
    ------
    PrunaError
        What the sender raised; or that it is gone.
    Reschedule
        If the task was canceled meanwhile.
    """
    from distributed import Queue, get_client
    from distributed.protocol.pickle import dumps, loads

    attempt, reply = uuid.uuid4().hex, _Reply()
    _REPLIES[attempt] = reply
    try:
        client = get_client()
        queue = Queue(sender, client=client)
        with waiting(worker) as is_wanted, contextlib.closing(queue):
            message = {"attempt": attempt, "worker": worker.address, "order": dumps(order)}
            queue.put(message)
            worker.log_event(sender, attempt)
            _wait(reply, client, queue, message, is_wanted)
    finally:
        del _REPLIES[attempt]
    answer = loads(reply.data)
    if isinstance(answer, BaseException):
        raise answer
    made: pd.DataFrame = answer
    return made


def _wait(
    reply: _Reply,
    client: Client,
    queue: Any,
    message: dict[str, Any],
    is_wanted: Callable[[], bool],
) -> None:
    """Wait until the sender has answered; tell it if the task was canceled."""
    from distributed import Reschedule

    began_at = alive_at = time.monotonic()
    wait = _AGAIN_SECONDS
    while not reply.is_there.wait(_LOOK_SECONDS):
        if not is_wanted():
            queue.put({"attempt": message["attempt"]})
            raise Reschedule
        if time.monotonic() - began_at > wait:
            queue.put(message)
            wait *= 2
        status: dict[str, Any] = client.sync(client.scheduler.get_task_status, keys=[queue.name])
        if status[queue.name] is not None:
            alive_at = time.monotonic()
        elif time.monotonic() - alive_at > _GONE_SECONDS:
            queue.get(batch=True)  # what nobody will read
            raise PrunaError(
                "The process that called ddf.pruna.generate, which has the key and sends for the "
                "cluster, has ended or closed its client. What it sent is in its journal: run "
                "again there, and each row goes on where it was; nothing is charged twice."
            )


# --------------------------------------------------------------------------- in the sender


class _Work:
    """A partition that is worked on, and the task that waits for it."""

    def __init__(self, scheduler: str, message: dict[str, Any]) -> None:
        self.scheduler, self.message = scheduler, message
        self.is_wanted = True


# By ticket: whichever client of a cluster reads an order, another one may read that it is given up.
_WORKS: dict[str, _Work] = {}
_LISTENERS: weakref.WeakSet[Client] = weakref.WeakSet()
_LOCK = threading.Lock()


def listen() -> None:
    """Listen to the cluster of each client that this process has; returns at once."""
    if "distributed" not in sys.modules:
        return
    from distributed import Client

    with _LOCK:
        for client in list(Client._instances):  # noqa: SLF001 - a graph goes by any of them
            if client in _LISTENERS or client.status not in _OPEN:
                continue
            _LISTENERS.add(client)
            threading.Thread(
                target=_listen, args=(client,), name="pruna_nb-cluster", daemon=True
            ).start()


_OPEN = {"newly-created", "connecting", "running"}


def _listen(client: Client) -> None:
    """Read what workers hand over until the client is closed."""
    from distributed import Queue

    queue = alive = None
    scheduler, news = "", threading.Event()
    while client.status in _OPEN:
        try:
            if queue is None:
                queue = Queue(sender_name(), client=client)
                client.subscribe_topic(sender_name(), lambda _: news.set())
                scheduler = client.scheduler.address
            if alive is None or alive.status in {"cancelled", "lost", "error"}:
                # The builtin, so that a worker needs nothing for it.
                alive = client.submit(int, key=sender_name(), priority=100)
            # All that is there: a `get` that waits would take what comes after the client's end.
            for message in queue.get(batch=True):
                _read(scheduler, message)
        except Exception as error:  # noqa: BLE001 - of the connection: it may come again
            LOG.debug("The cluster cannot be read (%s)", type(error).__name__)
        news.wait(_LOOK_SECONDS)
        news.clear()
    if _client_of(scheduler) is None:
        with _LOCK:
            for work in _WORKS.values():
                work.is_wanted = work.is_wanted and work.scheduler != scheduler


def _client_of(scheduler: str) -> Client | None:
    """Return a client that is connected to a scheduler."""
    with _LOCK:
        found = [each for each in _LISTENERS if each.status == "running"]
    return next((each for each in found if each.scheduler.address == scheduler), None)


def _read(scheduler: str, message: dict[str, Any]) -> None:
    """Start to work on an order, or give up the one that a task does not wait for any more."""
    with _LOCK:
        if "order" not in message:
            for work in _WORKS.values():
                if work.message["attempt"] == message["attempt"]:
                    work.is_wanted = False
            return
        # A partition whose worker was lost comes again from another one, and is the same.
        ticket = f"{scheduler} {hashlib.blake2b(message['order']).hexdigest()}"
        if ticket in _WORKS and _WORKS[ticket].is_wanted:
            _WORKS[ticket].message = message
            return
        work = _WORKS[ticket] = _Work(scheduler, message)
    threading.Thread(
        target=_answer, args=(ticket, work), name="pruna_nb-partition", daemon=True
    ).start()


def _answer(ticket: str, work: _Work) -> None:
    from distributed.protocol.pickle import dumps, loads

    answer = None
    try:
        name, verb, number, part = loads(work.message["order"])
        answer = dumps(answer_here(name, verb, number, part, lambda: work.is_wanted))
    except GivenUpError:
        pass
    except Exception as error:  # noqa: BLE001 - the task raises it, whatever it is
        answer = dumps(error)
    with _LOCK:
        if _WORKS.get(ticket) is work:
            del _WORKS[ticket]
    client = _client_of(work.scheduler)
    if answer is None or client is None:
        return
    try:
        client.run(deliver, work.message["attempt"], answer, workers=[work.message["worker"]])
    except Exception as error:  # noqa: BLE001 - the worker is gone, or the client
        LOG.debug("A partition's results were not taken (%s)", type(error).__name__)


def answer_here(
    name: str, verb: str, number: int, part: pd.DataFrame, is_wanted: Callable[[], bool]
) -> pd.DataFrame:
    """Do what a partition's task asks for, in the process that has the table."""
    table = table_here(name)
    if table is None:
        raise PrunaError("This table is not one of the process that sends. Nothing was sent.")
    if verb == "estimate":
        return table.estimate(number, part)
    return table.generate(number, part, is_wanted)
