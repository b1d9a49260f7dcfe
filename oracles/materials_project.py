"""The Materials Project's calculated properties, by pymatgen's client (Jain et al., APL Mater. 1, 011002 (2013))."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

FIELDS = {
    "formation_energy": "formation_energy_per_atom",
    "energy_above_hull": "energy_above_hull",
    "band_gap": "band_gap",
    "density": "density",
    "bulk_modulus": "bulk_modulus",
    "shear_modulus": "shear_modulus",
}
"""Property to the Materials Project's field, in the same units; of moduli Hill's means count."""


def load_systems(systems: Sequence[str]) -> pd.DataFrame:
    """Return a row a formula of these chemical systems, such as "Li-O", with the columns `formula` and `FIELDS`.

    Of several crystals of one formula the one nearest to the hull counts, with all of its values.

    Raises ValueError for a system that is none, and without a key; OSError where the query fails.
    """
    import pandas as pd
    from pymatgen.core import SETTINGS
    from pymatgen.ext.matproj import MPRester

    if isinstance(systems, str) or not systems:
        raise ValueError(f"table: `materials_project` is a list of chemical systems, such as [Li-O], not {systems!r}")
    named = [_system(text) for text in systems]
    if not SETTINGS.get("PMG_MAPI_KEY"):
        raise ValueError(
            "table: the Materials Project asks for a key: have one at materialsproject.org/api, and set PMG_MAPI_KEY "
            "in the environment or in ~/.pmgrc.yaml"
        )
    fields = ["formula_pretty", *FIELDS.values()]
    try:
        with MPRester() as client:
            found = client.get_summary({"chemsys": ",".join(named)}, fields=fields)
    except Exception as reason:  # the network and the key fail in many ways
        raise OSError(f"table: the Materials Project cannot be asked: {type(reason).__name__}: {reason}") from reason
    if not found:
        raise ValueError(f"table: the Materials Project has nothing of {', '.join(named)}")
    nearest: dict[str, Mapping[str, Any]] = {}
    for entry in sorted(found, key=lambda entry: _number(entry.get("energy_above_hull")) or 0.0):
        nearest.setdefault(entry["formula_pretty"], entry)
    rows = [
        {"formula": formula, **{name: _number(entry.get(field)) for name, field in FIELDS.items()}}
        for formula, entry in sorted(nearest.items())
    ]
    return pd.DataFrame(rows).astype(dict.fromkeys(FIELDS, float))


def _system(text: str) -> str:
    """Return a chemical system as the Materials Project writes it, elements by the alphabet."""
    from pymatgen.core import Element

    elements = str(text).split("-")
    if not all(Element.is_valid_symbol(symbol) for symbol in elements):
        raise ValueError(f"table: {text!r} is no chemical system; write elements with hyphens, such as Li-Fe-O")
    return "-".join(sorted(elements))


def _number(value: Any) -> float | None:
    if isinstance(value, Mapping):
        value = value.get("vrh")
    return None if value is None else float(value)
