"""Calculators of ASE as oracles: against ASE itself, and CHGNet's own against the oracle that is built in."""

import json
import sqlite3

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.calculator import CalculationFailed, Calculator
from ase.calculators.emt import EMT
from ase.eos import EquationOfState
from ase.units import GPa
from pymatgen.core import Composition, Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor

import oracles
from gfnmat import Campaign
from gfnmat.config import ConfigError
from oracles.contract import OracleContract
from oracles.oracle import Oracle

EMT_PATH = "ase.calculators.emt:EMT"
CU = AseAtomsAdaptor.get_structure(bulk("Cu", a=3.65))
CU3AU = Structure(
    Lattice.cubic(3.75), ["Au", "Cu", "Cu", "Cu"], [[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
)
ROCK_SALT = Structure.from_spacegroup(
    "Fm-3m", Lattice.cubic(5.65), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]
).get_primitive_structure()


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GFNMAT_CACHE", str(tmp_path / "cache"))


class Crashing(Calculator):
    """A program that ends with an error."""

    implemented_properties = ["energy", "forces", "stress"]  # noqa: RUF012

    def __init__(self, device: str = "cpu", colour: str = "red") -> None:
        super().__init__()
        self.device = device

    def calculate(self, *args, **kwargs):
        raise CalculationFailed("segmentation fault")


class Energies(EMT):
    """Knows energies alone."""

    implemented_properties = ["energy"]  # noqa: RUF012


class TestEmt(OracleContract):
    good = (Composition("Cu3Au"), CU3AU, CU)
    bad = (Composition("NaCl"), ROCK_SALT, Composition("HeNe"))

    def make(self) -> Oracle:
        return oracles.build("ase", calculator=EMT_PATH)


def of_ase(structure: Structure) -> float:
    atoms = AseAtomsAdaptor.get_atoms(structure)
    atoms.calc = EMT()
    return atoms.get_potential_energy() / len(atoms)


def least_of_ase(symbol: str) -> tuple[float, float, float]:
    """Energy (eV/atom), volume (A^3) and bulk modulus (GPa) of fcc by ASE's own fit to its own energies."""
    volumes, energies = [], []
    for a in bulk(symbol).cell.cellpar()[0] * np.sqrt(2) * np.linspace(0.97, 1.03, 9):
        atoms = bulk(symbol, a=a)
        atoms.calc = EMT()
        volumes.append(atoms.get_volume())
        energies.append(atoms.get_potential_energy())
    volume, energy, modulus = EquationOfState(volumes, energies, "birchmurnaghan").fit()
    return energy, volume, modulus / GPa


def test_formation_energies_are_differences_of_ases_own_energies():
    (answer,) = oracles.build("ase", calculator=EMT_PATH).evaluate([CU3AU])
    expected = of_ase(CU3AU) - 0.75 * least_of_ase("Cu")[0] - 0.25 * least_of_ase("Au")[0]
    assert answer.values["formation_energy"] == pytest.approx(expected, abs=2e-4)


@pytest.mark.parametrize("symbol", ["Cu", "Al"])
def test_equations_of_state_are_ases_own(symbol):
    _, volume, modulus = least_of_ase(symbol)
    oracle = oracles.build("ase", calculator=EMT_PATH, protocol="equation_of_state")
    (answer,) = oracle.evaluate([AseAtomsAdaptor.get_structure(bulk(symbol))])
    assert answer.values["formation_energy"] == pytest.approx(0, abs=1e-4)
    assert answer.values["volume_per_atom"] == pytest.approx(volume, rel=2e-3)
    assert answer.values["bulk_modulus"] == pytest.approx(modulus, rel=0.03)


def test_relaxation_finds_the_cell_and_says_by_what(tmp_path):
    oracle = oracles.build(
        "ase", calculator=EMT_PATH, arguments={"asap_cutoff": True}, protocol="relax", max_force=0.01
    )
    stretched = CU3AU.copy().apply_strain([0.03, 0, 0], inplace=False)
    (answer,) = oracle.evaluate([stretched])
    assert answer.structure.lattice.a == pytest.approx(answer.structure.lattice.b, rel=1e-3)
    assert answer.provenance["potential"] == EMT_PATH
    assert json.loads(answer.provenance["arguments"]) == {"asap_cutoff": True}
    assert answer.provenance["ase"]


@pytest.mark.parametrize("protocol", ["single_point", "equation_of_state"])
def test_chgnets_own_calculator_agrees_with_the_oracle_that_is_built_in(protocol):
    own = oracles.build(
        "ase", calculator="chgnet.model.dynamics:CHGNetCalculator", arguments={"verbose": False}, protocol=protocol,
        device="cpu",
    )  # fmt: skip
    (mine,), (its,) = oracles.build("chgnet", protocol=protocol).evaluate([ROCK_SALT]), own.evaluate([ROCK_SALT])
    assert own.potential.provenance["device"] == "cpu"
    for name, value in mine.values.items():
        assert its.values[name] == pytest.approx(value, rel=2e-3, abs=2e-3)


def test_references_are_computed_once_and_kept_by_arguments(tmp_path):
    oracles.build("ase", calculator=EMT_PATH).evaluate([CU3AU])
    file = tmp_path / "cache" / "element_references.db"
    rows = sqlite3.connect(file).execute("SELECT name, result FROM computed").fetchall()
    assert {name: json.loads(kept)["energy"] for name, kept in rows} == {
        symbol: pytest.approx(least_of_ase(symbol)[0], abs=2e-4) for symbol in ("Cu", "Au")
    }
    second = oracles.build("ase", calculator=EMT_PATH)
    second.potential.energies = None  # must not be asked
    assert second.potential.references.elements["Cu"].energy == pytest.approx(least_of_ase("Cu")[0], abs=2e-4)
    oracles.build("ase", calculator=EMT_PATH, arguments={"asap_cutoff": True}).evaluate([CU])
    assert len(sqlite3.connect(file).execute("SELECT DISTINCT level FROM computed").fetchall()) == 2


def test_an_element_that_it_does_not_know_is_the_materials_fault_and_a_crash_is_not():
    unknown, known = oracles.build("ase", calculator=EMT_PATH).evaluate([ROCK_SALT, CU])
    assert unknown.status == "infeasible"
    assert "no reference for Na" in unknown.error or "no reference for Cl" in unknown.error
    assert known.status == "done"
    for protocol in ("single_point", "relax"):
        (crashed,) = oracles.build("ase", calculator=f"{__name__}:Crashing", protocol=protocol).evaluate([CU])
        assert crashed.status == "retryable"
        assert "segmentation fault" in crashed.error


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"calculator": "ase.calculators.emt"}, "`calculator` is 'module:name', such as 'ase.calculators.emt:EMT'"),
        ({"calculator": "nowhere:EMT"}, "`calculator`: cannot import 'nowhere'"),
        ({"calculator": "ase.calculators.emt:Emt"}, "has no 'Emt'"),
        ({"calculator": "ase.build:bulk", "arguments": {"name": "Cu"}}, "makes a Atoms, which is no ASE calculator"),
        ({"calculator": f"{__name__}:Crashing", "arguments": {"color": "red"}}, "makes no calculator .* 'color'"),
        ({"calculator": EMT_PATH, "device": "cuda"}, "has no argument device or use_device"),
        ({"calculator": EMT_PATH, "protocol": "md"}, "unknown protocol of the oracle ase 'md'"),
        ({"calculator": f"{__name__}:Energies", "protocol": "relax"}, "no forces and no stress, needed for .* relax"),
        ({"calculator": f"{__name__}:Energies", "competing_phases": "guessed"}, "needed for `competing_phases`"),
    ],
)
def test_a_calculator_that_cannot_be_is_refused_at_once(settings, reason):
    with pytest.raises(ValueError, match=reason):
        oracles.build("ase", **settings)


def test_a_module_beside_the_campaign_file_is_found(tmp_path):
    (tmp_path / "my_calculators.py").write_text(
        "from ase.calculators.emt import EMT\n\n\ndef make(shift):\n    assert shift == 0\n    return EMT()\n"
    )
    oracle = oracles.build("ase", calculator="my_calculators:make", arguments={"shift": 0}, path=tmp_path)
    assert oracle.evaluate([CU])[0].status == "done"
    with pytest.raises(ValueError, match=r"makes no calculator of the arguments \{'shift': 1\}"):
        oracles.build("ase", calculator="my_calculators:make", arguments={"shift": 1}, path=tmp_path)


def test_energies_alone_do_for_equations_of_state():
    (answer,) = oracles.build("ase", calculator=f"{__name__}:Energies", protocol="equation_of_state").evaluate([CU])
    assert answer.values["bulk_modulus"] > 100


def test_alloys_in_a_campaign(tmp_path):
    content = {
        "name": "alloys",
        "store": f"sqlite:///{tmp_path / 'campaign.db'}",
        "space": {
            "kind": "composition", "elements": ["Cu", "Au", "Pd", "Ni"], "n_elements": [2, 2], "n_atoms": [2, 4],
            "chemistry": "any",
        },
        "objectives": [{"property": "formation_energy", "goal": "minimize"}],
        "fidelities": [{"name": "emt", "oracle": "ase", "calculator": EMT_PATH, "cost": 1}],
        "acquisition": {"kind": "random", "batch_size": 4},
        "proposer": {"kind": "random"},
        "budget": {"cost": 8},
    }  # fmt: skip
    campaign = Campaign.open(content)
    campaign.run()
    assert set(campaign.measurements().status) == {"done"}
    content["fidelities"][0]["calculator"] = "nowhere:EMT"
    content["store"] = f"sqlite:///{tmp_path / 'other.db'}"
    with pytest.raises(ConfigError, match=r"emt: .*cannot import 'nowhere'"):
        Campaign.open(content)
