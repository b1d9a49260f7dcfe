"""The prior of what is in a cell, against the chance of the formula and of the number of units."""

import torch

from gfnmat import CrystalSpace, GFlowNet
from gfnmat.flow.prior.cells import CellReading
from gfnmat.flow.prior.prior import FormulaPrior


def test_a_cell_has_the_chance_of_its_formula_times_that_of_its_units(binary_prior: FormulaPrior) -> None:
    space = CrystalSpace(binary_prior.elements, n_elements=(1, 2), n_atoms=(1, 10), chemistry="any")
    composition = space.environment().grammar.composition
    log_units = torch.tensor([0.6, 0.4]).log()
    reading = CellReading(binary_prior, composition, log_units)
    counts = torch.zeros(0, composition.n_elements, dtype=torch.int64)
    for n in range(11):
        pairs = torch.zeros(21, 11, composition.n_elements, dtype=torch.int64)
        for row, (first, second) in enumerate(torch.combinations(torch.arange(composition.n_elements)).tolist()):
            pairs[row, :, first], pairs[row, :, second] = n, torch.arange(11)
        counts = torch.cat([counts, pairs.flatten(0, 1)])
    counts = counts[(counts.sum(1) > 0) & (counts.sum(1) <= 10)].unique(dim=0)
    said = torch.zeros(len(counts))
    state = composition.s0.expand(len(counts), -1).clone()
    for word in composition.sentences(counts).unbind(1):
        rows = (word >= 0).nonzero().squeeze(-1)
        said[rows] += reading(state[rows]).log_softmax(1).gather(1, word[rows, None])[:, 0]
        rows = rows[word[rows] < composition.n_actions - 1]
        state[rows] = composition.advanced(state[rows], word[rows])
    units = counts[:, 0]
    for column in counts.unbind(1):
        units = torch.gcd(units, column)
    of_space = torch.zeros(len(counts), 118, dtype=torch.int64)
    of_space[:, space.ingredients.columns] = counts // units[:, None]
    within = (units <= 2) & (of_space.sum(1) <= 5)
    expected = binary_prior.log_prob(of_space[within]) + log_units[units[within] - 1]
    assert int(within.sum()) > 350
    assert torch.allclose(said[within], expected, atol=1e-3)
    assert float(said[within].double().exp().sum()) > 1 - 1e-3
    assert float(said[~within].double().exp().sum()) < 1e-3


def test_a_prior_of_formulas_alone_leaves_the_structures_to_the_grammar(binary_prior: FormulaPrior) -> None:
    space = CrystalSpace(["Li", "Na", "Cl"], n_elements=(2, 2), n_atoms=(2, 4), crystal_systems=["cubic"])
    with_prior, without = GFlowNet(space, prior=binary_prior), GFlowNet(space)
    crystals = without.sample_untrained(300)
    gain = with_prior.log_prior(crystals) - without.log_prior(crystals)
    for formula in crystals.counts.unique(dim=0):
        same = gain[(crystals.counts == formula).all(1)]
        assert torch.allclose(same, same[:1].expand_as(same), atol=1e-4)
    assert float(gain.std()) > 0.1
