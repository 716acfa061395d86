"""Login: the key goes to the settings or the keyring, and nowhere else."""

from __future__ import annotations

import getpass
import sys

import keyring
import pytest
from keyring.backend import KeyringBackend

import pruna_nb
from pruna_nb import settings
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


def test_a_terminal_asks_without_showing(monkeypatch, capsys):
    monkeypatch.setattr(getpass, "getpass", lambda prompt: KEY)
    pruna_nb.login()
    assert settings.current().api_key == KEY
    assert KEY not in capsys.readouterr().out


def test_the_field_hands_the_key_on_and_is_empty_again():
    said = []
    box = LoginBox(done=said.append)
    box.field.widget.value = f" {KEY}\n"
    assert settings.current().api_key == KEY
    assert box.field.widget.value == ""
    assert said == ["The key for https://api.pruna.ai is kept for this session."]


def test_no_widget_holds_the_key_afterwards():
    box = LoginBox()
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
    box = LoginBox()
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
