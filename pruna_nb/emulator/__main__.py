"""``python -m pruna_nb.emulator``: an emulator until it is stopped with Ctrl-C."""

from __future__ import annotations

import argparse
import errno
import sys
import threading
from typing import TYPE_CHECKING, Any

from pruna_nb.emulator.faults import FAULTS
from pruna_nb.emulator.running import running

if TYPE_CHECKING:
    from collections.abc import Sequence

_HINT = """\
In another terminal: export PRUNA_API_URL={url} PRUNA_API_KEY=any-word
Ctrl-C stops it.
"""


def main(
    arguments: Sequence[str] | None = None, *, name: str = "python -m pruna_nb.emulator"
) -> int:
    """Run the command; the address is printed on one line.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default those of the process.
    name : str
        What the command is called.
    """
    parsed = _parser(name).parse_args(arguments)
    options: dict[str, Any] = {
        "fast": parsed.fast,
        "window": parsed.window,
        "seed": parsed.seed,
    }
    if parsed.latency is not None:
        options["latency"] = parsed.latency[0] if len(parsed.latency) == 1 else parsed.latency[:2]
    try:
        options["limits"] = {
            model: (int(_number(count)), _number(seconds)) for model, count, seconds in parsed.limit
        }
        options["faults"] = {fault: _number(probability) for fault, probability in parsed.fault}
        with running(port=parsed.port, ledger=parsed.ledger, **options) as service:
            sys.stdout.write(f"{service.url}\n")
            sys.stdout.flush()
            if sys.stderr.isatty():
                sys.stderr.write(_HINT.format(url=service.url))
            threading.Event().wait()
    except KeyboardInterrupt:
        return 0
    except OSError as error:
        what = f"port {parsed.port}" if error.errno == errno.EADDRINUSE else "the emulator"
        sys.stderr.write(f"{name}: {what} cannot be used: {error.strerror or error}\n")
        return 1
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        usage = "--limit takes MODEL REQUESTS SECONDS, --fault NAME PROBABILITY"
        msg = f"{text!r} is not a number: {usage}"
        raise ValueError(msg) from None


def _port(text: str) -> int:
    port = int(text) if text.isdecimal() else -1
    if not 0 <= port < 2**16:
        msg = f"{text!r} is not a port; use a number from 0 (any that is free) to 65535"
        raise argparse.ArgumentTypeError(msg)
    return port


def _parser(name: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=name,
        description="A P-API on 127.0.0.1, for demos, tests and trying things without a key.",
        epilog="Faults:\n" + "\n".join(f"  {name:<20} {what}" for name, what in FAULTS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=_port, default=0, help="default: any that is free")
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
        help="may be given again; the names are listed below",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
