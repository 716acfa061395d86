"""An emulator in a process of its own, controlled through its loopback port.

The parent writes one line of JSON to the child's standard input (options, port, ledger, and a
random token that guards the control path) and keeps the pipe open: when the parent dies, the
pipe ends, and the child with it.
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, cast

from pruna_nb.emulator.options import Options
from pruna_nb.emulator.service import Service, accepted_rows, state_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pruna_nb.emulator.server import HttpServer

# The package's own front door imports pandas, which takes the child a second and more to no use:
# so it gets a package without one.
_BOOT: Final = """
import sys, types
package = types.ModuleType("pruna_nb")
package.__path__ = [sys.argv[1]]
sys.modules["pruna_nb"] = package
from pruna_nb.emulator.process import run_child
run_child(sys.stdin.buffer, sys.stdout.buffer)
"""
_CONTROL_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 10.0


class ProcessService(Service):
    """The parent's view of an emulator in another process, whose number is `pid`."""

    def __init__(self, options: Options, *, port: int, ledger: Path | None) -> None:
        super().__init__()
        self._token = secrets.token_hex(24)
        self._accepted: list[dict[str, Any]] = []
        self._last: dict[str, Any] | None = None
        self._child = subprocess.Popen(  # noqa: S603 - this package's own command
            # -P: a module in the working folder must not stand in for one of ours.
            [sys.executable, "-P", "-c", _BOOT, str(Path(__file__).parent.parent)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            # Ctrl-C in the terminal is meant for the parent.
            start_new_session=True,
        )
        self.pid = self._child.pid
        order = {
            "options": options.to_json(),
            "port": port,
            "ledger": None if ledger is None else str(ledger.absolute()),
            "token": self._token,
        }
        try:
            stdin, stdout = (
                cast("IO[bytes]", self._child.stdin),
                cast("IO[bytes]", self._child.stdout),
            )
            stdin.write(json.dumps(order).encode() + b"\n")
            stdin.flush()
            line = stdout.readline()  # comes when the child answers requests, or not at all
        except BaseException:
            self.kill()
            raise
        answer = json.loads(line) if line else {"error": "the emulator's process did not start"}
        if "error" in answer:
            self.kill()
            raise OSError(answer["error"])
        self.url, self.port = str(answer["url"]), int(answer["port"])

    @property
    def accepted(self) -> list[dict[str, Any]]:
        """What was accepted, in order: id, model, input and at."""
        # Only what is new: a test that asks often would move the whole list each time.
        answer = self._ask({"do": "accepted", "from": len(self._accepted)})
        self._accepted += answer.get("accepted", [])
        return list(self._accepted)

    def configure(self, **changes: Any) -> None:
        """Change how it behaves while it runs."""
        # Read here first: JSON needs plain values, and a wrong one raises its own kind of error.
        checked = Options.read(changes).to_json()
        answer = self._ask(
            {"do": "configure", "changes": {name: checked[name] for name in changes}}
        )
        if "error" in answer:
            raise ValueError(answer["error"])

    def stop(self) -> None:
        """Stop it, and keep what it counted."""
        if not self._is_ours():
            return
        if self._child.poll() is None:
            # A test asks for the counts when the block is over.
            self._last = dict(self._state())
            self._accepted = self.accepted
            # The end of its standard input tells the child to stop.
            self._close_pipes()
            try:
                self._child.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._child.kill()
        self._close_pipes()
        self._child.wait()

    def kill(self) -> None:
        """End it at once; its ledger, if it has one, has what it counted."""
        if not self._is_ours():
            return
        self._child.kill()
        self._child.wait()
        self._close_pipes()

    def _state(self) -> Mapping[str, Any]:
        return self._ask({"do": "state"})

    def _ask(self, command: dict[str, Any]) -> dict[str, Any]:
        """Send a command; of a process that is gone, give what it said last."""
        if self._child.poll() is not None:
            if self._last is None:
                raise RuntimeError("the emulator's process has ended; its ledger has its counts")
            return self._last if command["do"] == "state" else {}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_CONTROL_SECONDS)
        try:
            headers = {"x-emulator-token": self._token}
            connection.request("POST", "/_emulator", json.dumps(command).encode(), headers)
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        return answer

    def _close_pipes(self) -> None:
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()


def run_child(stdin: IO[bytes], stdout: IO[bytes]) -> None:
    """Be the child: read the order, serve until standard input ends."""
    from pruna_nb.emulator.core import Core
    from pruna_nb.emulator.server import HttpServer

    def obey(command: dict[str, Any]) -> dict[str, Any]:
        if command["do"] == "accepted":
            return {"accepted": accepted_rows(core, command["from"])}
        if command["do"] == "state":
            return state_of(core)
        try:
            core.configure(command["changes"])
        except (TypeError, ValueError) as error:
            return {"error": str(error)}
        return {}

    order = json.loads(stdin.readline())
    try:
        ledger = order["ledger"]
        core = Core(Options.read(order["options"]), ledger=Path(ledger) if ledger else None)
        server = HttpServer(core, order["port"], control=obey, token=order["token"])
    except (OSError, ValueError) as error:
        stdout.write(json.dumps({"error": str(error)}).encode() + b"\n")
        stdout.flush()
        return
    threading.Thread(target=_watch, args=(stdin, stdout, server), daemon=True).start()
    server.run()
    core.close()


def _watch(stdin: IO[bytes], stdout: IO[bytes], server: HttpServer) -> None:
    """Report that the server is ready, and stop it when the parent closes the pipe or is gone."""
    server.wait_until_ready()
    stdout.write(json.dumps({"url": server.url, "port": server.port}).encode() + b"\n")
    stdout.flush()
    stdin.read()
    server.stop()
