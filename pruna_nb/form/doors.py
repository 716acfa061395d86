"""What a form needs of the room above, where tables are: handed in, never imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pruna_nb.batch.job import Outcome
    from pruna_nb.batch.run import Run
    from pruna_nb.form.sweep import Ask


class Estimate(Protocol):
    """What an ask would run and cost."""

    @property
    def rows(self) -> int:
        """Rows in all."""

    @property
    def hits(self) -> int:
        """Rows whose output is there."""

    @property
    def new(self) -> int:
        """Predictions that would be paid for."""

    @property
    def resumed(self) -> int:
        """Predictions that were sent before and would be taken up."""

    @property
    def cost_usd(self) -> float | None:
        """What the new ones cost; None if the price is not published."""

    @property
    def minutes(self) -> float:
        """What the limit alone takes."""


class Tables(Protocol):
    """Makes estimates, runs and frames of what is asked for."""

    def estimate(self, ask: Ask) -> Estimate:
        """Say what an ask would run and cost; sends nothing."""

    def begin(self, ask: Ask, places: Sequence[int]) -> Run:
        """Make the run of some places, not started yet."""

    def frame(self, ask: Ask, outcomes: Sequence[Outcome]) -> Any:
        """Give the frame of what was made."""

    def code(self, ask: Ask) -> str:
        """Give the Python that makes it again."""
