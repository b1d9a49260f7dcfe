"""Oracles: they answer properties of materials, or say why they cannot.

    import oracles
    oracle = oracles.build("chgnet", protocol="relax")
    (evaluation,) = oracle.evaluate([Composition("NaCl")])
    evaluation.values["formation_energy"]                   # eV/atom

Heavy libraries are imported when an oracle is built or first asked.
"""

from oracles.builtin import register_builtin
from oracles.evaluation import Evaluation, InfeasibleError, Status
from oracles.oracle import Inspecting, Oracle, Screening
from oracles.properties import PROPERTIES, Property, property_named
from oracles.registry import available, build, doctor, is_deterministic, register

register_builtin()

__all__ = [
    "PROPERTIES",
    "Evaluation",
    "InfeasibleError",
    "Inspecting",
    "Oracle",
    "Property",
    "Screening",
    "Status",
    "available",
    "build",
    "doctor",
    "is_deterministic",
    "property_named",
    "register",
]
