"""A P-API on this machine, for demos, tests and trying things without a key.

`running` starts it, as a real HTTP server on 127.0.0.1; `FAULTS` names what it can break.
It needs the extra ``emulator``.

Read in this order: `running` and `service` (what a user holds), `process` and `server` (where it
runs), `app` with `guard`, `request_reading` and `responses` (HTTP), `core` (what is accepted and
how it ends) with `options`, `faults`, `limits`, `predictions` and `files`; then what comes out:
`render` with `sources`, `sizes`, `drawing`, `shapes`, `caption`, `video` and `fast`.
"""

from __future__ import annotations

from pruna_nb.emulator.faults import FAULTS
from pruna_nb.emulator.options import Options
from pruna_nb.emulator.running import running
from pruna_nb.emulator.service import Service

__all__ = ["FAULTS", "Options", "Service", "running"]
