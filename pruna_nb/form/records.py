"""What a form made, as frames: its round, its history, what is selected, what is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pruna_nb.form.rounds import Round, chosen_of, history_of, selected_of

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from pruna_nb.form.board import Board
    from pruna_nb.form.controls import Controls
    from pruna_nb.form.keeping import Keeping
    from pruna_nb.form.tables import SweepTables


class Records:
    """The frames of a form, which has the parts that they are made of."""

    _tables: SweepTables
    _controls: Controls
    _keeping: Keeping
    _board: Board
    _lock: threading.RLock
    _rounds: list[Round]
    _round: Round | None

    @property
    def frame(self) -> Any:
        """What the round on the screen made, like the frame of ``df.pruna.generate``."""
        shown = self._round
        return self._empty() if shown is None else shown.frame()

    @property
    def history(self) -> Any:
        """What all rounds made, in one frame, with the columns ``round`` and ``model`` in front."""
        with self._lock:
            rounds = list(self._rounds)
        return history_of(rounds, self._empty())

    @property
    def selected(self) -> Any:
        """The rows of `history` whose pictures are selected, of whatever round."""
        with self._lock:
            return selected_of(list(self._rounds), self._empty())

    @property
    def kept(self) -> Any:
        """The favourites as a frame: what was kept here, also before the kernel's last restart."""
        with self._lock:
            outcomes = [outcome for each in self._rounds for outcome in each.outcomes]
        return self._keeping.frame(outcomes)

    def keep(self, places: Sequence[int] | None = None) -> None:
        """Keep pictures as favourites, as their buttons do; they outlive the kernel.

        Parameters
        ----------
        places : sequence of int, optional
            Rows of `history`, counted from 0. None: those that are selected.

        Raises
        ------
        CacheError
            If it cannot be written.
        """
        with self._lock:
            chosen = chosen_of(self._rounds, places)
        for each, number in chosen:
            self._keeping.turn(each, number, kept=True)
        self._board.mark_kept()

    def _empty(self) -> Any:
        return self._tables.frame(self._controls.empty_sweep(), [])
