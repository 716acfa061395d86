"""What every test stands on: its own settings, its own folders, no way out to another host."""

from __future__ import annotations

import ipaddress
import os
import shutil
import signal
import socket

import hypothesis
import pytest

from pruna_nb import settings
from pruna_nb.batch import polling
from pruna_nb.catalog import registry
from pruna_nb.store import rescue
from tests.helpers.pages import be_patient

# Examples are not timed: this may be a busy machine.
hypothesis.settings.register_profile("house", deadline=None)
# For further Pythons and the lowest versions: `--hypothesis-profile=few`, in the Makefile.
hypothesis.settings.register_profile("few", deadline=None, max_examples=20)
hypothesis.settings.load_profile("house")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
NO_CHROMIUM = "no Chromium here (Debian: apt install chromium)"
BROWSER_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
FIRST_QUESTION_SECONDS = 0.03
"""When a run of the tests asks first whether a prediction is finished."""
LONGEST = "test_every_argument.py"
BROWSER_REQUIRED = pytest.StashKey[bool]()


def pytest_configure(config):
    """Note what the caller asks for, then take every setting of ours out of the environment."""
    # A shell starts what runs in its background without SIGINT, and nohup without SIGHUP; tests
    # send them to themselves and to others.
    for name, heard in (("SIGINT", signal.default_int_handler), ("SIGHUP", signal.SIG_DFL)):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, heard)
    config.stash[BROWSER_REQUIRED] = bool(os.environ.get("PRUNA_NB_REQUIRE_BROWSER"))
    for name in [name for name in os.environ if name.startswith("PRUNA_")]:
        del os.environ[name]


def pytest_collection_modifyitems(config, items):
    """Skip browser tests where there is no browser; see that there are some where required."""
    found = [item for item in items if item.get_closest_marker("browser")]
    if config.stash[BROWSER_REQUIRED] and not found:
        raise pytest.UsageError("PRUNA_NB_REQUIRE_BROWSER is set, and no browser test was found")
    if CHROMIUM is None:
        for item in found:
            item.add_marker(pytest.mark.skip(reason=NO_CHROMIUM))
    _spread_labs(items)


def _spread_labs(items):
    """Separate the files that drive JupyterLab, so that seldom two of them run at once.

    Processes that share the tests take them by files, in order; each JupyterLab keeps the
    machine busy, where most other tests wait. The longest file comes first, so that nobody waits
    for it at the end.
    """
    files = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    labs = [path for path in files if path.parent.name == "browser"]
    order = [path for path in files if path not in labs]
    order.sort(key=lambda path: path.name != LONGEST)
    for number, path in enumerate(labs):
        order.insert(number * len(files) // (2 * len(labs)), path)
    items[:] = [item for path in order for item in files[path]]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """Count a skipped browser test as failed where PRUNA_NB_REQUIRE_BROWSER asks for them."""
    report = yield
    required = item.config.stash[BROWSER_REQUIRED] and item.get_closest_marker("browser")
    if report.skipped and required and not hasattr(report, "wasxfail"):
        *_, reason = report.longrepr
        report.outcome = "failed"
        report.longrepr = f"PRUNA_NB_REQUIRE_BROWSER is set, and this was skipped: {reason}"
    return report


@pytest.fixture(scope="session")
def chromium():
    """Return the path of Debian's Chromium."""
    if CHROMIUM is None:
        pytest.skip(NO_CHROMIUM)
    return CHROMIUM


@pytest.fixture(scope="module")
def drivers():
    """Return Playwright's drivers for the tests of a file.

    Playwright starts but once in a process at a time, and holds its event loop meanwhile.
    """
    from playwright.sync_api import sync_playwright

    be_patient()
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def browser(drivers, chromium):
    """Return a Chromium for the tests of a file."""
    opened = drivers.chromium.launch(executable_path=chromium, headless=True, args=BROWSER_FLAGS)
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def own_catalogue(monkeypatch):
    """Forget the models that a test registers, and the warnings that it was given."""
    monkeypatch.setattr(registry, "_registered", {})
    monkeypatch.setattr(registry, "_warned", set())


@pytest.fixture(autouse=True)
def own_settings(monkeypatch, tmp_path):
    """Isolate each test: settings, cache, limits and keyring of its own."""
    for name in [name for name in os.environ if name.startswith("PRUNA_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PRUNA_NB_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("PRUNA_NB_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    # What an earlier test's broken disk did not take is written by the next run: here, none does.
    monkeypatch.setattr(rescue, "_FOLDERS", {})
    settings.reset()
    yield
    settings.reset()


def _is_here(host):
    if host in {None, "", "localhost", b"localhost"}:
        return True
    try:
        return ipaddress.ip_address(host if isinstance(host, str) else host.decode()).is_loopback
    except ValueError:
        return False


@pytest.fixture(autouse=True)
def stay_here(monkeypatch):
    """Fail a test that reaches for another host, also where the code takes the error."""
    reached = []
    connect, resolve = socket.socket.connect, socket.getaddrinfo

    def guarded_connect(self, address):
        if self.family in {socket.AF_INET, socket.AF_INET6} and not _is_here(address[0]):
            reached.append(address)
            raise ConnectionRefusedError(f"a test may not connect to {address}")
        return connect(self, address)

    def guarded_resolve(host, *args, **kwargs):
        if not _is_here(host):
            reached.append(host)
            raise socket.gaierror(socket.EAI_NONAME, f"a test may not look up {host}")
        return resolve(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_resolve)
    yield reached
    assert reached == [], "a test reached for another host"


@pytest.fixture
def service(monkeypatch):
    """Run an emulator without delay, with the settings pointed to it."""
    from pruna_nb import emulator

    # This emulator finishes at once what it accepts. Without this, a run waits 0.3 s before it asks
    # (3 s for a video), where the whole of a small run then takes 0.1 s.
    for kind in polling._FIRST:
        monkeypatch.setitem(polling._FIRST, kind, FIRST_QUESTION_SECONDS)
    with (
        emulator.running(fast=True, latency=0) as running,
        settings.configure(api_key="test-key", base_url=running.url),
    ):
        yield running
