"""How close atoms come in a crystal that is being written, relative to the sums of their radii.

What is measured here only decides which words are offered: the bins that leave no contact shorter than
`CLOSEST_CONTACT`, or where there is none, the roomiest. Distances are to the nearest image along each edge of the
conventional cell, which is exact for right angles and nearly so for the others.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gfnmat.space.structure.wyckoff import EDGE, WyckoffTables
from oracles.potential.guards import CLOSEST_CONTACT, covalent_radii

LONGEST = 1e3  # what stands for the distance of atoms that are not there
ROUNDING = 1e-4  # contacts are equally close if they differ by less, relative to the closer one
ROWS_AT_ONCE, CANDIDATES_AT_ONCE = 128, 3072  # what fits into a core's own memory
SKEW_LAST = 10_000  # added to the size of cells with angles, so that those without are worked on together


@dataclass(frozen=True)
class Sites:
    """Sites of crystals that are being written, `n x S`.

    Attributes:
        group: space group, from 1, `n`.
        position: number of the Wyckoff position; any where there is no site, `n x S`.
        radius: covalent radius (A) of the element, `n x S`.
        coordinates: free coordinates in 48ths, x, y, z, `n x S x 3`.
        placed: whether the site's coordinates are known, `n x S`.
    """

    group: Tensor
    position: Tensor
    radius: Tensor
    coordinates: Tensor
    placed: Tensor

    def packed(self) -> Sites:
        """The same sites, the placed ones first and no more columns than they need."""
        most = int(self.placed.sum(1).max())
        order = self.placed.long().argsort(dim=1, descending=True, stable=True)[:, :most]
        return Sites(
            self.group,
            self.position.gather(1, order),
            self.radius.gather(1, order),
            self.coordinates.gather(1, order[..., None].expand(-1, -1, 3)),
            self.placed.gather(1, order),
        )

    def __getitem__(self, rows: Tensor) -> Sites:
        return Sites(
            self.group[rows], self.position[rows], self.radius[rows], self.coordinates[rows], self.placed[rows]
        )


@dataclass(frozen=True)
class Contacts:
    """Measures contacts by the orbits of the Wyckoff positions.

    Attributes:
        matrix, shift: see `WyckoffTables`, float32 and up to the largest number of atoms in a cell.
        atoms: of each position.
        centring: translations in edges, `230 x 4 x 3`.
        n_centring: how many, `230`.
    """

    matrix: Tensor
    shift: Tensor
    atoms: Tensor
    centring: Tensor
    n_centring: Tensor

    @classmethod
    def of(cls, tables: WyckoffTables, max_atoms: int, device: torch.device | str) -> Contacts:
        """The measure for cells of at most `max_atoms` atoms."""
        most = min(max_atoms, tables.matrix.shape[1])
        return cls(
            matrix=tables.matrix[:, :most].to(device, torch.float32),
            shift=tables.shift[:, :most].to(device, torch.float32) / EDGE,
            atoms=tables.atoms.to(device),
            centring=tables.centring.to(device, torch.float32) / EDGE,
            n_centring=tables.n_centring.to(device),
        )

    def points(self, sites: Sites) -> tuple[Tensor, Tensor]:
        """Where the placed atoms of the conventional cell are (in edges) and their radii, `n x A x 3`, `n x A`.

        The radius of an atom that is not there is -1.
        """
        sizes = torch.where(sites.placed, self.atoms[sites.position], 0)
        ends = sizes.cumsum(1)
        n_atoms = ends[:, -1]
        atom = torch.arange(int(n_atoms.max()) if len(n_atoms) else 0, device=ends.device)
        site = (atom[None, :, None] >= ends[:, None, :]).sum(-1).clamp(max=ends.shape[1] - 1)  # n x A
        image = (atom[None, :] - (ends - sizes).gather(1, site)).clamp(min=0)
        exists = atom[None, :] < n_atoms[:, None]
        position = sites.position.gather(1, site)
        image = torch.where(exists, image, 0)
        t = sites.coordinates.gather(1, site[..., None].expand(-1, -1, 3)).float() / EDGE
        points = _applied(self.matrix[position, image], t) + self.shift[position, image]
        radius = torch.where(exists, sites.radius.gather(1, site), -1.0)
        n_centring = self.n_centring[sites.group - 1]
        translations = self.centring[sites.group - 1, : int(n_centring.max())] if len(n_centring) else self.centring[:0]
        counted = torch.arange(translations.shape[1], device=ends.device)[None] < n_centring[:, None]
        spread = (points[:, :, None] + translations[:, None]).flatten(1, 2)
        radii = torch.where(counted[:, None], radius[:, :, None], -1.0).flatten(1, 2)
        return spread, radii

    def among_placed(self, sites: Sites, metrics: Tensor) -> Tensor:
        """The closest contact of the placed sites, relative to the radii, in cells of several shapes, `n x shapes`.

        Args:
            sites: their sites.
            metrics: `n x shapes x 6`.
        """
        closest = self._of_translations(sites, metrics)
        n_placed = sites.placed.sum(1)
        order = n_placed.argsort()
        order = order[n_placed[order] > 0]
        for rows in order.split(ROWS_AT_ONCE) if len(order) else ():
            squared = self._among_chunk(sites[rows].packed(), metrics[rows])
            closest[rows] = torch.minimum(closest[rows], squared.sqrt())
        return closest

    def _among_chunk(self, sites: Sites, metrics: Tensor) -> Tensor:
        """Squares of `among_placed` for sites that are packed, `n x shapes`."""
        points, radii = self.points(sites)
        representative = _applied(self.matrix[sites.position, 0], sites.coordinates.float() / EDGE)
        representative = representative + self.shift[sites.position, 0]  # n x S x 3
        x, y, z = (
            (d - d.round()).flatten(1)[:, None] for d in (representative[:, :, None] - points[:, None]).unbind(-1)
        )
        there = (sites.placed[:, :, None] & (radii[:, None] > 0)).flatten(1)[:, None]
        there = there & (torch.maximum(torch.maximum(x.abs(), y.abs()), z.abs()) > 1e-4)  # not the atom itself
        reach = (sites.radius[:, :, None] + radii[:, None]).flatten(1)[:, None]
        aa, bb, cc, bc, ac, ab = metrics[..., None].unbind(2)
        squared = aa * (x * x)
        squared.addcmul_(bb, y * y).addcmul_(cc, z * z)
        if bool((metrics[..., 3:] != 0).any()):
            squared.addcmul_(2 * bc, y * z).addcmul_(2 * ac, x * z).addcmul_(2 * ab, x * y)
        squared *= reach.square().reciprocal()
        return squared.masked_fill_(~there, LONGEST**2).amin(-1)

    def _of_translations(self, sites: Sites, metrics: Tensor) -> Tensor:
        """The shortest edge or face diagonal relative to the largest atom, `n x shapes`."""
        vectors = torch.tensor(
            [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, -1, 0], [1, 0, 1], [1, 0, -1], [0, 1, 1], [0, 1, -1]],
            dtype=metrics.dtype,
            device=metrics.device,
        )
        shortest = _squared(vectors, metrics[:, :, None]).amin(-1).sqrt()
        return shortest / (2 * sites.radius.amax(1)[:, None])

    def of_candidates(self, sites: Sites, metric: Tensor, current: Tensor, candidates: Tensor) -> Tensor:
        """The closest contact of one site, for several choices of its coordinates, `n x candidates`.

        Args:
            sites: all sites; the placed ones count.
            metric: of the cell at its volume, `n x 6`.
            current: which site the candidates are for, `n`.
            candidates: its free coordinates in 48ths, `n x candidates x 3`.
        """
        each = torch.arange(len(current), device=current.device)
        position, radius = sites.position[each, current], sites.radius[each, current]
        t = candidates.float() / EDGE
        here = _applied(self.matrix[position, 0][:, None], t) + self.shift[position, :1]
        points, radii = self.points(sites)
        n_points = (radii > 0).sum(1)
        first = (radii > 0).long().argsort(dim=1, descending=True, stable=True)[:, : int(n_points.max())]
        points, radii = points.gather(1, first[..., None].expand(-1, -1, 3)), radii.gather(1, first)

        def among(rows: Tensor | slice) -> Tensor:
            others = slice(int(n_points[rows].max()))
            apart = here[rows].movedim(2, 0)[..., None] - points[rows, others].movedim(2, 0)[:, :, None]
            reach, there = radii[rows, others] + radius[rows, None], radii[rows, others] > 0
            squared = _closest(apart, metric[rows], reach, there)
            own = self._of_own_images(sites.group[rows], position[rows], radius[rows], t[rows], metric[rows])
            return torch.minimum(squared, own).sqrt()

        at_once = max(1, CANDIDATES_AT_ONCE // candidates.shape[1])
        if len(current) <= at_once:
            return among(slice(None))
        closest = torch.full(candidates.shape[:2], LONGEST, device=candidates.device)
        is_skew = (metric[:, 3:] != 0).any(1)
        n_own = self.atoms[position] * self.n_centring[sites.group - 1]
        for rows in (n_points + n_own + SKEW_LAST * is_skew).argsort().split(at_once):
            closest[rows] = among(rows)
        return closest

    def _of_own_images(self, group: Tensor, position: Tensor, radius: Tensor, t: Tensor, metric: Tensor) -> Tensor:
        """Squares of the closest contact between a site's atoms, `n x candidates`, by its free coordinates in edges."""
        n_images, n_centring = int(self.atoms[position].max()), self.n_centring[group - 1]
        translations = self.centring[group - 1, : int(n_centring.max())]
        turned = self.matrix[position, 1:n_images] - self.matrix[position, :1]
        moved = self.shift[position, 1:n_images] - self.shift[position, :1]
        exists = torch.arange(1, n_images, device=group.device) < self.atoms[position][:, None]
        counted = torch.arange(translations.shape[1], device=group.device) < n_centring[:, None]
        there = (exists[:, :, None] & counted[:, None]).flatten(1)
        shifted = (moved[:, :, None] + translations[:, None]).flatten(1, 2)  # n x images x 3
        own = _images(turned.repeat_interleave(translations.shape[1], dim=1), shifted, t)
        return _closest(own, metric, (2 * radius)[:, None].expand_as(there), there)


def _images(matrix: Tensor, shift: Tensor, t: Tensor) -> Tensor:
    """x, y and z of `matrix @ t + shift`, `3 x n x candidates x images`.

    Args:
        matrix, shift: `n x images x 3 x 3`, `n x images x 3`.
        t: `n x candidates x 3`.
    """
    n, n_images = shift.shape[:2]
    columns = matrix.permute(2, 0, 3, 1).reshape(3 * n, 3, n_images)
    begin = shift.permute(2, 0, 1).reshape(3 * n, 1, n_images)
    return torch.baddbmm(begin, t.repeat(3, 1, 1), columns).unflatten(0, (3, n))


def _closest(difference: Tensor, metric: Tensor, reach: Tensor, there: Tensor) -> Tensor:
    """Smallest squared ratio of a distance to the reach, of those that are there.

    Args:
        difference: x, y and z of the vectors, in edges, `3 x n x candidates x atoms`; they are changed.
        metric: `n x 6`.
        reach, there: `n x atoms`.
    """
    x, y, z = difference.sub_(difference.round())
    if not x.shape[2]:
        return torch.full(x.shape[:2], LONGEST**2, device=x.device)
    aa, bb, cc, bc, ac, ab = metric[:, :, None, None].unbind(1)
    squared = (aa * x).mul_(x).addcmul_(bb * y, y).addcmul_(cc * z, z)
    if bool((metric[:, 3:] != 0).any()):
        squared.addcmul_(2 * ab * x, y).addcmul_(2 * bc * y, z).addcmul_(2 * ac * z, x)
    squared *= reach.square().reciprocal()[:, None]
    return squared.masked_fill_(~there[:, None], LONGEST**2).amin(-1)


def roomy(closest: Tensor, offered: Tensor) -> Tensor:
    """Which of the offered bins leave no contact that is too short; if none does, the roomiest, `n x bins`.

    Bins that symmetry makes equally roomy are so on every machine, however it rounds.
    """
    best = torch.where(offered, closest, 0.0).amax(1, keepdim=True)
    return offered & (closest >= (1 - ROUNDING) * best.clamp(max=CLOSEST_CONTACT))


def radii_of(numbers: Tensor) -> Tensor:
    """Covalent radii (A) of elements by atomic number, float32."""
    from ase.data import chemical_symbols

    radii = covalent_radii()
    return torch.tensor([radii[chemical_symbols[number]] for number in numbers.tolist()], dtype=torch.float32)


def _applied(matrix: Tensor, t: Tensor) -> Tensor:
    """Matrix times vector over the last dimensions, without the reductions that make rows depend on their batch."""
    return matrix[..., 0] * t[..., None, 0] + matrix[..., 1] * t[..., None, 1] + matrix[..., 2] * t[..., None, 2]


def _squared(difference: Tensor, metric: Tensor) -> Tensor:
    """Squared length (A2) of vectors in edges, `... x 3`, in metrics `... x 6`."""
    x, y, z = difference.unbind(-1)
    aa, bb, cc, bc, ac, ab = metric.unbind(-1)
    return x * (aa * x + 2 * ab * y) + y * (bb * y + 2 * bc * z) + z * (cc * z + 2 * ac * x)
