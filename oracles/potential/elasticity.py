"""Elastic moduli by finite strains."""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from oracles.evaluation import InfeasibleError
from oracles.potential.relaxation import Limits, relaxed_stress

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from oracles.potential.potential import Potential

STRAIN = 0.006
"""Amplitude of each of the six strains, to either side: stresses of some 0.1 GPa, and hardly a third order."""

TIGHTER = 0.4
"""Forces left in strained crystals, as a share of those left in the relaxed one: their differences are what counts."""


@dataclass(frozen=True)
class ElasticModuli:
    """Of a polycrystal, Hill's means of Voigt's and Reuss's bounds (R. Hill, Proc. Phys. Soc. A 65, 349 (1952)).

    bulk, shear, youngs: GPa. poisson: ratio. stiffness: the tensor of the single crystal in Voigt's notation, GPa.
    """

    bulk: float
    shear: float
    youngs: float
    poisson: float
    stiffness: np.ndarray


def elastic_moduli(potential: Potential, structure: Structure, limits: Limits) -> ElasticModuli:
    """Return the moduli of a relaxed crystal, positions relaxed in each of twelve strained cells.

    Raises `InfeasibleError` for a crystal that gives way to a strain (its stiffness is not positive definite: M. Born,
    Math. Proc. Camb. Philos. Soc. 36, 160 (1940)), and as `relax` does; `limits.seconds` is for all strains together.
    """
    from pymatgen.analysis.elasticity import ElasticTensor, Strain, Stress

    start = perf_counter()
    strains, stresses = [], []
    for component in range(6):
        for amplitude in (-STRAIN, STRAIN):
            voigt = np.zeros(6)
            voigt[component] = amplitude if component < 3 else 2 * amplitude
            strain = Strain.from_voigt(voigt)
            left = max(0.0, limits.seconds - (perf_counter() - start))
            within = replace(limits, max_force=TIGHTER * limits.max_force, seconds=left)
            strained = strain.get_deformation_matrix().apply_to_structure(structure)
            stresses.append(Stress(relaxed_stress(potential, strained, within)))
            strains.append(strain)
    tensor = ElasticTensor.from_independent_strains(strains, stresses)
    lowest = float(np.linalg.eigvalsh((tensor.voigt + tensor.voigt.T) / 2).min())
    if lowest <= 0:
        raise InfeasibleError(f"elastically unstable: a strain is met by a stiffness of {lowest:.3g} GPa")
    bulk, shear = float(tensor.k_vrh), float(tensor.g_vrh)
    return ElasticModuli(
        bulk=bulk,
        shear=shear,
        youngs=9 * bulk * shear / (3 * bulk + shear),
        poisson=(3 * bulk - 2 * shear) / (2 * (3 * bulk + shear)),
        stiffness=np.asarray(tensor.voigt, dtype=float),
    )
