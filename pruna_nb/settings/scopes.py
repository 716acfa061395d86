"""Settings that are the session's, and those of a ``with``, which are a thread's or a task's.

``configure(...)`` cannot know whether it stands in a ``with``: its `Configured` is entered a moment
later, or never. Until that is known, the change is in force for its own thread alone. It becomes
the session's when the thread asks for settings again, and when another thread asks that has
waited for longer than a ``with`` takes to be entered.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import TracebackType

T = TypeVar("T")
# A ``with`` is entered sooner, unless its thread was stopped.
_ENTER_SECONDS = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class _Layer:
    """Settings in force in one context: a ``with``, or a plain call inside it."""

    changes: dict[str, Any] = field(repr=False)
    source: Configured
    block: object  # stands for the ``with`` that ends them
    begins: bool  # whether they are those of the ``with`` itself


_LAYERS: ContextVar[tuple[_Layer, ...]] = ContextVar("pruna_nb_settings", default=())
_SESSION: dict[str, Any] = {}
_UNDECIDED: list[Configured] = []
_CHANGED = threading.Condition()
_LISTENERS: list[Callable[[Mapping[str, Any]], None]] = []


def on_change(listener: Callable[[Mapping[str, Any]], None]) -> None:
    """Call a function with the session's settings each time that they change."""
    _LISTENERS.append(listener)


class Configured:
    """What `configure` returns: settings that are in force, in a ``with`` for its length alone."""

    def __init__(self, changes: dict[str, Any]) -> None:
        self._changes = changes
        self._thread = threading.get_ident()
        self._made_at = time.monotonic()
        self._put: dict[str, Any] = {}
        self._before: dict[str, Any] = {}

    def __enter__(self) -> Self:
        """Let the settings be this context's alone."""
        with _CHANGED:
            if self in _UNDECIDED:
                _UNDECIDED.remove(self)
                _CHANGED.notify_all()
            else:  # undo the plain call, as far as nobody has set the same since
                for name, value in self._put.items():
                    # Not by `==`: an equal value is another call's.
                    if _SESSION.get(name) is not value:
                        continue
                    if name in self._before:
                        _SESSION[name] = self._before[name]
                    else:
                        del _SESSION[name]
                self._put = {}
            _notify()
        outer = [layer for layer in _LAYERS.get() if layer.source is not self or layer.begins]
        _LAYERS.set((*outer, _Layer(self._changes, self, object(), begins=True)))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End what is this context's alone, and what was set inside the ``with``."""
        # Not by a token of the ContextVar: a `with` that ends after the one around it would bring
        # back what that one has ended.
        layers = _LAYERS.get()
        ours = (layer.block for layer in reversed(layers) if layer.source is self and layer.begins)
        block = next(ours, None)
        _LAYERS.set(tuple(layer for layer in layers if layer.block is not block))

    def _become_the_sessions(self) -> None:
        self._before = {name: _SESSION[name] for name in self._changes if name in _SESSION}
        merged = merge(_SESSION, [self._changes])
        self._put = {name: merged[name] for name in self._changes}
        _SESSION.update(self._put)


def change(changes: dict[str, Any]) -> Configured:
    """Apply settings: for the session, unless what is returned is entered."""
    configured = Configured(changes)
    with _CHANGED:
        _decide()
        _UNDECIDED.append(configured)
        _notify()
    layers = _LAYERS.get()
    if layers:  # else the settings of the with around it would hide those just set
        _LAYERS.set((*layers, _Layer(changes, configured, layers[-1].block, begins=False)))
    return configured


def _notify() -> None:
    """Call the listeners with the settings as they are if no ``with`` takes what is undecided."""
    session = merge(_SESSION, [configured._changes for configured in _UNDECIDED])  # noqa: SLF001 - its own module
    for listener in _LISTENERS:
        listener(session)


def in_force() -> list[Mapping[str, Any]]:
    """Return the settings of the session and of this context, the innermost last."""
    with _CHANGED:
        while (wait := _decide()) > 0:
            _CHANGED.wait(wait)
        session = dict(_SESSION)
    return [session, *(layer.changes for layer in _LAYERS.get())]


def _decide() -> float:
    """Let plain calls be the session's; return the seconds until all that are open are known."""
    me, now = threading.get_ident(), time.monotonic()
    for configured in list(_UNDECIDED):
        if configured._thread == me or now - configured._made_at >= _ENTER_SECONDS:  # noqa: SLF001 - its own module
            _UNDECIDED.remove(configured)
            configured._become_the_sessions()  # noqa: SLF001 - the same
            _CHANGED.notify_all()
    ends = [configured._made_at + _ENTER_SECONDS for configured in _UNDECIDED]  # noqa: SLF001 - the same
    return max(ends, default=now) - now


def merge(first: Mapping[str, Any], others: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Return settings with those of others in place of them; limits add up by their names."""
    merged = dict(first)
    for changes in others:
        limits = {**merged.get("limits", {}), **changes.get("limits", {})}
        merged.update(changes)
        if limits:
            merged["limits"] = limits
    return merged


class Scope:
    """The settings of the ``with`` around some code, for what is called later or elsewhere.

    A form, say, which is clicked on when its cell is long over: the session's settings may have
    changed by then, and count, but not those that its cell set for itself.
    """

    def __init__(self) -> None:
        self._layers = _LAYERS.get()

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Apply them for a block."""
        token = _LAYERS.set(self._layers)
        try:
            yield
        finally:
            _LAYERS.reset(token)

    def bind(self, function: Callable[[], T]) -> Callable[[], T]:
        """Return a function that runs with them in force."""

        def bound() -> T:
            with self.entered():
                return function()

        return bound


def reset() -> None:
    """Forget all settings of the session and of this context."""
    with _CHANGED:
        _SESSION.clear()
        _UNDECIDED.clear()
        _CHANGED.notify_all()
        _notify()
    _LAYERS.set(())


def _after_fork() -> None:
    """Begin with the locks open: another thread may have held them; it is not here any more."""
    global _CHANGED  # noqa: PLW0603 - the same
    _CHANGED = threading.Condition()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
