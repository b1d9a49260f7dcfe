"""What a store holds of a campaign, kept up to date by reading only what is new."""

from __future__ import annotations

from gfnmat.campaign.goals import Goals
from gfnmat.campaign.history import History
from gfnmat.campaign.records import Measurement, Suggestion
from gfnmat.campaign.store import Store


class Memory:
    """Reads a store by and by: numbers ascend in the order of the commits, so that what was read need not be again.

    Args:
        goals: objectives and constraints of the campaign.
        store: where it lives.
    """

    def __init__(self, goals: Goals, store: Store) -> None:
        self._goals = goals
        self._store = store
        self._issued: dict[int, Suggestion] = {}
        self._measured: dict[int, Measurement] = {}
        self._places = (0, 0)
        self._history = History(goals, (), ())

    def history(self) -> History:
        """Everything that is known now, of this and of all other processes."""
        last_issued, last_told = self._places
        told = self._store.answers(after=last_told)  # first, so that what they answer is among what is read next
        issued = self._store.suggestions(after=last_issued)
        if told or issued:
            self._issued |= {suggestion.id: suggestion for suggestion in issued}
            self._places = (issued[-1].id if issued else last_issued, told[-1][0] if told else last_told)
            self._measured |= {number: Measurement(self._issued[number], answer) for _, number, answer in told}
            measured = [self._measured[number] for number in sorted(self._measured)]
            self._history = History(self._goals, tuple(self._issued.values()), measured)
        return self._history
