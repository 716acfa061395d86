"""Something to do as soon as a library is imported, so that it need not be imported for that."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.machinery import ModuleSpec


def when_imported(name: str, action: Callable[[], object]) -> None:
    """Run `action` once a module is imported: now, if it is, or right after its import.

    Parameters
    ----------
    name : str
        The module, such as "pandas"; it need not be installed.
    action : callable
        Takes nothing. It may import what imports the module.
    """
    if name in sys.modules:
        action()
    else:
        sys.meta_path.insert(0, _Watcher(name, action))


class _Watcher:
    """Finds nothing itself: it has the true finder's loader run the action after the module."""

    def __init__(self, name: str, action: Callable[[], object]) -> None:
        self._name, self._action = name, action

    def find_spec(self, name: str, *_: Any) -> ModuleSpec | None:
        """Return the spec that the other finders have for the module."""
        if name != self._name:
            return None
        sys.meta_path.remove(self)  # or it would find itself
        spec = find_spec(name)
        if spec is None or spec.loader is None:  # not installed: it may be later
            sys.meta_path.insert(0, self)
            return None
        load = spec.loader.exec_module

        def load_and_act(module: Any) -> None:
            try:
                load(module)
            except BaseException:
                sys.meta_path.insert(0, self)
                raise
            self._action()

        vars(spec.loader)["exec_module"] = load_and_act
        return spec
