"""Writes `default.pt`, the prior that comes with the package.

Run by hand: `python gfnmat/flow/prior/data/make_default.py TABLE`; about 20 minutes on one core. The table is the
90,667 formulas of Matbench's `matbench_mp_e_form` (Materials Project, CC-BY 4.0; Dunn et al., npj Comput. Mater. 6,
138, 2020), each once, in a column `formula`.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import torch

from gfnmat.flow.prior.prior import DEFAULT, FormulaPrior
from gfnmat.flow.prior.tables import known_formulas

PROVENANCE = {
    "data": "formulas of matbench_mp_e_form, a snapshot of the Materials Project",
    "licence": "CC-BY 4.0",
    "source": "A. Jain et al., APL Mater. 1, 011002 (2013); A. Dunn et al., npj Comput. Mater. 6, 138 (2020)",
    "made_by": "gfnmat/flow/prior/data/make_default.py",
}


def main() -> None:
    """Trains and writes."""
    torch.set_num_threads(1)
    formulas, left_out = known_formulas(sys.argv[1], "formula")
    print(f"{len(formulas)} formulas, {left_out} rows left out", flush=True)
    provenance = {**PROVENANCE, "date": datetime.now(UTC).date().isoformat()}
    prior = FormulaPrior.train(
        formulas, provenance=provenance, progress=lambda passes, nats: print(passes, f"{nats:.3f} nats", flush=True)
    )
    prior.save(DEFAULT)


if __name__ == "__main__":
    main()
