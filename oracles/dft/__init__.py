"""Density functional theory by programs beside this one: GPAW in a process of its own, Quantum ESPRESSO."""
