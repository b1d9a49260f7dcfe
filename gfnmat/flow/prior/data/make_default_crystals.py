"""Writes `default_crystals.pt`, the prior of crystals that comes with the package.

Run by hand: `python gfnmat/flow/prior/data/make_default_crystals.py TABLE COLUMN`; about 3 minutes on one core. The
table is the 1,056 structures of Petousis et al. (matminer's `dielectric_constant`: Materials Project, CC-BY 4.0), in a
column of POSCARs. To these come the AFLOW prototypes that pymatgen (MIT) holds, with the elements of the minerals that
they are named after.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import torch
from pymatgen.analysis.prototypes._data import AFLOW_PROTOTYPE_LIBRARY

from gfnmat.flow.prior.crystal_prior import DEFAULT, CrystalPrior
from gfnmat.flow.prior.prior import FormulaPrior
from gfnmat.flow.prior.structures import encoded_crystals, known_structures

PROVENANCE = {
    "data": "1,056 structures of the Materials Project (dielectric_constant of matminer) and AFLOW prototypes",
    "licence": "CC-BY 4.0 (Materials Project); the prototypes come with pymatgen (MIT)",
    "source": (
        "I. Petousis et al., Sci. Data 4, 160134 (2017); A. Jain et al., APL Mater. 1, 011002 (2013); "
        "M. Mehl et al., Comput. Mater. Sci. 136, S1 (2017); D. Hicks et al., ibid. 161, S1 (2019)"
    ),
    "made_by": "gfnmat/flow/prior/data/make_default_crystals.py",
}


def main() -> None:
    """Trains and writes."""
    torch.set_num_threads(1)
    known, _ = known_structures(sys.argv[1], sys.argv[2])
    prototypes = [entry["snl"].structure for entry in AFLOW_PROTOTYPE_LIBRARY]
    crystals, reasons = encoded_crystals([*known, *prototypes], atoms=20, elements=5)
    print(f"{len(crystals)} crystals of {len(known)} and {len(prototypes)}; left out:", *reasons, sep="\n", flush=True)
    provenance = {**PROVENANCE, "date": datetime.now(UTC).date().isoformat()}
    prior = CrystalPrior.train(
        crystals,
        FormulaPrior.load("default"),
        provenance=provenance,
        progress=lambda passes, nats: print(passes, f"{nats:.3f} nats", flush=True),
    )
    prior.save(DEFAULT)
    print(prior.provenance)


if __name__ == "__main__":
    main()
