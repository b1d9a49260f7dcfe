"""Spaces of crystals that the tests of this folder share."""

import pytest

from gfnmat import Candidates, CrystalSpace, GFlowNet

ELEMENTS = ["Li", "Na", "Mg", "Ti", "Fe", "O", "F", "S", "Cl"]


@pytest.fixture(scope="module")
def salt() -> CrystalSpace:
    return CrystalSpace(["Na", "Cl"], n_elements=(2, 2), n_atoms=(2, 2), crystal_systems=["cubic"])


@pytest.fixture(scope="module")
def salts(salt: CrystalSpace) -> Candidates:
    return salt.enumerate()


@pytest.fixture(scope="module")
def large() -> CrystalSpace:
    return CrystalSpace(ELEMENTS, n_elements=(2, 4), n_atoms=(3, 14))


@pytest.fixture(scope="module")
def sample(large: CrystalSpace) -> Candidates:
    """Crystals of all groups, and more of those of high symmetry than a sampler draws by itself."""
    batches = [GFlowNet(large, seed=seed).sample(100) for seed in range(3)]
    for system in ("trigonal", "hexagonal", "cubic"):
        space = CrystalSpace(ELEMENTS, n_elements=(2, 4), n_atoms=(3, 14), crystal_systems=[system])
        batches.append(GFlowNet(space, seed=7).sample(60))
    return Candidates.concatenate(batches)
