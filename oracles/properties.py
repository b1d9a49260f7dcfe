"""The properties that oracles answer: name, unit and physical bounds, each defined once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Property:
    """A named quantity.

    `lower` and `upper`, in `unit`, enclose every value that a real crystal can have, generously: a number
    outside them is a failed calculation and not a discovery.
    """

    name: str
    unit: str
    lower: float = -math.inf
    upper: float = math.inf
    description: str = ""

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise ValueError(f"a property's name is an identifier such as 'band_gap', not {self.name!r}")
        if not self.lower < self.upper:
            raise ValueError(f"{self.name}: the lower bound {self.lower} is not below the upper {self.upper}")

    def objection(self, value: float) -> str | None:
        """Return why `value` (in `unit`) is not physical; None if it is."""
        if not math.isfinite(value):
            return f"{self.name} is {value}"
        if not self.lower <= value <= self.upper:
            return (
                f"{self.name} is {value:.6g} {self.unit}, outside the physical range {self.lower:g} to {self.upper:g}"
            )
        return None


PROPERTIES: dict[str, Property] = {
    p.name: p
    for p in (
        Property("formation_energy", "eV/atom", -6.0, 4.0, "energy relative to the elements"),
        Property("energy_above_hull", "eV/atom", 0.0, 5.0, "energy above the competing phases"),
        Property("volume_per_atom", "A^3", 3.0, 200.0, "volume of the cell per atom"),
        Property("density", "g/cm3", 0.01, 30.0, "mass density"),
        Property("bulk_modulus", "GPa", 0.0, 600.0, "resistance to compression at equilibrium"),
        Property("shear_modulus", "GPa", 0.0, 600.0, "resistance to shear"),
        Property("youngs_modulus", "GPa", 0.0, 1500.0, "resistance to uniaxial strain"),
        Property("poisson_ratio", "1", -1.0, 0.5, "transverse over axial strain"),
        Property("hardness", "GPa", 0.0, 200.0, "Vickers hardness"),
        Property("band_gap", "eV", 0.0, 25.0, "between occupied and empty electronic states"),
        Property("refractive_index", "1", 0.5, 20.0, "at frequencies below the band gap"),
        Property("dielectric_constant", "1", 1.0, 5000.0, "relative static permittivity, polycrystalline"),
        Property("dielectric_electronic", "1", 1.0, 500.0, "electronic part of the relative permittivity"),
        Property("dielectric_total", "1", 1.0, 5000.0, "electronic and ionic relative permittivity"),
        Property("thermal_conductivity", "W/m/K", 0.0, 10_000.0, "lattice and electrons, room temperature"),
        Property("thermal_expansion", "1e-6/K", -100.0, 500.0, "linear, room temperature"),
        Property("debye_temperature", "K", 0.0, 3000.0, "from the elastic constants"),
        Property("melting_point", "K", 0.0, 5000.0, "melting or decomposition temperature"),
        Property("magnetization", "muB/atom", 0.0, 10.0, "magnetic moment per atom"),
        Property(
            "site_moment", "muB/atom", 0.0, 10.0, "mean size of the atoms' magnetic moments, whatever their order"
        ),
        Property(
            "lowest_phonon_frequency", "THz", -100.0, 200.0, "but for translations; negative: dynamically unstable"
        ),
        Property("ionic_conductivity", "S/cm", 0.0, 100.0, "room temperature"),
        Property("superconducting_temperature", "K", 0.0, 400.0, "critical temperature"),
        Property("price", "USD/kg", 0.0, 1e15, "of the elements in it, as they are traded"),
        Property("log_price", "log10(USD/kg)", -3.0, 15.0, "decimal logarithm of the price"),
        Property("abundance", "mg/kg", 0.0, 1e6, "of the scarcest element in the earth's crust"),
        Property("log_abundance", "log10(mg/kg)", -15.0, 6.0, "decimal logarithm of the abundance"),
        Property(
            "hhi_production", "1", 0.0, 10_000.0, "concentration of the elements' production (Herfindahl-Hirschman)"
        ),
        Property("hhi_reserve", "1", 0.0, 10_000.0, "concentration of the elements' reserves (Herfindahl-Hirschman)"),
        Property("voltage", "V", -5.0, 8.0, "average electrode potential"),
    )
}


def property_named(name: str) -> Property:
    """Return the property of this name; a name not in `PROPERTIES` is the user's own, without bounds."""
    return PROPERTIES.get(name) or Property(name, "")


def objection(values: Mapping[str, float]) -> str | None:
    """Return why some of `values` (property to number) cannot be physical; None if all can."""
    reasons = (property_named(name).objection(value) for name, value in values.items())
    return "; ".join(reason for reason in reasons if reason) or None
