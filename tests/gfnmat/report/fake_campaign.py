"""A campaign that was never run: it answers what a report asks, from fixed data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from pymatgen.core import Lattice, Structure

from gfnmat.campaign_file import load
from gfnmat.config import CampaignConfig
from gfnmat.problem import Problem

TWO_OBJECTIVES = [
    {"property": "bulk_modulus", "goal": "maximize"},
    {"property": "density", "goal": "minimize"},
]
ONE_OBJECTIVE = TWO_OBJECTIVES[:1]


def config(
    name: str = "stiff", objectives: Sequence[dict[str, Any]] = TWO_OBJECTIVES, space: dict[str, Any] | None = None
) -> CampaignConfig:
    return load(
        {
            "name": name,
            "space": space or {"elements": ["Li", "Be", "B", "N", "O"]},
            "objectives": list(objectives),
            "constraints": [{"property": "formation_energy", "max": -0.5}],
            "fidelities": [
                {"name": "quick", "oracle": "chgnet", "protocol": "single_point", "cost": 0.1},
                {"name": "relaxed", "oracle": "chgnet", "protocol": "relax", "cost": 1},
            ],
            "budget": {"cost": 20, "rounds": 4},
        }
    )


def measured(
    formula: str,
    bulk_modulus: float | None = None,
    density: float | None = None,
    formation_energy: float = -1.0,
    *,
    fidelity: str = "relaxed",
    status: str = "done",
    round: int = 0,
    error: str | None = None,
) -> dict[str, Any]:
    return {
        "formula": formula,
        "fidelity": fidelity,
        "status": status,
        "cost": 1.0 if fidelity == "relaxed" else 0.1,
        "round": round,
        "bulk_modulus": bulk_modulus,
        "density": density,
        "formation_energy": formation_energy if status == "done" else None,
        "seconds": 0.5,
        "error": error,
    }


ROWS = (
    measured("Li2O", 80, 2.0, fidelity="quick"),
    measured("BeO", 210, 3.0),
    measured("LiBO2", 100, 1.0, round=1),
    measured("BN", 390, 3.4, formation_energy=-0.2, round=1),
    measured("Li3N", status="infeasible", error="no relaxation of Li3N after 200 steps", round=1),
    measured("Be3N2", status="infeasible", error="no relaxation of Be3N2 after 150 steps", round=2),
    measured("B2O3", 150, 2.5, round=2),
    measured("BeB2O4", 140, 2.6, round=2),
    measured("LiN3", status="withdrawn", error="told as withdrawn", round=2),
)


def crystal(number: int, row: dict[str, Any], space_group: str, duplicate_of: int | None = None) -> dict[str, Any]:
    """A measurement of a crystal: what `measured` gives, with what tells crystals apart."""
    key = f"{row['formula']}|{space_group}|{number}"
    return {**row, "space_group": space_group, "key": key, "duplicate_of": duplicate_of}


CRYSTALS = (
    crystal(1, measured("BeO", 210, 3.0), "P6_3mc"),
    crystal(2, measured("BeO", 190, 2.8), "Fm-3m"),
    crystal(3, measured("BeO", 230, 2.9), "P1", duplicate_of=1),
    crystal(4, measured("BN", 20, 3.4, formation_energy=-0.1), "P1"),
)


@dataclass(frozen=True)
class FakeCampaign:
    config: CampaignConfig = field(default_factory=config)
    rows: Sequence[dict[str, Any]] = ROWS

    @property
    def problem(self) -> Problem:
        return self.config.problem

    def measurements(self) -> pd.DataFrame:
        frame = pd.DataFrame(list(self.rows), columns=list(self.rows[0] if self.rows else measured("H")))
        numbers = ["bulk_modulus", "density", "formation_energy"]
        frame = frame.astype(dict.fromkeys(numbers, float))
        if "duplicate_of" in frame:
            frame = frame.astype({"duplicate_of": "Int64"})
        frame.insert(0, "id", range(1, len(frame) + 1))
        return frame

    def structures(self) -> dict[str, Structure]:
        if not self.rows:
            return {}
        return {
            "BeO-1" if "key" in self.rows[0] else "BeO": Structure.from_spacegroup(
                "P6_3mc", Lattice.hexagonal(2.7, 4.4), ["Be", "O"], [[1 / 3, 2 / 3, 0], [1 / 3, 2 / 3, 0.38]]
            )
        }

    def trust(self) -> pd.DataFrame:
        rows = [
            {"round": n, "property": "density", "fidelity": "relaxed", "n": 3 * n, "mae": 0.25 / n, "crps": 0.1,
             "coverage": 0.8, "rank_correlation": 0.5 if n > 1 else None}
            for n in range(1, 3 if self.rows else 1)
        ]  # fmt: skip
        names = ["round", "property", "fidelity", "n", "mae", "crps", "coverage", "rank_correlation"]
        return pd.DataFrame(rows, columns=names).astype({"rank_correlation": float})

    def rounds(self) -> pd.DataFrame:
        rows = [
            {
                "round": n,
                "evaluations": 3,
                "spent": 3.0 * n,
                "seconds": 2.0,
                "loss": None if n == 0 else 1.0 / n,
                "log_z": 3.0,
                "pool": 900,
                "distinct": 0.9,
                "coverage": None if n == 0 else 0.8,
                "rank_correlation": None if n == 0 else -0.1 * n,
            }
            for n in range(3 if self.rows else 0)
        ]
        columns = ["round", "evaluations", "spent", "seconds", "loss", "log_z", "pool", "distinct"]
        return pd.DataFrame(rows, columns=[*columns, "coverage", "rank_correlation"])

    @property
    def store_url(self) -> str:
        return "postgresql://ann:***@host/db"

    def provenance(self) -> dict[str, str]:
        return {"gfnmat": "0.1.0", "seed": "0"}
