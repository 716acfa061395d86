"""``python -m pruna_nb.emulator``: an emulator until it is stopped with Ctrl-C."""

from __future__ import annotations

import argparse
import sys
import threading
from typing import TYPE_CHECKING, Any

from pruna_nb.emulator.service import running

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the address is printed on one line."""
    parsed = _parser().parse_args(arguments)
    options: dict[str, Any] = {
        "fast": parsed.fast,
        "window": parsed.window,
        "seed": parsed.seed,
        "limits": {name: (int(count), float(seconds)) for name, count, seconds in parsed.limit},
        "faults": {name: float(probability) for name, probability in parsed.fault},
    }
    if parsed.latency is not None:
        options["latency"] = parsed.latency[0] if len(parsed.latency) == 1 else parsed.latency[:2]
    try:
        with running(port=parsed.port, ledger=parsed.ledger, **options) as service:
            sys.stdout.write(f"{service.url}\n")
            sys.stdout.flush()
            threading.Event().wait()
    except KeyboardInterrupt:
        return 0
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pruna_nb.emulator",
        description="A P-API on 127.0.0.1, for demos, tests and trying things without a key.",
    )
    parser.add_argument("--port", type=int, default=0, help="0, the default, for any that is free")
    parser.add_argument("--ledger", help="a file that keeps what was accepted")
    parser.add_argument("--fast", action="store_true", help="draw next to nothing")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--window", default="fixed", choices=("fixed", "sliding", "counter", "bucket")
    )
    parser.add_argument(
        "--latency", type=float, nargs="+", metavar="SECONDS", help="one, or the least and the most"
    )
    parser.add_argument(
        "--limit",
        nargs=3,
        action="append",
        default=[],
        metavar=("MODEL", "REQUESTS", "SECONDS"),
        help="may be given again",
    )
    parser.add_argument(
        "--fault",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "PROBABILITY"),
        help="may be given again",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
