"""The contract suite, run on every built-in oracle."""

import numpy as np
import pandas as pd
import pytest
from pymatgen.core import Composition, DummySpecies, Lattice, Structure

import oracles
from oracles.contract import OracleContract
from oracles.oracle import Oracle

ROCK_SALT = Structure.from_spacegroup(
    "Fm-3m", Lattice.cubic(5.65), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]
).get_primitive_structure()
DISORDERED = Structure(Lattice.cubic(4.2), [{"Na": 0.5, "K": 0.5}, "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
COINCIDENT = Structure(Lattice.cubic(4.2), ["Na", "Cl"], [[0, 0, 0], [0, 0, 0]])
DENSE = Structure(Lattice.cubic(1.2), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
NOT_FINITE = Structure(Lattice.cubic(4.2), ["Na", "Cl"], [[0, 0, 0], [np.nan, 0.5, 0.5]])
DUMMY = Composition({DummySpecies("X"): 1, "O": 2})


class TestPauling(OracleContract):
    good = (Composition("NaCl"), Composition("MgO"), ROCK_SALT, DISORDERED)
    bad = (Composition("HeNe"), DUMMY, Composition({}))

    def make(self) -> Oracle:
        return oracles.build("pauling")


class TestTable(OracleContract):
    good = (Composition("MgO"), Composition("Na2Cl2"), ROCK_SALT)
    bad = (Composition("KBr"), DUMMY, DISORDERED)

    def make(self) -> Oracle:
        frame = pd.DataFrame({"formula": ["ClNa", "MgO"], "band_gap": [8.5, 7.8], "voltage": [np.nan, 1.0]})
        return oracles.build("table", frame=frame)


class TestPython(OracleContract):
    good = (Composition("MgO"), Composition("NaCl"))
    bad = (Composition("KBr"), DISORDERED)

    @staticmethod
    def answer(materials: list) -> list:
        return [
            {"band_gap": 1.0} if (isinstance(m, Composition) and "O" in m) or m == Composition("NaCl")
            else ValueError("not mine")
            for m in materials
        ]  # fmt: skip

    def make(self) -> Oracle:
        return oracles.build("python", function=self.answer, properties=["band_gap"])


class TestSinglePoint(OracleContract):
    good = (Composition("NaCl"), ROCK_SALT, Composition("CaF2"))
    bad = (
        DISORDERED, COINCIDENT, DENSE, NOT_FINITE, DUMMY, Composition("HeNe"), Composition("PoO2"),
        Composition("Na17Cl19"), Composition("Na0.5Cl0.5"), Composition({}),
    )  # fmt: skip

    def make(self) -> Oracle:
        return oracles.build("chgnet", protocol="single_point", prototypes=3)

    def test_every_bad_material_fails_for_its_own_reason(self) -> None:
        reasons = [evaluation.error for evaluation in self.evaluate(self.bad)]
        expected = [
            "disordered", "", "A^3/atom", "not finite", "placeholder", "no reference for He, Ne",
            "no reference for Po", "no prototype", "fractional", "no atoms",
        ]  # fmt: skip
        assert all(part in reason for part, reason in zip(expected, reasons, strict=True)), reasons


class TestEquationOfState(OracleContract):
    good = (ROCK_SALT, Composition("NaCl"))
    bad = (COINCIDENT, Composition("HeNe"))

    def make(self) -> Oracle:
        return oracles.build("chgnet", protocol="equation_of_state", prototypes=2)


@pytest.mark.slow
class TestRelax(OracleContract):
    good = (ROCK_SALT, Composition("MgO"))
    bad = (COINCIDENT, Composition("HeNe"))

    def make(self) -> Oracle:
        return oracles.build("chgnet", protocol="relax", prototypes=2)
