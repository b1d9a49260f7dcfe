"""Features of materials and the models that learn their properties, over tensors.

    from surrogates import MagpieFeatures, build
    features = MagpieFeatures()(counts)                      # n x 118 -> n x 132
    surrogate = build("multi_fidelity_gp", n_fidelities=2, n_properties=1)
    surrogate.fit(features, fidelities, values)
    surrogate.predict(features).mean

Names are imported when they are first used, so that importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from surrogates.crystal_features import CrystalFeatures
    from surrogates.diagnostics import Diagnosis, assess, crps_gaussian, diagnose
    from surrogates.interface import LeaveOneOut, Prediction, Surrogate
    from surrogates.magpie import MagpieFeatures
    from surrogates.multi_fidelity_gp import MultiFidelityGP
    from surrogates.outcome_gp import OutcomeGP
    from surrogates.registry import KINDS, build

__all__ = [
    "KINDS",
    "CrystalFeatures",
    "Diagnosis",
    "LeaveOneOut",
    "MagpieFeatures",
    "MultiFidelityGP",
    "OutcomeGP",
    "Prediction",
    "Surrogate",
    "assess",
    "build",
    "crps_gaussian",
    "diagnose",
]

_HOME = {
    "KINDS": "registry",
    "CrystalFeatures": "crystal_features",
    "Diagnosis": "diagnostics",
    "LeaveOneOut": "interface",
    "MagpieFeatures": "magpie",
    "MultiFidelityGP": "multi_fidelity_gp",
    "OutcomeGP": "outcome_gp",
    "Prediction": "interface",
    "Surrogate": "interface",
    "assess": "diagnostics",
    "build": "registry",
    "crps_gaussian": "diagnostics",
    "diagnose": "diagnostics",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'surrogates' has no attribute {name!r}")
    return getattr(import_module(f"surrogates.{_HOME[name]}"), name)
