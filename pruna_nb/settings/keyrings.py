"""The system's keyring, where `pruna_nb.login` may have put a key."""

from __future__ import annotations

from pruna_nb.console import LOG
from pruna_nb.errors import MissingExtraError, SettingsError

_KEYRING = "pruna_nb"
# What the keyring held, by address: it is asked once, and only where no key was given.
_STORED: dict[str, str | None] = {}


def stored_key(base_url: str) -> str | None:
    """Return the key that the system's keyring holds for an address; None if there is none."""
    if base_url not in _STORED:
        try:
            import keyring
        except ImportError:
            # Not kept in _STORED: a notebook may install the package and ask again.
            return None
        try:
            _STORED[base_url] = keyring.get_password(_KEYRING, base_url) or None
        except keyring.errors.NoKeyringError:  # then nothing was ever put into one
            _STORED[base_url] = None
        except Exception as error:  # noqa: BLE001 - every system's keyring fails in its own way
            LOG.warning("the system's keyring cannot be read (%s)", type(error).__name__)
            _STORED[base_url] = None
    return _STORED[base_url]


def check_keyring() -> None:
    """Raise unless there is a keyring to keep a key in.

    Raises
    ------
    MissingExtraError
        If the package is not installed.
    SettingsError
        If the system has none.
    """
    try:
        import keyring
        from keyring.backends import fail, null
    except ImportError as error:
        raise MissingExtraError("login(store=True)", "keyring") from error
    # The package always has one: `fail` where the system has none, `null` where it is turned off.
    if isinstance(keyring.get_keyring(), (fail.Keyring, null.Keyring)):
        msg = (
            "This system has no keyring to keep the key in. login() without store=True keeps it "
            "for the session; PRUNA_API_KEY in the environment keeps it for good."
        )
        raise SettingsError(msg)


def store_key(base_url: str, api_key: str) -> None:
    """Store a key in the system's keyring, for an address.

    Raises
    ------
    MissingExtraError, SettingsError
        If there is no keyring, or it does not take the key.
    """
    check_keyring()
    import keyring

    try:
        keyring.set_password(_KEYRING, base_url, api_key)
    except Exception as error:
        msg = f"The system's keyring did not take the key ({type(error).__name__})."
        raise SettingsError(msg) from error
    _STORED[base_url] = api_key


def forget() -> None:
    """Forget what the keyring held."""
    _STORED.clear()
