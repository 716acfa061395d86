"""JupyterLab on this machine, driven in Debian's Chromium, with an emulator beside it.

What is learnt here the hard way: the run key can be lost while the kernel connects, so it is
pressed again; a button is waited for until it is enabled; everything of Jupyter's lies in a
temporary folder, so that nobody's settings count; the page may ask nobody but this machine.
"""

# nbformat is imported where it is used: with its grammars of addresses it takes over a second of
# processor time, and every process that shares the tests reads this file.

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from tests.conftest import BROWSER_FLAGS
from tests.faults.servers import free_port

IDLE = ".jp-Notebook-ExecutionIndicator[data-status='idle']"
CONNECTED = re.compile(r"Python 3.*\| Idle")
CONNECT_SECONDS = (40, 40, 60)
"""Seconds to wait for a notebook's kernel each time that its page is loaded."""
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
BUSY_SECONDS = 90
"""What a machine that does much else may take for anything; a test that passes waits for none."""


class Book:
    """A notebook that is open in a page.

    Attributes
    ----------
    page : playwright.sync_api.Page
        To look at and to click in.
    path : Path
        The notebook's file.
    strangers : list of str
        The addresses beyond this machine that the page asked for.
    """

    def __init__(self, lab, page, path):
        self.lab, self.page, self.path = lab, page, path
        self.strangers = []
        page.on("request", self._note_request)

    def _note_request(self, request):
        address = urllib.parse.urlsplit(request.url)
        if address.scheme not in {"data", "blob"} and address.hostname != "127.0.0.1":
            self.strangers.append(request.url)

    def run(self, number, until):
        """Run a cell, counted from 0, until something is there; press the key again if lost."""
        cell = self.page.locator(".jp-Notebook .jp-Cell").nth(number)
        end = time.monotonic() + BUSY_SECONDS
        while time.monotonic() < end:
            prompt = cell.locator(".jp-InputPrompt").inner_text()
            cell.locator(".cm-content").first.click()
            self.page.keyboard.press("Control+Enter")
            if self._appears(until, cell, prompt, end):
                return
        self.page.screenshot(path=self.lab.shots / f"{self.path.stem}-missing.png")
        said = self.page.locator("body").inner_text()[-2000:]
        raise AssertionError(f"{until} is not there after {BUSY_SECONDS} s; the page says: {said}")

    def _appears(self, until, cell, prompt, end):
        """Whether something appears, before an idle kernel tells that the key was lost."""
        idle_since = None
        while time.monotonic() < end:
            if self.page.locator(until).first.is_visible():
                return True
            now = time.monotonic()
            is_idle = self.page.locator(IDLE).count()
            idle_since = (idle_since or now) if is_idle else None
            lost = cell.locator(".jp-InputPrompt").inner_text() in {prompt, "[ ]:"}
            if idle_since and now - idle_since > (1 if lost else 15):
                return False
            self.page.wait_for_timeout(100)
        return False

    def save(self, holds):
        """Save, until the file on disk holds a text."""
        for _ in range(20):
            self.page.keyboard.press("Control+S")
            self.page.wait_for_timeout(300)
            if holds in self.path.read_text(encoding="utf-8"):
                return
        raise AssertionError(f"the saved notebook does not hold {holds!r}")

    def outputs(self):
        """Return the saved notebook's outputs, as one text."""
        import nbformat

        book = nbformat.read(self.path, as_version=4)
        return json.dumps([cell.get("outputs", []) for cell in book.cells])

    def saved_outputs(self):
        """Return the saved notebook's outputs, those of each cell."""
        return [cell.get("outputs", []) for cell in json.loads(self.path.read_text())["cells"]]

    def shoot(self, name, part=".jp-Notebook"):
        """Photograph a part of the page into the folder of pictures, to be looked at."""
        path = self.lab.shots / f"{name}.png"
        self.page.locator(part).first.screenshot(path=path)


class Lab:
    """A JupyterLab server with an emulator that its notebooks talk to."""

    def __init__(self, root, shots, url, service, window):
        self.root, self.shots, self.url = root, shots, url
        self.service, self.window = service, window
        self._open = []

    def write(self, name, *sources):
        """Write a notebook of code cells."""
        import nbformat

        cells = [nbformat.v4.new_code_cell(source) for source in sources]
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        book = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
        path = self.root / f"{name}.ipynb"
        nbformat.write(book, path)
        return path

    def copy(self, book, name, *, trusted):
        """Copy a saved notebook, so that no kernel knows its widgets; trust goes by content."""
        import nbformat

        copy = nbformat.read(book.path, as_version=4)
        if not trusted:
            copy.cells.append(nbformat.v4.new_markdown_cell("Somebody else wrote this."))
        path = self.root / f"{name}.ipynb"
        nbformat.write(copy, path)
        return path

    def open(self, path, *, theme="light", width=1100, height=900, widget_state=False):
        """Open a notebook in a page of its own, which saves the widgets' state if wanted."""
        self._choose("apputils-extension", "themes", theme=THEMES[theme])
        self._choose("apputils-extension", "notification", fetchNews="false")
        # On a busy machine the list of kernels may come too late, and a dialog would ask for one.
        self._choose("notebook-extension", "tracker", autoStartDefaultKernel=True)
        manager = "../@jupyter-widgets/jupyterlab-manager"
        self._choose(manager, "plugin", saveState=widget_state)
        page = self.window.new_page()
        page.set_viewport_size({"width": width, "height": height})
        page.set_default_timeout(BUSY_SECONDS * 1000)
        book = Book(self, page, path)
        self._open.append(book)
        # Begun before the page looks for it: on a busy machine, a page was seen to begin none.
        kernel = {"path": path.name, "name": "", "type": "notebook", "kernel": {"name": "python3"}}
        self._ask("POST", "/api/sessions", kernel)
        page.goto(f"{self.url}/doc/tree/{path.name}", wait_until="domcontentloaded")
        self._wait_for_kernel(page)
        return book

    @staticmethod
    def _wait_for_kernel(page):
        """Wait until the page is connected; load it again, as anybody would, if it is not."""
        for seconds in CONNECT_SECONDS:
            try:
                page.get_by_text(CONNECTED).first.wait_for(state="attached", timeout=seconds * 1000)
            except Exception as error:  # noqa: BLE001 - of playwright, which is imported later
                last = error
                page.reload(wait_until="domcontentloaded")
            else:
                return
        raise last

    def _choose(self, extension, name, **settings):
        """Write settings as JupyterLab's own settings page would."""
        folder = self.root / "settings" / "@jupyterlab" / extension
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.jupyterlab-settings").write_text(json.dumps(settings))

    def close_all(self):
        """Close every page, and say what they asked of other hosts."""
        strangers = [address for book in self._open for address in book.strangers]
        for book in self._open:
            book.page.close()
        self._open.clear()
        for session in self._ask("GET", "/api/sessions"):
            self._ask("DELETE", f"/api/sessions/{session['id']}")
        return strangers

    def _ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", data, method=method)  # noqa: S310 - 127.0.0.1
        with urllib.request.urlopen(request, timeout=20) as reply:  # noqa: S310
            return json.loads(reply.read() or b"null")


@pytest.fixture(scope="session")
def _jupyter(tmp_path_factory):
    """Run JupyterLab and an emulator; give the root folder, the address and the emulator."""
    from pruna_nb import emulator

    root = tmp_path_factory.mktemp("lab")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with emulator.running(process=True, latency=0) as service, (root / "log").open("w") as log:
        environment = {
            **os.environ,
            "JUPYTER_CONFIG_DIR": str(root / "config"),
            "JUPYTER_DATA_DIR": str(root / "data"),
            "JUPYTER_RUNTIME_DIR": str(root / "runtime"),
            "JUPYTERLAB_SETTINGS_DIR": str(root / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(root / "workspaces"),
            "IPYTHONDIR": str(root / "ipython"),
            "PRUNA_API_URL": service.url,
            "PRUNA_API_KEY": "browser-test-key",
            "PRUNA_NB_CACHE_DIR": str(root / "cache"),
            "PRUNA_NB_STATE_DIR": str(root / "state"),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        }
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1"]
        command += [f"--port={port}", "--IdentityProvider.token=", "--allow-root"]
        command += ["--ServerApp.disable_check_xsrf=True"]
        server = subprocess.Popen(
            command, cwd=root, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            _wait_until_up(server, url, root / "log")
            yield root, url, service
        finally:
            server.terminate()
            server.wait(20)


def _wait_until_up(server, url, log):
    for _ in range(300):
        try:
            urllib.request.urlopen(f"{url}/api/status", timeout=5).close()  # noqa: S310
        except OSError:
            if server.poll() is not None:
                break
            time.sleep(0.2)
        else:
            return
    raise RuntimeError(f"JupyterLab does not start:\n{log.read_text()[-3000:]}")


@pytest.fixture(scope="session")
def _profile(tmp_path_factory):
    """Return the folder where Chromium keeps JupyterLab's compiled scripts: they take seconds."""
    return tmp_path_factory.mktemp("profile")


@pytest.fixture(scope="module")
def _window(drivers, chromium, _profile):
    opened = drivers.chromium.launch_persistent_context(
        _profile, executable_path=chromium, headless=True, args=BROWSER_FLAGS
    )
    yield opened
    opened.close()


@pytest.fixture
def lab(_jupyter, _window):
    """Return a JupyterLab to open notebooks in; it asks nothing of any other host.

    SHOTS names the folder that photographs go to, where somebody wants to look at them.
    """
    root, url, service = _jupyter
    shots = Path(os.environ.get("SHOTS") or root / "shots")
    shots.mkdir(exist_ok=True)
    service.configure(latency=0, faults={}, limits={})
    shutil.rmtree(root / "cache", ignore_errors=True)
    lab = Lab(root, shots, url, service, _window)
    yield lab
    assert lab.close_all() == [], "the page asked another host for something"
