"""Oracles on interatomic potentials: structures, guards, volumes, relaxation."""
