"""Magnetic moments by CHGNet."""

import pytest
from ase.build import bulk
from pymatgen.core import Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor

import oracles
from oracles.potential.ase_calculator import AsePotential
from oracles.potential.chgnet import load_model
from oracles.potential.oracle import PotentialOracle

IRON = AseAtomsAdaptor.get_structure(bulk("Fe", a=2.83))
SALT = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.65), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])


def test_they_are_those_of_the_model_and_of_iron():
    plain = oracles.build("chgnet").evaluate([IRON, SALT])
    iron, salt = oracles.build("chgnet", moments=True).evaluate([IRON, SALT])
    assert iron.values["site_moment"] == pytest.approx(2.2, abs=0.3)  # measured: 2.2 muB
    assert salt.values["site_moment"] < 0.05
    own = load_model("cpu").predict_structure(IRON, task="em")["m"]
    assert iron.values["site_moment"] == pytest.approx(float(abs(own).mean()), abs=1e-4)
    assert "site_moment" not in plain[0].values
    assert iron.values["formation_energy"] == plain[0].values["formation_energy"]


def test_a_potential_that_knows_none_is_refused():
    with pytest.raises(ValueError, match="this potential knows none"):
        PotentialOracle(AsePotential("ase.calculators.emt:EMT"), moments=True)
