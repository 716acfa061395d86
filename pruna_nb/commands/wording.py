"""Messages in the words of a shell: arguments as options, calls as commands."""

from __future__ import annotations

import re

from pruna_nb.commands.parameters import GENERATE_ARGUMENTS, flag_of

# Names that are words too ("the model", "a prompt") are meant only where something is set.
_NAMED = re.compile(
    rf"\b({'|'.join(name if '_' in name else f'{name}(?==)' for name in GENERATE_ARGUMENTS)})"
    r"(?!\w)(=?)([^\s,.;)]*(?:\.\d+)?)"
)
# What the package's messages say to do in Python, and what does the same here.
_COMMANDS = [
    (re.compile(pattern), instead)
    for pattern, instead in (
        (
            r"Call pruna_nb\.login\(\) or pruna_nb\.configure\(api_key=\.\.\.\)",
            "Run `pruna-nb login`",
        ),
        (r",? or (?:call pruna_nb\.)?configure\(api_key=\.\.\.\)(?: in this process)?", ""),
        (r"(?:pruna_nb\.)?login\(\)", "`pruna-nb login`"),
        (r", or pruna_nb\.use_emulator\(\) in a notebook", ""),
        (r"add it with pruna_nb\.register_model\(.*?\) or pass unchecked", "give unchecked"),
        (r"pruna_nb\.models\(\)", "`pruna-nb models`"),
        (r"Call retry\(\)", "Run `pruna-nb retry`"),
        (r"Rename them: df\.rename\(columns=\{.*?\}\)", "Rename them in the table's file"),
    )
]


def in_shell_words(text: str) -> str:
    """Return a message as the command line says it: ``max_cost_usd=5`` is ``--max-cost 5`` here.

    Examples
    --------
    >>> in_shell_words("Call retry(), or give max_cost_usd=5.")
    'Run `pruna-nb retry`, or give --max-cost 5.'
    """

    def option(found: re.Match[str]) -> str:
        name, is_set, value = found.groups()
        flag = flag_of(name) or name
        return f"{flag} {value}" if is_set and value not in ("", "True") else flag

    for pattern, instead in _COMMANDS:
        text = pattern.sub(instead, text)
    return _NAMED.sub(option, text)
