"""Run the commands and the Python of README.md, as they stand there, in a copy of this checkout.

The README's fenced blocks become one bash script, so that an environment that one block activates
is the next one's too. Python blocks continue each other, as in a notebook. An emulator stands in
for the service: PRUNA_API_URL and PRUNA_API_KEY point to it.

A comment before a block says how it differs::

    <!-- ci: server -->   each of its lines starts a server: it works once its address answers
    <!-- ci: skip ... --> not run, for the reason that is given
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
FENCE = re.compile(
    r"(?:<!-- ci: (?P<how>.*?) -->\n)?^```(?P<kind>bash|python)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
ADDRESS = re.compile(r"http://(?:127\.0\.0\.1|localhost):\d+")


class Block(NamedTuple):
    """A fenced block of the README."""

    kind: str
    text: str
    how: str


def blocks(readme: str) -> list[Block]:
    """Find the blocks, and refuse a reasonless skip or an unknown word."""
    found = [Block(m["kind"], m["text"], m["how"] or "") for m in FENCE.finditer(readme)]
    for block in found:
        if not re.fullmatch(r"(server|skip \S.*)?", block.how):
            sys.exit(f"README.md: what does <!-- ci: {block.how} --> mean?")
    if not {"bash", "python"} <= {block.kind for block in found}:
        sys.exit("README.md has no bash or no python block: nothing was checked.")
    return found


def script(found: list[Block], done: set[str], folder: Path) -> str:
    """Write the blocks as one bash script."""
    lines = ["set -euo pipefail"]
    python = ""
    for number, block in enumerate(found):
        if block.how.startswith("skip"):
            print(f"not run ({block.how.removeprefix('skip ')}):\n{block.text}")
        elif block.how == "server":
            commands = [line for line in block.text.splitlines() if line and line[0] != "#"]
            checker = [sys.executable, str(Path(__file__).resolve()), "--server"]
            lines += [shlex.join([*checker, command]) for command in commands]
        elif block.kind == "python":
            python += block.text
            (folder / f"block_{number}.py").write_text(python)
            lines += [f"echo '+ python block {number}'", f"python {folder}/block_{number}.py"]
        else:
            kept = [
                line for line in block.text.splitlines() if line.split("#")[0].strip() not in done
            ]
            lines += ["set -x", *kept, "{ set +x; } 2>/dev/null"]
    return "\n".join(lines) + "\n"


@contextlib.contextmanager
def started(command: str) -> Iterator[str]:
    """Start a server, give the address that it prints, and stop it with its children."""
    with subprocess.Popen(
        ["bash", "-c", command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as server:
        try:
            yield address_printed(server, command)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGTERM)


def address_printed(server: subprocess.Popen[str], command: str) -> str:
    """Read what a server prints up to its address, and let the rest flow away."""
    said = ""
    for line in server.stdout or ():
        said += line
        if match := ADDRESS.search(line):
            # a full pipe would hold the server up
            threading.Thread(target=server.stdout.read, daemon=True).start()
            return match[0]
    sys.exit(f"{command!r} ended without an address:\n{said}")


def answers(address: str) -> None:
    """Ask an address for something; any answer of HTTP will do."""
    with contextlib.suppress(urllib.error.HTTPError):
        urllib.request.urlopen(address, timeout=30).close()  # noqa: S310 - loopback, by ADDRESS


def environment(folder: Path, address: str) -> dict[str, str]:
    """Point the README to the emulator, and its files and settings to a folder."""
    config = folder / "jupyter"
    config.mkdir()
    # a runner has no screen, and is often root
    server = {"ServerApp": {"allow_root": True, "open_browser": False}}
    (config / "jupyter_server_config.json").write_text(json.dumps(server))
    return {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(config),
        "PRUNA_API_KEY": "readme-key",
        "PRUNA_API_URL": address,
        "PRUNA_NB_CACHE_DIR": str(folder / "cache"),
        "PRUNA_NB_STATE_DIR": str(folder / "state"),
        "PYTHONUNBUFFERED": "1",
    }


def run_readme(done: set[str]) -> int:
    """Run all blocks in a copy of the checkout; give bash's own result."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy = folder / "copy"
        made = shutil.ignore_patterns(".venv", ".git", "build", "_build", ".*_cache", "__pycache__")
        shutil.copytree(ROOT, copy, ignore=made)
        found = blocks((ROOT / "README.md").read_text(encoding="utf-8"))
        (folder / "readme.sh").write_text(script(found, done, folder))
        command = [str(Path(sys.executable).with_name("pruna-nb")), "emulator", "--port", "0"]
        with started(shlex.join(command)) as address:
            env = environment(folder, address)
            bash = ["bash", folder / "readme.sh"]
            return subprocess.run(bash, cwd=copy, env=env, check=False).returncode


def main() -> int:
    """Run the README, or check one server."""
    parser = argparse.ArgumentParser(description="Run the commands of README.md.")
    parser.add_argument("--done", nargs="*", default=[], help="commands that were run already")
    parser.add_argument("--server", help="start this command and see that its address answers")
    options = parser.parse_args()
    if not options.server:
        return run_readme(set(options.done))
    with started(options.server) as address:
        answers(address)
        print(f"+ {options.server}: {address} answers")
    return 0


if __name__ == "__main__":
    sys.exit(main())
