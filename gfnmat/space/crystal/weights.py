"""What an untrained policy prefers among the words that are offered.

A sampler that chose evenly at every word would write mostly crystals of low symmetry with atoms in a corner. These log
weights make the bins of a coordinate as likely as the crystals they leave open are many, so that sites in ascending
order are spread evenly, and cells like those of known crystals more likely than flat or thin ones. Training starts from
here and may go anywhere that is offered.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from gfnmat.space.crystal.grammar import CrystalGrammar
from gfnmat.space.crystal.state import Phase
from gfnmat.space.structure import cell
from gfnmat.space.structure.wyckoff import N_GROUPS, load_wyckoff_tables

SHAPES: dict[str, tuple[tuple[float, float], ...]] = {
    "triclinic": ((0.1, 0.2), (0.2, 0.25), (85.0, 15.0), (85.0, 15.0), (85.0, 15.0)),
    "monoclinic": ((0.0, 0.6), (0.0, 0.35), (90.0, 1.0), (108.0, 10.0), (90.0, 1.0)),
    "orthorhombic": ((0.2, 0.5), (0.0, 0.5), (90.0, 1.0), (90.0, 1.0), (90.0, 1.0)),
    "tetragonal": ((0.0, 1.0), (0.4, 0.5), (90.0, 1.0), (90.0, 1.0), (90.0, 1.0)),
    "hexagonal": ((0.0, 1.0), (0.5, 0.6), (90.0, 1.0), (90.0, 1.0), (90.0, 1.0)),
    "rhombohedral": ((0.0, 1.0), (1.1, 0.6), (90.0, 1.0), (90.0, 1.0), (90.0, 1.0)),
    "cubic": ((0.0, 1.0),) * 5,
}
"""Mean and standard deviation of ln b/a, ln c/a, alpha, beta and gamma (degrees), about those of the known crystals of
Petousis et al., Sci. Data 4, 160134 (2017)."""
VOLUMES = (0.0, 0.15)  # of the logarithm of the volume relative to the prediction
SITES = 0.2  # for each site that a group needs at least
REPEATED = (0.0, 2.0, 0.5, 0.0)  # for each time that a letter was used, by its free coordinates
SIZE = 1.2  # for the logarithm of the atoms on a position
FEW = 1e-3  # stands for no crystal, where the logarithm of a number of crystals is taken


@dataclass(frozen=True)
class CrystalWeights:
    """Log weights of the words."""

    grammar: CrystalGrammar

    def __call__(self, state: Tensor, words: slice = slice(None)) -> Tensor:
        """Log weights of some of the words, `n x words` float32 for states `n x columns`."""
        grammar, c = self.grammar, self.grammar.columns
        weights = self._of_cells[:, words][state[:, c.GROUP].clamp(min=0)]
        for phase, of_rows in (
            (Phase.GROUP, self._of_groups),
            (Phase.LETTERS, self._of_letters),
            (Phase.COORDINATES, self._of_coordinates),
        ):
            part = grammar.words.of(phase)
            rows = (state[:, c.PHASE] == phase).nonzero().squeeze(-1)
            if len(rows):
                begin = part.start - (words.start or 0)
                weights[rows, begin : begin + part.stop - part.start] = of_rows(state[rows])
        return weights

    @cached_property
    def _of_cells(self) -> Tensor:
        """Log weights of the bins of shape and volume by space group, `231 x actions`; row 0 is for none."""
        words, tables = self.grammar.words, load_wyckoff_tables()
        weights = torch.zeros(N_GROUPS + 1, words.n_actions, dtype=torch.float64)
        centres = [cell.ratio_centres().log()] * 2 + [cell.angle_centres()] * 3
        for group, (system, letter) in enumerate(zip(tables.crystal_system, tables.centring_letter, strict=True), 1):
            lattice = "rhombohedral" if letter == "R" else cell.lattice_of(system)
            for begin, of_bins, (mean, deviation) in zip(words.shape, centres, SHAPES[lattice], strict=True):
                weights[group, begin : begin + len(of_bins)] = -0.5 * ((of_bins - mean) / deviation) ** 2
        volumes = cell.volume_centres().log()
        weights[:, words.volume : words.volume + len(volumes)] = -0.5 * ((volumes - VOLUMES[0]) / VOLUMES[1]) ** 2
        return weights.float().to(self.grammar.device)

    def _of_groups(self, state: Tensor) -> Tensor:
        atoms = state[:, self.grammar.composition.ATOMS, None]
        return -SITES * atoms / self.grammar.tables.general_atoms

    def _of_letters(self, state: Tensor) -> Tensor:
        c, tables = self.grammar.columns, self.grammar.tables
        position = tables.placement.position[state[:, c.GROUP] - 1]
        exists = torch.arange(self.grammar.max_sites, device=state.device) < state[:, c.N_SITES, None]
        uses = ((state[:, c.POSITION][:, None] == position[..., None]) & exists[:, None]).sum(-1)
        known = position.clamp(min=0)
        repeated = torch.tensor(REPEATED, device=state.device)[tables.freedom[known]]
        return SIZE * tables.atoms[known].log() - repeated * uses

    def _of_coordinates(self, state: Tensor) -> Tensor:
        c, tables = self.grammar.columns, self.grammar.tables
        rows = torch.arange(len(state), device=state.device)
        site, place = state[:, c.SITE], state[:, c.PLACE]
        position = state[rows, c.POSITION.start + site]
        bins = self.grammar.asked_bins(state, site, position)
        node = tables.coordinates.node(position, place, bins)
        here = tables.coordinates.open_bins[node].float().clamp(min=FEW).log()
        from_here = tables.coordinates.total[position, None] - tables.coordinates.before[node]
        onwards = from_here.float().clamp(min=FEW).log()
        to_come = self.grammar.sites_alike_to_come(state, site, position) * (place == 0)
        return here + to_come[:, None] * (onwards - onwards[:, :1])
