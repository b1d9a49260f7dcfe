"""What the parts of the crystal grammar share: tables, words, columns, and the crystal that a state stands for."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from gfnmat.space.composition.env import CompositionEnvironment
from gfnmat.space.crystal.contacts import Contacts, Sites, radii_of
from gfnmat.space.crystal.state import METRIC_UNIT, Columns, Phase, Words
from gfnmat.space.crystal.tables import CrystalTables
from gfnmat.space.crystal.templates import Templates
from gfnmat.space.structure import cell
from gfnmat.space.structure.volume import predicted_volume
from gfnmat.space.structure.wyckoff import load_wyckoff_tables


class CrystalGrammar:
    """The grammar of one design space on one device.

    Args:
        composition: writes the first part of each sentence.
        tables: of the other parts.
        groups: which space groups are offered, 230 booleans.
        templates: what comes after the composition, if it is given.

    Attributes:
        words: where each kind of word begins among the actions.
        columns: where a state keeps what.
        max_sites: room for sites in a state.
    """

    def __init__(
        self,
        composition: CompositionEnvironment,
        tables: CrystalTables,
        groups: Tensor,
        templates: Templates | None = None,
    ) -> None:
        device = composition.device
        self.composition = composition
        self.tables = tables.to(device)
        self.groups = groups.to(device)
        self.templates = None if templates is None else templates.to(device)
        self.max_sites = composition.max_atoms
        self.words = Words.after(composition.n_actions)
        self.columns = Columns(composition.s0.shape[0], composition.max_elements, self.max_sites)
        self.volume_centres = cell.volume_centres().to(device)

    @property
    def device(self) -> torch.device:
        """Where states live."""
        return self.composition.device

    @cached_property
    def contacts(self) -> Contacts:
        """Measures how close atoms come."""
        return Contacts.of(load_wyckoff_tables(), self.composition.max_atoms, self.device)

    @cached_property
    def _radii(self) -> Tensor:
        return radii_of(self.composition.numbers).to(self.device)

    def asked_bins(self, state: Tensor, site: Tensor, position: Tensor) -> Tensor:
        """The bins of a site's coordinates in the order in which they are asked for, `n x 3`; what is unknown is 0."""
        columns = self.columns.COORDINATES.start + 3 * site[:, None] + self.tables.asked[position].clamp(min=0)
        return state.gather(1, columns) // 2

    def sites_alike_to_come(self, state: Tensor, site: Tensor, position: Tensor) -> Tensor:
        """How many sites after this one are of the same element on the same position, `n`."""
        c = self.columns
        rows = torch.arange(len(state), device=state.device)
        index = torch.arange(self.max_sites, device=state.device)[None]
        alike = (state[:, c.POSITION] == position[:, None]) & (index > site[:, None])
        alike &= state[:, c.OWNER] == state[rows, c.OWNER.start + site][:, None]
        return (alike & (index < state[:, c.N_SITES, None])).sum(1)

    def sites(self, state: Tensor) -> Sites:
        """The sites; placed are those without freedom and those whose coordinates are all known."""
        c = self.columns
        index = torch.arange(self.max_sites, device=state.device)[None]
        exists = index < state[:, c.N_SITES, None]
        known = (self.tables.freedom[state[:, c.POSITION]] == 0) | (state[:, c.PHASE, None] >= Phase.VOLUME)
        known |= (index < state[:, c.SITE, None]) & (state[:, c.PHASE, None] == Phase.COORDINATES)
        return Sites(
            group=state[:, c.GROUP],
            position=state[:, c.POSITION],
            radius=torch.where(exists, self._radii[state[:, c.OWNER]], 0.0),
            coordinates=state[:, c.COORDINATES].unflatten(1, (self.max_sites, 3)),
            placed=exists & known,
        )

    def metric_at(self, state: Tensor, shape: Tensor) -> Tensor:
        """The metrics (A2) of conventional cells of the predicted volume in several shapes, `n x shapes x 6` float64.

        Args:
            state: knows the group and the composition.
            shape: bins, `n x shapes x 5`.
        """
        metrics = cell.metric(self.tables.lattice[state[:, self.columns.GROUP] - 1][:, None], shape)
        return metrics * self._cell_volume(state).pow(2 / 3)[:, None, None]

    def metric(self, state: Tensor) -> Tensor:
        """The metric (A2) of the conventional cell of the predicted volume, once its shape is known, `n x 6`."""
        return (state[:, self.columns.METRIC] * METRIC_UNIT).float()

    def _cell_volume(self, state: Tensor) -> Tensor:
        """The predicted volume (A3) of the conventional cell, `n`."""
        counts = torch.zeros(len(state), 118, dtype=torch.int64, device=state.device)
        counts[:, (self.composition.numbers - 1).to(state.device)] = state[:, : self.composition.n_elements]
        n_centring = self.contacts.n_centring[state[:, self.columns.GROUP] - 1]
        return predicted_volume(counts) * n_centring
