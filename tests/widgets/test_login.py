"""Login: the key goes to the settings or the keyring, and nowhere else."""

from __future__ import annotations

import getpass
import http.server
import socket
import sys
import threading

import keyring
import pytest
from keyring.backend import KeyringBackend

import pruna_nb
from pruna_nb import emulator, settings
from pruna_nb.api.key_check import check_key
from pruna_nb.errors import MissingExtraError, SettingsError
from pruna_nb.widgets.login import LoginBox

KEY = "pk-of-mine-123"


class Ring(KeyringBackend):
    """A keyring in memory that counts how often it is asked."""

    priority = 1

    def __init__(self):
        super().__init__()
        self.kept, self.asked = {}, 0

    def get_password(self, service, username):
        self.asked += 1
        return self.kept.get((service, username))

    def set_password(self, service, username, password):
        self.kept[service, username] = password

    def delete_password(self, service, username):
        del self.kept[service, username]


@pytest.fixture
def ring():
    """Give a keyring of the test's own."""
    before, mine = keyring.get_keyring(), Ring()
    keyring.set_keyring(mine)
    yield mine
    keyring.set_keyring(before)


@pytest.fixture
def accepting():
    """Run an emulator that accepts one key, with the address pointed to it."""
    with emulator.running(fast=True, latency=0, keys=[KEY]) as running:
        settings.configure(base_url=running.url)
        yield running


@pytest.fixture
def nobody():
    """Point the address to a port of this machine where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        settings.configure(base_url=f"http://127.0.0.1:{taken.getsockname()[1]}", timeout=5)
        yield


def test_a_terminal_asks_without_showing(monkeypatch, capsys, accepting):
    monkeypatch.setattr(getpass, "getpass", lambda prompt: KEY)
    pruna_nb.login()
    assert settings.current().api_key == KEY
    said = capsys.readouterr().out
    assert said == f"The key is accepted by {accepting.url}, and kept for this session.\n"


def test_an_accepted_key_costs_nothing_to_ask_about(capsys, accepting):
    pruna_nb.login(f" {KEY}\n")
    assert settings.current().api_key == KEY
    assert accepting.charged == 0
    assert KEY not in capsys.readouterr().out


def test_a_key_that_is_not_accepted_is_not_kept_and_what_was_in_force_stays(capsys, accepting):
    settings.configure(api_key="the-one-before")
    pruna_nb.login("pk-of-nobody-123")
    said = capsys.readouterr().out
    assert f"The key is not accepted by {accepting.url} (401: " in said
    assert "Nothing was charged" in said
    assert "pk-of-nobody-123" not in said
    assert settings.current().api_key == "the-one-before"
    assert accepting.charged == 0


def test_a_service_that_does_not_answer_has_not_checked_the_key(capsys, nobody):
    pruna_nb.login(KEY)
    said = capsys.readouterr().out
    assert "is kept for this session. It was not checked: " in said
    assert KEY not in said
    assert settings.current().api_key == KEY


def test_without_the_check_nothing_is_sent(capsys, stay_here):
    pruna_nb.login(KEY, check=False)
    assert "It was not checked: check=False was given." in capsys.readouterr().out
    assert settings.current().api_key == KEY
    assert stay_here == []


def test_what_is_neither_yes_nor_no_is_refused_as_check():
    with pytest.raises(SettingsError, match="check"):
        pruna_nb.login(KEY, check="maybe")
    assert settings.current().api_key is None


@pytest.mark.parametrize("key", ["", "two words", 5, b"bytes"])
def test_what_can_be_no_key_is_refused_before_anybody_is_asked(key):
    with pytest.raises(SettingsError, match="one word"):
        pruna_nb.login(key)


ANSWERS = [
    (401, "not accepted"),
    (403, "not accepted"),
    (404, "accepted"),
    (400, "accepted"),
    (410, "accepted"),
    (422, "accepted"),
    (429, "not checked"),
    (302, "not checked"),
    (500, "not checked"),
    (502, "not checked"),
    (503, "not checked"),
    (504, "not checked"),
]


@pytest.mark.parametrize(("status", "verdict"), ANSWERS)
def test_the_status_of_the_answer_tells_what_the_service_says_to_the_key(status, verdict):
    seen = []

    class Answering(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append((self.command, self.path, self.headers["apikey"]))
            body = b'{"detail": "so it is"}'
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        found = check_key(settings.current(api_key=KEY, base_url=url))
        server.shutdown()
    assert found.verdict == verdict
    assert KEY not in found.reason
    assert {(command, key) for command, _, key in seen} == {("GET", KEY)}
    assert all(path.startswith("/v1/predictions/status/") for _, path, _ in seen)


def test_the_field_hands_the_key_on_and_is_empty_again(accepting):
    said = []
    box = LoginBox(done=said.append)
    box.field.widget.value = f" {KEY}\n"
    assert settings.current().api_key == KEY
    assert box.field.widget.value == ""
    assert said == [f"The key is accepted by {accepting.url}, and kept for this session."]


def test_the_field_stays_for_another_try_where_the_key_is_not_accepted(accepting):
    said = []
    box = LoginBox(done=said.append)
    box.field.widget.value = "pk-of-nobody-123"
    assert "is not accepted" in box._message.value
    assert "pk-of-nobody-123" not in box._message.value
    assert settings.current().api_key is None
    box.field.widget.value = KEY
    assert settings.current().api_key == KEY
    assert len(said) == 1


def test_a_key_that_is_not_accepted_goes_into_no_keyring(ring, accepting):
    pruna_nb.login("pk-of-nobody-123", store=True)
    assert ring.kept == {}
    pruna_nb.login(KEY, store=True)
    assert list(ring.kept.values()) == [KEY]


def test_no_widget_holds_the_key_afterwards():
    box = LoginBox(check=False)
    box.field.widget.value = KEY
    state = repr([widget.get_state() for widget in (box.box, box.field.widget, box._message)])
    assert KEY not in state


def test_the_key_is_not_sent_back_to_the_windows_that_are_open():
    assert LoginBox().field.widget.trait_metadata("value", "echo_update") is False


def test_what_can_be_no_key_is_refused_and_not_shown():
    box = LoginBox()
    box.field.widget.value = "two words"
    assert settings.current().api_key is None
    assert "one word" in box._message.value
    assert "two words" not in box._message.value


def test_a_click_without_a_key_says_what_to_do():
    box = LoginBox(check=False)
    button = box.box.children[0].children[1]
    box.field.widget.value = "  "
    button.click()
    assert "Paste the key" in box._message.value
    box.field.widget.value = "two words"
    button.click()
    assert "one word" in box._message.value
    box.field.widget.value = KEY
    button.click()
    assert "is kept for this session" in box._message.value


def test_a_key_in_the_keyring_serves_later_sessions(ring):
    settings.keep_key(KEY, store=True)
    settings.reset()
    assert settings.current().api_key == KEY
    assert ring.kept == {("pruna_nb", "https://api.pruna.ai"): KEY}


def test_the_keyring_is_asked_once_and_only_where_no_key_was_given(ring):
    settings.configure(api_key="given")
    settings.current()
    assert ring.asked == 0
    settings.reset()
    for _ in range(5):
        assert settings.current().api_key is None
    assert ring.asked == 1


def test_a_stored_key_goes_to_its_own_service_alone(ring):
    settings.keep_key(KEY, store=True)
    settings.reset()
    assert settings.current(base_url="https://api.pruna.ai.evil.example").api_key is None


def test_the_session_alone_leaves_the_keyring_as_it_is(ring):
    settings.keep_key(KEY)
    assert ring.kept == {}


def test_without_a_keyring_storing_says_what_to_do():
    with pytest.raises(SettingsError, match="no keyring"):
        pruna_nb.login(store=True)


def test_without_the_extra_storing_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(MissingExtraError, match=r"pruna_nb\[keyring\]"):
        pruna_nb.login(store=True)
    settings.reset()
    assert settings.current().api_key is None


def test_a_keyring_that_fails_is_no_key_and_is_told(ring, caplog):
    def fail(service, username):
        raise RuntimeError("the bus is gone")

    ring.get_password = fail
    assert settings.current().api_key is None
    assert "cannot be read" in caplog.text


def test_a_keyring_that_does_not_take_the_key_is_named(ring):
    def fail(service, username, password):
        raise RuntimeError("locked")

    ring.set_password = fail
    with pytest.raises(SettingsError, match="did not take the key") as caught:
        settings.keep_key(KEY, store=True)
    assert KEY not in str(caught.value)
    assert settings.current().api_key is None


def test_importing_the_package_asks_no_keyring():
    import subprocess

    code = "import sys, pruna_nb; print('keyring' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
