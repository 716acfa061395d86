"""Images and videos from P-API, in a notebook: throttled, cached, never paid for twice.

>>> import pandas as pd
>>> import pruna_nb
>>> df = pd.DataFrame({"prompt": ["a lion at sunset", "a red fox in snow"]})
>>> out = df.pruna.generate("prompt", progress=False)
>>> out["status"].tolist()
['succeeded', 'succeeded']
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

from pruna_nb import errors, settings
from pruna_nb.catalog import get_model, register_model
from pruna_nb.errors import PrunaError
from pruna_nb.imports import when_imported as _when_imported
from pruna_nb.settings import configure
from pruna_nb.text import did_you_mean as _did_you_mean
from pruna_nb.text import near_names as _near_names
from pruna_nb.tracebacks import shorten as _shorten
from pruna_nb.version import VERSION as _VERSION

if TYPE_CHECKING:
    from pruna_nb import emulator
    from pruna_nb.api.client import Client
    from pruna_nb.comparison.compare import compare
    from pruna_nb.demo import use_emulator
    from pruna_nb.files.archive import folder_to_zip
    from pruna_nb.files.provenance import read_provenance as provenance
    from pruna_nb.form.explore import explore
    from pruna_nb.frames.costs import costs
    from pruna_nb.frames.grids import sheet_frame as read_sheet
    from pruna_nb.frames.history import history
    from pruna_nb.frames.prompts import prompts
    from pruna_nb.frames.rerun import rerun
    from pruna_nb.frames.saving import read_outputs
    from pruna_nb.frames.tables import journal, models
    from pruna_nb.interop.wrapped import wrap
    from pruna_nb.show import before_after, show_images
    from pruna_nb.single import generate
    from pruna_nb.store import maintenance as cache
    from pruna_nb.widgets.login import login

__version__ = _VERSION

# What costs time to import is imported when it is first asked for.
_LATER = {
    "Client": ("pruna_nb.api.client", "Client"),
    "before_after": ("pruna_nb.show", "before_after"),
    "cache": ("pruna_nb.store.maintenance", None),
    "compare": ("pruna_nb.comparison.compare", "compare"),
    "costs": ("pruna_nb.frames.costs", "costs"),
    "emulator": ("pruna_nb.emulator", None),
    "explore": ("pruna_nb.form.explore", "explore"),
    "folder_to_zip": ("pruna_nb.files.archive", "folder_to_zip"),
    "generate": ("pruna_nb.single", "generate"),
    "history": ("pruna_nb.frames.history", "history"),
    "journal": ("pruna_nb.frames.tables", "journal"),
    "login": ("pruna_nb.widgets.login", "login"),
    "models": ("pruna_nb.frames.tables", "models"),
    "prompts": ("pruna_nb.frames.prompts", "prompts"),
    "provenance": ("pruna_nb.files.provenance", "read_provenance"),
    "read_outputs": ("pruna_nb.frames.saving", "read_outputs"),
    "read_sheet": ("pruna_nb.frames.grids", "sheet_frame"),
    "rerun": ("pruna_nb.frames.rerun", "rerun"),
    "show_images": ("pruna_nb.show", "show_images"),
    "use_emulator": ("pruna_nb.demo", "use_emulator"),
    "wrap": ("pruna_nb.interop.wrapped", "wrap"),
}

__all__ = [
    "Client",
    "PrunaError",
    "before_after",
    "cache",
    "compare",
    "configure",
    "costs",
    "emulator",
    "errors",
    "explore",
    "folder_to_zip",
    "generate",
    "get_model",
    "history",
    "journal",
    "login",
    "models",
    "prompts",
    "provenance",
    "read_outputs",
    "read_sheet",
    "register_model",
    "rerun",
    "settings",
    "show_images",
    "use_emulator",
    "wrap",
]

_when_imported("polars", lambda: importlib.import_module("pruna_nb.interop.polars").register())
_when_imported(
    "dask.dataframe", lambda: importlib.import_module("pruna_nb.cluster.accessor").register()
)
_when_imported("pandas", lambda: importlib.import_module("pruna_nb.accessor").register())


def __getattr__(name: str) -> Any:
    try:
        module, attribute = _LATER[name]
    except KeyError:
        meant = _did_you_mean(f"pruna_nb.{near}" for near in _near_names(name, __all__))
        msg = f"module 'pruna_nb' has no attribute {name!r}.{meant}"
        # With an `obj`, Python would add a second "Did you mean".
        error = AttributeError(msg if meant else msg[:-1], name=name, obj=None)
        _shorten(error)
        raise error from None
    found = importlib.import_module(module)
    value = getattr(found, attribute) if attribute else found
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__


def load_ipython_extension(ipython: Any) -> None:
    """Register the magics and completion in a notebook, by ``%load_ext pruna_nb``."""
    importlib.import_module("pruna_nb.magics").register(ipython)
    importlib.import_module("pruna_nb.completion").register(ipython)


if "IPython" in sys.modules:  # a notebook: completion needs no %load_ext
    importlib.import_module("pruna_nb.completion").register_running()
