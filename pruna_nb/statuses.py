"""What may become of a request, in one list for runs, frames, grids and forms.

They are the service's own words, and "skipped" (not asked for: an empty prompt, or an earlier step
that failed), "lost" (sent, and nobody knows what became of it) and "pending" (not sent yet, or not
delivered yet).
"""

from __future__ import annotations

from typing import Literal, cast, get_args

Status = Literal["succeeded", "failed", "canceled", "skipped", "lost", "pending"]
STATUSES: frozenset[str] = frozenset(get_args(Status))
FAILED = frozenset({"failed", "canceled", "lost", "pending"})
"""The statuses of rows that were requested and have no output; a user's own word is not one."""


def status_of(status: object, output: object, error: object = None) -> Status:
    """Return a row's status; of a row that has none, what its output and its error say.

    It is never "pending" then: nobody is at work on it.

    Examples
    --------
    >>> status_of("lost", None), status_of(None, None), status_of("mine", "fox.png")
    ('lost', 'skipped', 'succeeded')
    """
    if isinstance(status, str) and status in get_args(Status):
        return cast("Status", status)
    if output:
        return "succeeded"
    return "failed" if error else "skipped"
