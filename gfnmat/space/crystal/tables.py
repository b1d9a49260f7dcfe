"""Everything that the crystal grammar looks up, built once for a design space."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from gfnmat.space.crystal.coordinates import CoordinateTables
from gfnmat.space.crystal.placement import PlacementTables
from gfnmat.space.structure import cell
from gfnmat.space.structure.decoding import group_lattices
from gfnmat.space.structure.wyckoff import load_wyckoff_tables


@dataclass(frozen=True)
class CrystalTables:
    """The tables of the stages after the composition; group g's row is g-1.

    Attributes:
        placement: where what can be placed.
        coordinates: which bins are canonical.
        lattice: of each group, as a place in `cell.LATTICES`, 230.
        first_slot: the first number of shape that is asked for, `lattices`; 5 where none is.
        next_slot: the one after each, `lattices x 5`; 5 after the last.
        shapes: bins offered, see `cell.offered_shapes`.
        angles: angles that make a cell, see `cell.angles_that_close`.
        general_atoms: atoms of the general position in the primitive cell, 230.
        polar: axes along which the origin is free, `230 x 3`.
        start_node, next_node, opens: the letters' automaton, see `WyckoffTables`.
        freedom, atoms, asked: of each Wyckoff position, see `WyckoffTables`.
    """

    placement: PlacementTables
    coordinates: CoordinateTables
    lattice: Tensor
    first_slot: Tensor
    next_slot: Tensor
    shapes: Tensor
    angles: Tensor
    general_atoms: Tensor
    polar: Tensor
    start_node: Tensor
    next_node: Tensor
    opens: Tensor
    freedom: Tensor
    atoms: Tensor
    asked: Tensor

    @classmethod
    def build(cls, max_atoms: int, max_elements: int) -> CrystalTables:
        """The tables for cells of this size."""
        wyckoff = load_wyckoff_tables()
        next_slot = torch.full((len(cell.LATTICES), cell.N_SHAPE), cell.N_SHAPE)
        for row, name in enumerate(cell.LATTICES):
            asked = [*cell.ASKED[name], cell.N_SHAPE]
            for slot, following in pairwise(asked):
                next_slot[row, slot] = following
        return cls(
            placement=PlacementTables.build(wyckoff, max_atoms, max_elements),
            coordinates=CoordinateTables.build(wyckoff, max_atoms),
            lattice=group_lattices(),
            first_slot=torch.tensor([(*cell.ASKED[name], cell.N_SHAPE)[0] for name in cell.LATTICES]),
            next_slot=next_slot,
            shapes=cell.offered_shapes(),
            angles=cell.angles_that_close(),
            general_atoms=wyckoff.atoms[wyckoff.first[1:] - 1],
            polar=wyckoff.polar,
            start_node=wyckoff.start_node,
            next_node=wyckoff.next_node,
            opens=wyckoff.opens,
            freedom=wyckoff.freedom,
            atoms=wyckoff.atoms,
            asked=wyckoff.asked,
        )

    def to(self, device: torch.device | str) -> CrystalTables:
        """The same tables on another device."""
        moved: CrystalTables = _moved(self, device)
        return moved


def _moved(tables: Any, device: torch.device | str) -> Any:
    """The same dataclass of tensors, and of dataclasses of tensors, on another device."""
    if isinstance(tables, Tensor):
        return tables.to(device)
    moved = {field.name: _moved(getattr(tables, field.name), device) for field in fields(tables)}
    return replace(tables, **moved)
