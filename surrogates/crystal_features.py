"""Features of crystals, in torch: composition, packing, charges, bonds and contacts."""

import csv
from dataclasses import replace
from importlib.resources import files

import torch
from torch import Tensor

from surrogates.charges import balanced_charges
from surrogates.ewald import potentials
from surrogates.magpie import N_ELEMENTS, MagpieFeatures
from surrogates.neighbours import Cells, like_blocks, pairs_within
from surrogates.site_features import (
    Atoms,
    charge_features,
    packing_features,
    pair_features,
    potential_features,
)
from surrogates.threads import one_thread

N_GROUPS = 230
# Distances are followed to this many edges of an atom's share of the volume, which is some 70 neighbours.
REACH = 2.6
# Share of the sum of their radii that atoms are apart at least.
CLOSEST = 0.3
# Distances tried at a time: keeps them in the processor's cache.
_BLOCK = 100_000
_VOLUMES = (1e-6, 1e12)


class CrystalFeatures:
    """Features of crystals given as atoms in primitive cells: 25 of the composition, 22 of the geometry.

    The means of the Magpie properties, and what `site_features` makes of charges and of all pairs of atoms within
    `REACH` times the cube root of the volume per atom. They do not depend on the origin, the orientation, the order of
    the atoms, or the choice of the primitive cell. All are finite, whatever the crystal.

    Few on purpose: a Gaussian process with one lengthscale measures distance in all features alike. The other 110
    Magpie features drown the geometry, and crystal systems as indicators made predictions worse (both are in the
    benchmark `crystal_features.py`), as did the order of the point group, shells of pairs that are not of anions,
    coordination numbers, and deviations among sites.

    Distances cover all periodic images: cells are first reduced to short edges, and each has as many periods as its
    interplanar distances ask for, up to `MOST_PERIODS` along an edge, which only cells flatter than atoms exceed.
    Atoms that share a place count as `CLOSEST` apart.

    Args:
        dtype: Of the features.
        device: Where they are computed, and where arguments are moved to.
    """

    def __init__(self, dtype: torch.dtype = torch.float64, device: torch.device | str | None = None) -> None:
        self._magpie = MagpieFeatures(device, dtype)
        means = [k for k, label in enumerate(self._magpie.feature_labels) if label.split()[1] == "mean"]
        self._means = torch.tensor(means, device=device)
        self._device, self._dtype = self._means.device, dtype
        text = files("surrogates").joinpath("data/crystal_elements.csv").read_text(encoding="utf-8")
        header, *rows = csv.reader(text.splitlines())
        nothing = [0.0] * (len(header) - 1)
        table = torch.tensor([nothing, *([float(v) for v in row[1:]] for row in rows)], dtype=dtype, device=device)
        self._elements = dict(zip(header[1:], table.T.contiguous(), strict=True))
        example = self._of_rocksalt()
        self._n_places = len(example)
        self.feature_labels: tuple[str, ...] = (*(self._magpie.feature_labels[k] for k in means), *example)

    def __call__(self, counts: Tensor, group: Tensor, numbers: Tensor, points: Tensor, vectors: Tensor) -> Tensor:
        """The features of a batch of crystals with room for A atoms each.

        Args:
            counts: `n x 118`; column Z-1 counts the atoms of element Z in the primitive cell.
            group: space groups, 1 to 230, `n`. They are checked, and nothing else: no feature of the symmetry paid.
            numbers: atomic numbers of the atoms in the primitive cell, 0 where there is none, `n x A`.
            points: their fractional coordinates in the primitive cell, `n x A x 3`.
            vectors: lattice vectors (A) of the primitive cells as rows, `n x 3 x 3`.

        Returns:
            `n x d`, in the order of `feature_labels`.

        Raises:
            ValueError: A shape is another, a number is out of range or not finite, a crystal holds no atom or other
                atoms than its counts say, or its vectors span no volume.
        """
        parts = (counts, group, numbers, points, vectors)
        counts, group, numbers, points, vectors = (part.to(self._device) for part in parts)
        points, vectors = points.to(self._dtype), vectors.to(self._dtype)
        _check(counts, group, numbers, points, vectors)
        return torch.cat([self._magpie(counts)[:, self._means], self._places(numbers.long(), points, vectors)], dim=1)

    def _places(self, numbers: Tensor, points: Tensor, vectors: Tensor) -> Tensor:
        """Features of the atoms and their places, `n x (d - 22)`."""
        features = points.new_empty(len(points), self._n_places)
        order = (numbers == 0).long().argsort(dim=1, stable=True)  # empty places last
        numbers = numbers.gather(1, order)
        with one_thread():
            cells = Cells.reduced(vectors, points.gather(1, order.unsqueeze(-1).expand(-1, -1, 3)), numbers > 0)
            for rows in like_blocks(cells, REACH * cells.spacing, _BLOCK):
                size = int(cells.exists[rows].sum(1).max())
                found = self._of_places(numbers[rows, :size], cells[rows].with_room(size))
                features[rows] = torch.stack(list(found.values()), dim=1)
        return features

    def _of_places(self, numbers: Tensor, cells: Cells) -> dict[str, Tensor]:
        """Features of the atoms and their places by label, each `n`."""
        reach = REACH * cells.spacing
        of = {name: column[numbers] for name, column in self._elements.items()}
        pairs = pairs_within(cells, reach)
        contact = of["radius"][pairs.row, pairs.first] + of["radius"][pairs.row, pairs.second]
        pairs = replace(pairs, distance=torch.maximum(pairs.distance, CLOSEST * contact))
        charges = balanced_charges(numbers, of["electronegativity"], of["anion"], of["cation"], of["spread"])
        kept = ("mass", "radius", "bond_radius", "bond_softness", "electronegativity")
        atoms = Atoms(charges, potentials(cells, pairs, charges, reach), **{name: of[name] for name in kept})
        return (
            charge_features(atoms)
            | packing_features(atoms, cells)
            | potential_features(atoms)
            | pair_features(atoms, cells, pairs, reach)
        )

    def _of_rocksalt(self) -> dict[str, Tensor]:
        """The features of MgO, for their labels."""
        points = torch.tensor([[[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]]], dtype=self._dtype, device=self._device)
        vectors = 2.1 * (1 - torch.eye(3, dtype=self._dtype, device=self._device)).unsqueeze(0)
        numbers = torch.tensor([[12, 8]], device=self._device)
        return self._of_places(numbers, Cells.reduced(vectors, points, numbers > 0))


def _check(counts: Tensor, group: Tensor, numbers: Tensor, points: Tensor, vectors: Tensor) -> None:
    n, size = len(counts), numbers.shape[-1]
    if counts.ndim != 2 or counts.shape[1] != N_ELEMENTS:
        raise ValueError(f"counts must be n x {N_ELEMENTS}, column Z-1 for element Z; got {tuple(counts.shape)}")
    for name, part, shape in (
        ("group", group, (n,)),
        ("numbers", numbers, (n, size)),
        ("points", points, (n, size, 3)),
        ("vectors", vectors, (n, 3, 3)),
    ):
        if part.shape != shape:
            raise ValueError(f"{name} must be {' x '.join(map(str, shape))}; got {tuple(part.shape)}")
    if not n:
        return
    volume = torch.linalg.det(vectors).abs()
    tally = counts.new_zeros(n, N_ELEMENTS + 1)
    inside = numbers.long().clamp(0, N_ELEMENTS)
    tally.scatter_add_(1, inside, torch.ones_like(inside, dtype=tally.dtype))
    for words, wrong in (
        (f"group must be a space group, 1 to {N_GROUPS}", (group < 1) | (group > N_GROUPS)),
        (f"numbers must be atomic numbers, 1 to {N_ELEMENTS}, or 0", (numbers != inside).any(1)),
        ("numbers must hold an atom", (numbers == 0).all(1)),
        ("counts must be those of numbers", (tally[:, 1:] != counts).any(1)),
        ("points must be finite", ~points.isfinite().flatten(1).all(1)),
        ("vectors must be finite", ~vectors.isfinite().flatten(1).all(1)),
        (
            f"vectors must span {_VOLUMES[0]:g} to {_VOLUMES[1]:g} A3",
            ~((volume > _VOLUMES[0]) & (volume < _VOLUMES[1])),
        ),
    ):
        if wrong.any():
            raise ValueError(f"{words}; row {int(wrong.nonzero()[0])} is not so")
