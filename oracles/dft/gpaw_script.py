"""Answers requests for energies with GPAW: run by the interpreter that has GPAW, which has nothing of gfnmat.

Reads a line of JSON a crystal (`numbers`, `cell` in A, `positions` in A, `moments` in muB, `parameters` of GPAW,
`properties`) and writes a line: `energy` in eV, `forces` in eV/A, `stress` in eV/A^3 (xx, yy, zz, yz, xz, xy); or
`error`, and whether it is the `material`'s.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from typing import Any

sys.path[:] = [path for path in sys.path if path != os.path.dirname(os.path.abspath(__file__))]  # where gpaw.py is
CONNECTION = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)  # what GPAW prints is no answer

import ase  # noqa: E402
import gpaw  # type: ignore[import-not-found]  # noqa: E402
from ase import Atoms  # noqa: E402
from gpaw import GPAW, PW, KohnShamConvergenceError  # noqa: E402


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Return what is asked of one crystal."""
    atoms = Atoms(numbers=request["numbers"], cell=request["cell"], positions=request["positions"], pbc=True)
    atoms.set_initial_magnetic_moments(request["moments"])
    parameters = dict(request["parameters"])
    cutoff = parameters.pop("cutoff")
    atoms.calc = GPAW(mode=PW(cutoff), spinpol=any(request["moments"]), txt=None, **parameters)
    found = {"energy": atoms.get_potential_energy()}
    if "forces" in request["properties"]:
        found["forces"] = atoms.get_forces().tolist()
    if "stress" in request["properties"]:
        found["stress"] = atoms.get_stress().tolist()
    return found


def answered(request: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to a request, or what went wrong."""
    try:
        return answer(request)
    except KohnShamConvergenceError:
        steps = request["parameters"]["maxiter"]
        return {"error": f"the electrons do not converge within {steps} iterations", "material": True}
    except FileNotFoundError as reason:
        return {"error": f"GPAW has no setup: {reason}".split("\n")[0], "material": "PAW dataset" in str(reason)}
    except MemoryError as reason:
        return {"error": f"not enough memory: {reason}", "material": False}
    except OSError as reason:
        return {"error": str(reason), "material": False}
    except Exception as reason:
        return {"error": f"{type(reason).__name__}: {reason}", "material": True}


def read(requests: queue.Queue[dict[str, Any]]) -> None:
    """Hand on each line, and end with the process that writes them, even in the middle of a calculation."""
    for line in sys.stdin:
        requests.put(json.loads(line))
    os._exit(0)


def main() -> None:
    """Say that this is ready, and answer."""
    requests: queue.Queue[dict[str, Any]] = queue.Queue()
    threading.Thread(target=read, args=(requests,), daemon=True).start()
    versions = {"gpaw": gpaw.__version__, "ase": ase.__version__}
    print(json.dumps(versions), file=CONNECTION)
    while True:
        request = requests.get()
        print(json.dumps({"id": request["id"], **answered(request)}), file=CONNECTION)


if __name__ == "__main__":
    main()
