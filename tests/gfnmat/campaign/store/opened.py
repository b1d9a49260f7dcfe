"""A store that is opened, and what is put into it."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from pymatgen.core import Lattice, Structure

from gfnmat.campaign.records import Choice
from gfnmat.campaign.store import Store, owner
from tests.gfnmat.campaign.faults.clock import JumpingClock

LADDER = ["cheap", "dear"]
IDENTITY = {"seed": 0, "space": {"elements": ["Li", "O"]}}
MGO = Structure.from_spacegroup("Fm-3m", Lattice.cubic(4.21), ["Mg", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]])


def choice(formula: str = "MgO", rung: int = 1) -> Choice:
    return Choice(formula, formula, rung, cost=1.5, means={"density": 3.5}, sds={"density": 0.2}, why="it looks light")


def crystal(key: str, structure: Structure | None = MGO) -> Choice:
    return replace(choice(), key=key, space_group="Fm-3m", structure=structure)


class OpenedStore:
    """Subclass it with a fixture `reopened`: each call opens the same place anew."""

    @pytest.fixture
    def store(self, reopened: Callable[[], Store]) -> Store:
        opened = reopened()
        opened.open("mine", IDENTITY, {"torch": "2.13"})
        return opened

    @pytest.fixture
    def again(self, reopened: Callable[[], Store]) -> Callable[[], Store]:
        def open_again() -> Store:
            opened = reopened()
            opened.open("mine", IDENTITY, {"torch": "a later one"})
            return opened

        return open_again

    @pytest.fixture
    def owners(self) -> Iterator[list[str]]:
        both = [owner.take_up(), owner.take_up()]
        yield both
        for one in both:
            owner.retire(one)

    @pytest.fixture
    def clock(self, monkeypatch: pytest.MonkeyPatch) -> JumpingClock:
        clock = JumpingClock()
        monkeypatch.setattr("gfnmat.campaign.store.clock.now", lambda connection: clock.timestamp())
        return clock
