"""JupyterLab on this machine, driven in Debian's Chromium, with an emulator beside it.

What is learnt here the hard way: a page takes seconds to start, and a notebook in it none, so the
tests of a file share a page, which opens one notebook after the other; a key can be lost while the
kernel connects, so JupyterLab is asked whether it is connected, and runs cells and saves by its
commands, which say when they are through; everything of Jupyter's lies in a temporary folder, so
that nobody's settings count; the page may ask nobody but this machine.
"""

# nbformat is imported where it is used: with its grammars of addresses it takes over a second of
# processor time, and every process that shares the tests reads this file.

from __future__ import annotations

import json
import os
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
from tests.helpers.pages import BUSY_SECONDS, comes_to

CONNECT_SECONDS = (40, 40, BUSY_SECONDS)
"""Seconds to wait for a notebook's kernel each time that its page is loaded."""
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
READY = """(path) => {
    const panel = window.jupyterapp?.shell?.currentWidget;
    const session = panel?.sessionContext;
    const kernel = session?.session?.kernel;
    return Boolean(kernel) && panel.context.path === path && session.isReady
        && kernel.connectionStatus === 'connected' && kernel.status === 'idle'
        && panel.content.widgets.length > 0;
}"""
CLOSE = """async () => {
    const panel = jupyterapp.shell.currentWidget;
    if (!panel?.sessionContext) return;
    await panel.sessionContext.shutdown();
    panel.dispose();
}"""
OPEN = """(path) => {
    void jupyterapp.commands.execute('docmanager:open', {path, factory: 'Notebook'});
}"""
RUN = """(number) => {
    const panel = jupyterapp.shell.currentWidget;
    panel.content.activeCellIndex = number;
    panel.content.deselectAll();
    panel.content.mode = 'command';
    panel.activate();
    void jupyterapp.commands.execute('notebook:run-cell');
}"""
SAVE = "async () => { await jupyterapp.commands.execute('docmanager:save'); }"
RESTART = "async () => { await jupyterapp.shell.currentWidget.sessionContext.restartKernel(); }"
SET_THEME = """async (theme) => {
    await jupyterapp.commands.execute('apputils:change-theme', {theme});
}"""
THEME = "() => document.body.dataset.jpThemeName"


class Book:
    """A notebook that is open in a page.

    Attributes
    ----------
    page : playwright.sync_api.Page
        To look at and to click in.
    path : Path
        The notebook's file.
    """

    def __init__(self, lab, page, path):
        self.lab, self.page, self.path = lab, page, path

    def run(self, number, until):
        """Run a cell, counted from 0, until something is there, after what an earlier run left."""
        from playwright.sync_api import Error, expect

        prompt = self.page.locator(".jp-Notebook .jp-Cell").nth(number).locator(".jp-InputPrompt")
        before = prompt.inner_text()
        self.page.evaluate(RUN, number)
        expect(prompt).not_to_have_text(before)
        try:
            self.page.locator(until).first.wait_for()
        except Error as error:
            self.page.screenshot(path=self.lab.shots / f"{self.path.stem}-missing.png")
            said = self.page.locator("body").inner_text()[-2000:]
            raise AssertionError(f"{until} does not come; the page says: {said}") from error

    def restart(self):
        """Restart the kernel, and wait until the page is connected to it."""
        self.page.evaluate(RESTART)
        self.page.wait_for_function(READY, arg=self.path.name)

    def save(self, holds):
        """Save, until the file on disk holds a text."""

        def saved():
            self.page.evaluate(SAVE)
            return holds in self.path.read_text(encoding="utf-8")

        comes_to(saved)

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
        """Open a notebook in place of the one before; with its widgets' state saved if wanted."""
        # Begun before the page looks for it: on a busy machine, a page was seen to begin none.
        kernel = {"path": path.name, "name": "", "type": "notebook", "kernel": {"name": "python3"}}
        self._ask("POST", "/api/sessions", kernel)
        page = self.window.page(self, path, widget_state=widget_state)
        page.set_viewport_size({"width": width, "height": height})
        if page.evaluate(THEME) != THEMES[theme]:
            page.evaluate(SET_THEME, THEMES[theme])
            comes_to(lambda: page.evaluate(THEME), THEMES[theme])
        return Book(self, page, path)

    def load(self, page, path, *, widget_state):
        """Load JupyterLab into a page, with a notebook; again, as anybody would, if it hangs."""
        self._choose("apputils-extension", "notification", fetchNews="false")
        # On a busy machine the list of kernels may come too late, and a dialog would ask for one.
        self._choose("notebook-extension", "tracker", autoStartDefaultKernel=True)
        # What is read of a notebook's file was saved by the test.
        self._choose("docmanager-extension", "plugin", autosave=False)
        manager = "../@jupyter-widgets/jupyterlab-manager"
        self._choose(manager, "plugin", saveState=widget_state)
        for seconds in CONNECT_SECONDS:
            try:
                page.goto(f"{self.url}/doc/tree/{path.name}", wait_until="domcontentloaded")
                page.wait_for_function(READY, arg=path.name, timeout=seconds * 1000)
            except Exception as error:  # noqa: BLE001 - of playwright, which is imported later
                last = error
            else:
                return
        raise last

    def _choose(self, extension, name, **settings):
        """Write settings as JupyterLab's own settings page would."""
        folder = self.root / "settings" / "@jupyterlab" / extension
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.jupyterlab-settings").write_text(json.dumps(settings))

    def close(self):
        """Close the notebook and all kernels, and return what the page asked of other hosts."""
        strangers = self.window.close_notebook()
        for session in self._ask("GET", "/api/sessions"):
            self._ask("DELETE", f"/api/sessions/{session['id']}")
        return strangers

    def _ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", data, method=method)  # noqa: S310 - 127.0.0.1
        with urllib.request.urlopen(request, timeout=BUSY_SECONDS) as reply:  # noqa: S310
            return json.loads(reply.read() or b"null")


class Window:
    """A browser's window, whose page opens one notebook after the other."""

    def __init__(self, context):
        self._context = context
        self._page = None
        self._saves_state = False
        self._strangers = []

    def new_page(self):
        """Open another page, which the test closes."""
        page = self._context.new_page()
        page.set_default_timeout(BUSY_SECONDS * 1000)
        page.on("request", self._note_request)
        return page

    def page(self, lab, path, *, widget_state):
        """Return the page with a notebook in it; loaded anew where that is needed."""
        if self._page is not None and self._saves_state == widget_state and self._opens(path):
            return self._page
        self.discard()
        self._page, self._saves_state = self.new_page(), widget_state
        lab.load(self._page, path, widget_state=widget_state)
        return self._page

    def _opens(self, path):
        """Whether the page comes to show a notebook; one that hangs is loaded anew."""
        from playwright.sync_api import Error

        try:
            self._page.evaluate(CLOSE)
            self._page.evaluate(OPEN, path.name)
            self._page.wait_for_function(READY, arg=path.name, timeout=CONNECT_SECONDS[0] * 1000)
        except Error:
            return False
        return True

    def discard(self):
        """Close the page, so that the next test has a new one."""
        if self._page is not None:
            self._page.close()
        self._page = None

    def close_notebook(self):
        """Close the notebook, and return what was asked of other hosts."""
        if self._page is not None:
            self._page.evaluate(CLOSE)
        strangers, self._strangers = self._strangers, []
        return strangers

    def _note_request(self, request):
        address = urllib.parse.urlsplit(request.url)
        if address.scheme not in {"data", "blob", "file"} and address.hostname != "127.0.0.1":
            self._strangers.append(request.url)


@pytest.fixture(scope="session")
def _jupyter(tmp_path_factory):
    """Run JupyterLab and an emulator; give the root folder, the address and the emulator."""
    from pruna_nb import emulator

    root = tmp_path_factory.mktemp("lab")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with emulator.running(latency=0) as service, (root / "log").open("w") as log:
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
        command += ["--ServerApp.disable_check_xsrf=True", "--LabApp.expose_app_in_browser=True"]
        server = subprocess.Popen(
            command, cwd=root, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            _wait_until_up(server, url, root / "log")
            yield root, url, service
        finally:
            server.terminate()
            server.wait(BUSY_SECONDS)


def _wait_until_up(server, url, log):
    end = time.monotonic() + BUSY_SECONDS
    while time.monotonic() < end:
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
    yield Window(opened)
    opened.close()


@pytest.fixture
def lab(request, _jupyter, _window):
    """Return a JupyterLab to open notebooks in; it asks nothing of any other host.

    SHOTS names the folder that photographs go to, where somebody wants to look at them.
    """
    root, url, service = _jupyter
    shots = Path(os.environ.get("SHOTS") or root / "shots")
    shots.mkdir(exist_ok=True)
    service.configure(latency=0, faults={}, limits={})
    shutil.rmtree(root / "cache", ignore_errors=True)
    failed = request.session.testsfailed
    lab = Lab(root, shots, url, service, _window)
    yield lab
    if request.session.testsfailed > failed:
        _window.discard()  # nobody knows what a failed test left there
    assert lab.close() == [], "the page asked another host for something"
