"""Where a key is found that nobody gave: `.env`, Colab's and Kaggle's secrets, the keyring."""

from __future__ import annotations

import os
import sys
import types

import pytest

import pruna_nb
from pruna_nb import errors, settings
from pruna_nb.settings import current, dotenv, keyrings

KEY = "pk-of-the-file-123"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Stand in an empty folder of the test's own."""
    place = tmp_path / "project"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def colab(monkeypatch):
    """Be on Colab, with the secrets that the test puts there; count the questions."""
    secrets, asked = {}, []

    class SecretNotFoundError(Exception):
        pass

    def get(name):
        asked.append(name)
        if name not in secrets:
            raise SecretNotFoundError(name)
        return secrets[name]

    userdata = types.ModuleType("google.colab.userdata")
    userdata.get = get  # type: ignore[attr-defined]
    package = types.ModuleType("google.colab")
    package.userdata = userdata  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "google.colab", package)
    monkeypatch.setitem(sys.modules, "google.colab.userdata", userdata)
    return secrets, asked


@pytest.fixture
def kaggle(monkeypatch):
    """Be on Kaggle, with the secrets that the test puts there."""
    secrets = {}

    class UserSecretsClient:
        def get_secret(self, label):
            if label not in secrets:
                raise RuntimeError(f"No user secrets exist for {label}")
            return secrets[label]

    module = types.ModuleType("kaggle_secrets")
    module.UserSecretsClient = UserSecretsClient  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "kaggle_secrets", module)
    return secrets


def test_each_place_counts_before_the_next(folder, monkeypatch, colab, kaggle):
    def ring(_url):
        return "keyring"

    monkeypatch.setattr(keyrings, "stored_key", ring)
    seen = []

    def look():
        settings.reset()
        seen.append(current().api_key)

    look()
    kaggle["PRUNA_API_KEY"] = "kaggle"
    look()
    colab[0]["PRUNA_API_KEY"] = "colab"
    look()
    (folder / ".env").write_text("PRUNA_API_KEY=dotenv\n")
    look()
    monkeypatch.setenv("PRUNA_API_KEY", "environment")
    look()
    settings.configure(api_key="configure")
    seen.append(current().api_key)
    with settings.configure(api_key="with"):
        seen.append(current().api_key)
    assert seen == ["keyring", "kaggle", "colab", "dotenv", "environment", "configure", "with"]


@pytest.mark.parametrize(
    "line",
    [
        f"PRUNA_API_KEY={KEY}",
        f"PRUNA_API_KEY = {KEY}",
        f'export PRUNA_API_KEY="{KEY}"',
        f"PRUNA_API_KEY='{KEY}'  # mine",
        f"PRUNA_API_KEY={KEY} # mine",
        f"PRUNA_API_KEY={KEY}\r",
        f"\ufeffPRUNA_API_KEY={KEY}",
        f"OTHER=1\n# PRUNA_API_KEY=old\nPRUNA_API_KEY=older\nPRUNA_API_KEY={KEY}\nMORE=2",
    ],
)
def test_a_line_of_a_dotenv_file_is_read_as_it_is_usually_written(folder, line):
    (folder / ".env").write_bytes(f"{line}\n".encode())
    assert current().api_key == KEY


@pytest.mark.parametrize("text", ["", "PRUNA_API_KEY=\n", "#PRUNA_API_KEY=a\n", "API_KEY=a", "\0"])
def test_a_file_without_a_key_gives_none(folder, text):
    (folder / ".env").write_text(text)
    assert current().api_key is None


def test_nothing_of_a_dotenv_file_is_executed_expanded_or_put_into_the_environment(folder):
    before = dict(os.environ)
    (folder / ".env").write_text("OTHER=a\nPRUNA_API_KEY=$(mkdir${IFS}made)${HOME}`id`\n")
    assert current().api_key == "$(mkdir${IFS}made)${HOME}`id`"
    assert dict(os.environ) == before
    assert sorted(path.name for path in folder.iterdir()) == [".env"]


def test_a_file_above_the_working_folder_is_found_and_the_nearest_counts(folder, monkeypatch):
    (folder / ".env").write_text("PRUNA_API_KEY=above\n")
    inner = folder / "notebooks"
    inner.mkdir()
    monkeypatch.chdir(inner)
    (inner / ".env").write_text("SOMETHING=else\n")
    assert current().api_key == "above"
    settings.reset()
    (inner / ".env").write_text("PRUNA_API_KEY=near\n")
    assert current().api_key == "near"


def test_nothing_above_the_home_folder_is_looked_at(folder, monkeypatch):
    (folder / ".env").write_text(f"PRUNA_API_KEY={KEY}\n")
    home = folder / "home" / "me"
    home.mkdir(parents=True)
    monkeypatch.chdir(home)
    monkeypatch.setattr(dotenv.Path, "home", lambda: home)
    assert current().api_key is None


def test_a_file_that_was_found_stays_in_force_where_the_program_goes(folder, tmp_path, monkeypatch):
    (folder / ".env").write_text(f"PRUNA_API_KEY={KEY}\n")
    current()
    monkeypatch.chdir(tmp_path)
    assert current().api_key == KEY


def test_a_key_that_is_added_to_the_file_is_found_by_the_next_call(folder):
    with pytest.raises(errors.MissingKeyError, match=r"a \.env file of the working folder"):
        pruna_nb.Client()
    (folder / ".env").write_text(f"PRUNA_API_KEY={KEY}\n")
    assert pruna_nb.Client().settings.api_key == KEY


def test_folders_of_a_file_begin_where_it_lies(folder, monkeypatch):
    monkeypatch.delenv("PRUNA_NB_CACHE_DIR")
    (folder / ".env").write_text("PRUNA_NB_CACHE_DIR=kept\n")
    inner = folder / "notebooks"
    inner.mkdir()
    monkeypatch.chdir(inner)
    assert current().cache_dir == folder / "kept"


def test_the_address_of_a_file_gets_its_own_key_alone(folder, monkeypatch, caplog):
    """A folder from anybody must not lead a key of the user's to an address of theirs."""
    (folder / ".env").write_text("PRUNA_API_URL=https://elsewhere.example\n")
    monkeypatch.setenv("PRUNA_API_KEY", "mine")
    assert current().base_url == "https://api.pruna.ai"
    assert "PRUNA_API_URL" in caplog.text
    (folder / ".env").write_text(f"PRUNA_API_URL=https://elsewhere.example\nPRUNA_API_KEY={KEY}\n")
    assert current().base_url == "https://api.pruna.ai"
    monkeypatch.delenv("PRUNA_API_KEY")
    assert (current().base_url, current().api_key) == ("https://elsewhere.example", KEY)
    settings.configure(api_key="mine")
    assert current().base_url == "https://api.pruna.ai"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no pipes in folders")
def test_a_pipe_of_that_name_stops_nobody(folder):
    os.mkfifo(folder / ".env")
    assert current().api_key is None


def test_another_users_file_is_not_read(folder, monkeypatch):
    (folder / ".env").write_text(f"PRUNA_API_KEY={KEY}\n")
    monkeypatch.setattr(dotenv, "_owner_of", lambda known: 4_000)
    monkeypatch.setattr(dotenv.os, "getuid", lambda: 5_000, raising=False)
    assert current().api_key is None
    monkeypatch.setattr(dotenv.os, "getuid", lambda: 4_000, raising=False)
    assert current().api_key == KEY


def test_a_key_of_a_file_is_in_no_repr(folder):
    (folder / ".env").write_text(f"PRUNA_API_KEY={KEY}\n")
    assert KEY not in repr(current())
    assert KEY not in repr(dotenv.from_dotenv({"api_key": "PRUNA_API_KEY"}))


def test_colab_is_asked_once_and_only_where_no_key_was_given(folder, colab):
    secrets, asked = colab
    secrets["PRUNA_API_KEY"] = "colab"
    settings.configure(api_key="given")
    current()
    assert asked == []
    settings.reset()
    assert [current().api_key for _ in range(3)] == ["colab"] * 3
    assert asked == ["PRUNA_API_KEY"]


def test_colab_is_known_by_its_environment_too_but_asked_from_a_kernel_alone(
    folder, tmp_path, monkeypatch
):
    package = tmp_path / "site" / "google" / "colab"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "userdata.py").write_text("def get(name):\n    return 'key-of-' + name\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release-colab")
    monkeypatch.delitem(sys.modules, "ipykernel.kernelapp", raising=False)
    for name in ("google", "google.colab", "google.colab.userdata"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
        monkeypatch.delitem(sys.modules, name)  # and it is gone again after the test
    assert current().api_key is None
    monkeypatch.setitem(sys.modules, "ipykernel.kernelapp", types.ModuleType("kernelapp"))
    settings.reset()
    assert current().api_key == "key-of-PRUNA_API_KEY"


def test_a_secret_that_is_added_on_colab_is_found_after_a_call_that_missed_it(folder, colab):
    secrets, asked = colab
    assert [current().api_key for _ in range(3)] == [None] * 3
    assert len(asked) == 1
    with pytest.raises(errors.MissingKeyError):
        pruna_nb.Client()
    secrets["PRUNA_API_KEY"] = "colab"
    assert pruna_nb.Client().settings.api_key == "colab"


def test_a_found_key_pays_for_a_prediction(folder, kaggle):
    from pruna_nb import emulator

    kaggle["PRUNA_API_KEY"] = KEY
    with emulator.running(fast=True, latency=0, keys=[KEY]) as service:
        settings.configure(base_url=service.url)
        assert pruna_nb.generate("a lion").path.exists()
        assert service.charged == 1


def test_elsewhere_no_host_is_asked(folder):
    assert current().api_key is None
    assert "google.colab" not in sys.modules
    assert "kaggle_secrets" not in sys.modules
