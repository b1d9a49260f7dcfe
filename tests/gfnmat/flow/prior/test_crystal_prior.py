"""Priors of crystals against enumeration, counting, and the grammar's own preferences."""

from pathlib import Path
from typing import Any

import pytest
import torch
from pymatgen.core import Structure

from gfnmat import Campaign, Candidates, CompositionSpace, CrystalSpace, GFlowNet
from gfnmat.flow.conditions import Condition, Conditioning
from gfnmat.flow.prior.crystal_prior import DEFAULT, CrystalPrior
from gfnmat.flow.prior.prior import FormulaPrior
from gfnmat.flow.prior.reading import load_prior
from gfnmat.flow.prior.structure_fit import StructureFit
from gfnmat.flow.prior.structures import encoded_crystals
from gfnmat.space.table.space import TableSpace

SALT = CrystalSpace(["Rb", "I"], n_elements=(2, 2), n_atoms=(2, 2), crystal_systems=["cubic"])


def test_the_chances_of_all_crystals_of_a_space_sum_to_one_and_are_what_is_drawn(crystal_prior: CrystalPrior) -> None:
    members = SALT.enumerate()
    flow = GFlowNet(SALT, seed=1, prior=crystal_prior)
    log_prior = flow.log_prior(members)
    assert torch.allclose(log_prior, flow.log_prob(members), atol=1e-4)  # before any training
    chance = log_prior.double().exp()
    assert float(chance.sum()) == pytest.approx(1, abs=1e-4)
    drawn: dict[str, int] = {}
    n = 20_000
    for key in flow.sample_untrained(n).keys:
        drawn[key] = drawn.get(key, 0) + 1
    for key, p in zip(members.keys, chance.tolist(), strict=True):
        assert abs(drawn.get(key, 0) - n * p) < 5 * max(1.0, (n * p) ** 0.5)


def test_what_is_learned_holds_for_elements_that_were_not_there(crystal_prior: CrystalPrior) -> None:
    """The table holds neither rubidium nor iodine; of its 1:1 compounds all are rock salts."""
    members = SALT.enumerate()
    halite = torch.tensor([key.split("|")[1] == "225" for key in members.keys])
    share = {
        name: float(GFlowNet(SALT, prior=prior).log_prior(members)[halite].exp().sum())
        for name, prior in (("grammar", None), ("prior", crystal_prior))
    }
    assert share["prior"] > 0.5
    assert share["prior"] > 3 * share["grammar"]


def test_what_other_elements_a_space_has_does_not_matter_to_a_structure(crystal_prior: CrystalPrior) -> None:
    wide = CrystalSpace(["Na", "Rb", "Mg", "O", "I"], n_elements=(2, 3), n_atoms=(2, 6), crystal_systems=["cubic"])
    members = SALT.enumerate()
    narrow, broad = (GFlowNet(space, prior=crystal_prior).log_prior(members) for space in (SALT, wide))
    difference = narrow - broad  # the chance of RbI among the compositions of the wide space
    assert torch.allclose(difference, difference[:1].expand_as(difference), atol=1e-3)


@pytest.mark.parametrize(
    "space",
    [
        {"elements": ["Na", "K", "Mg", "Al", "Si", "O", "F"], "n_elements": (6, 6), "n_atoms": (10, 12)},
        {"elements": ["Na", "Mg", "Al", "O", "S"], "prototype": "spinel"},
        {"elements": ["Cu", "Ni", "Al"], "n_elements": (1, 3), "n_atoms": (1, 5), "chemistry": "any"},
    ],
    ids=["more elements than are described", "a prototype", "metals"],
)
def test_the_prior_of_the_package_reads_every_kind_of_space(space: dict[str, Any]) -> None:
    flow = GFlowNet(CrystalSpace(**space), seed=0, prior="default")
    drawn = flow.sample(50)
    assert bool(flow.log_prior(drawn).isfinite().all())
    assert torch.allclose(flow.log_prob(drawn), flow.log_prior(drawn), atol=1e-3)


def test_crystals_held_out_become_likelier_and_the_prior_says_by_how_much(crystal_prior: CrystalPrior) -> None:
    held = crystal_prior.provenance["held_out"]
    assert held["crystals"] > 2
    assert held["nats"] < held["nats_by_grammar"] - 2


def test_where_there_is_nothing_to_learn_the_prior_stays_with_the_grammar() -> None:
    space = CrystalSpace(["Mg", "O"], n_elements=(2, 2), n_atoms=(2, 6), crystal_systems=["tetragonal", "hexagonal"])
    flow = GFlowNet(space, seed=4)
    prior = CrystalPrior.train(flow.sample_untrained(60), None, StructureFit(passes=8, patience=2))
    others = flow.sample_untrained(300)
    gain = GFlowNet(space, prior=prior).log_prior(others) - flow.log_prior(others)
    assert abs(float(gain.mean())) < 1


def test_a_sampler_tilts_the_prior_by_the_reward(crystal_prior: CrystalPrior) -> None:
    members = SALT.enumerate()

    def reward(candidates: Candidates) -> torch.Tensor:
        assert candidates.crystals is not None
        return 2.0 * (candidates.crystals.group == 221).float()

    flow = GFlowNet(SALT, seed=2, prior=crystal_prior)
    target = (flow.log_prior(members) + reward(members)).double()
    flow.fit(reward, trajectories=2_000)
    assert float((flow.log_prob(members).double().exp() - target.softmax(0)).abs().sum() / 2) < 0.05
    assert flow.log_z == pytest.approx(float(target.logsumexp(0)), abs=0.05)


@pytest.mark.slow
def test_a_conditional_sampler_tilts_the_prior_under_each_condition(crystal_prior: CrystalPrior) -> None:
    members = SALT.enumerate()

    def objectives(candidates: Candidates) -> torch.Tensor:
        assert candidates.crystals is not None
        return torch.stack([candidates.crystals.group == 221, candidates.crystals.group == 216], 1).float()

    conditioning = Conditioning(2, (0.5, 4.0))
    flow = GFlowNet(SALT, seed=2, prior=crystal_prior, conditioning=conditioning)
    flow.fit(objectives, trajectories=6_000)
    for preferences, sharpness in (((1.0, 0.0), 4.0), ((0.5, 0.5), 0.5)):
        condition = Condition(preferences, sharpness)
        reward = flow.checked_log_reward(objectives, members, condition)
        target = (flow.log_prior(members) + reward).double().softmax(0)
        log_prob = flow.log_prob(members, condition=condition).double()
        assert float((log_prob.exp() - target).abs().sum() / 2) < 0.08


def test_one_seed_gives_one_prior_whatever_others_draw(
    known_crystals: list[Structure], crystal_prior: CrystalPrior
) -> None:
    crystals, _ = encoded_crystals(known_crystals, atoms=8, elements=3)
    others = torch.manual_seed(9).get_state()
    again = CrystalPrior.train(crystals, None, StructureFit(passes=40, held=0.2))
    assert again.fingerprint == crystal_prior.fingerprint
    assert torch.equal(torch.get_rng_state(), others)


def test_a_file_keeps_the_prior_and_a_saved_sampler_finds_it(
    crystal_prior: CrystalPrior, binary_prior: FormulaPrior, tmp_path: Path
) -> None:
    both = CrystalPrior(crystal_prior.structures, crystal_prior.log_units, binary_prior, {"data": "a test"})
    both.save(tmp_path / "prior.pt")
    again = load_prior(tmp_path / "prior.pt")
    assert isinstance(again, CrystalPrior)
    assert again.provenance == both.provenance
    space = CrystalSpace(["Li", "Na", "Cl"], n_elements=(2, 2), n_atoms=(2, 4), crystal_systems=["cubic"])
    crystals = GFlowNet(space).sample_untrained(50)
    kept, first = (GFlowNet(space, prior=prior).log_prior(crystals) for prior in (again, both))
    assert torch.allclose(kept, first, atol=0.1)  # half precision
    GFlowNet(space, prior=tmp_path / "prior.pt").save(tmp_path / "flow.pt")
    assert torch.equal(GFlowNet.load(tmp_path / "flow.pt").log_prior(crystals), kept)
    with pytest.raises(ValueError, match="prior of crystals, and not of formulas"):
        FormulaPrior.load(tmp_path / "prior.pt")
    binary_prior.save(tmp_path / "formulas.pt")
    with pytest.raises(ValueError, match="prior of formulas, and not of crystals"):
        CrystalPrior.load(tmp_path / "formulas.pt")


def test_a_prior_that_cannot_speak_of_a_space_says_so(crystal_prior: CrystalPrior, binary_prior: FormulaPrior) -> None:
    compositions = CompositionSpace(["Li", "O"], n_elements=(2, 2), n_atoms=(2, 4))
    with pytest.raises(ValueError, match="of structures alone"):
        GFlowNet(compositions, prior=crystal_prior)
    both = CrystalPrior(crystal_prior.structures, crystal_prior.log_units, binary_prior, {})
    of_formulas = GFlowNet(compositions, prior=both).log_prior(compositions.enumerate())
    assert torch.equal(of_formulas, GFlowNet(compositions, prior=binary_prior).log_prior(compositions.enumerate()))
    with pytest.raises(ValueError, match="knows nothing of Rb, I"):
        GFlowNet(SALT, prior=both)
    table = TableSpace(frame={"formula": ["Li2O", "NaCl"]})
    for prior in (crystal_prior, both, binary_prior):
        with pytest.raises(ValueError, match=r"of structures alone|in a table of formulas, take none"):
            GFlowNet(table, prior=prior)
    with pytest.raises(ValueError, match="20 at least"):
        CrystalPrior.train(SALT.enumerate()[:5], None)


def test_a_copy_goes_to_another_device(crystal_prior: CrystalPrior) -> None:
    moved = crystal_prior.to(torch.device("meta"))
    assert {value.device.type for value in moved.structures.state_dict().values()} == {"meta"}
    assert {value.device.type for value in crystal_prior.structures.state_dict().values()} == {"cpu"}


def test_the_prior_of_the_package_is_small_says_where_it_is_from_and_knows_structures() -> None:
    assert sum(file.stat().st_size for file in DEFAULT.parent.iterdir()) < 5e6
    prior = load_prior("default", crystals=True)
    assert isinstance(prior, CrystalPrior)
    assert "CC-BY" in prior.provenance["licence"]
    members = SALT.enumerate()
    share = GFlowNet(SALT, prior=prior).log_prior(members).exp()
    assert float(share[torch.tensor([key.split("|")[1] == "225" for key in members.keys])].sum()) > 0.5


def test_a_campaign_of_crystals_takes_the_prior_of_the_package(tmp_path: Path) -> None:
    campaign = {
        "space": {"kind": "crystal", "elements": ["Mg", "O"], "n_elements": [2, 2], "n_atoms": [2, 4]},
        "objectives": [{"property": "formation_energy", "goal": "minimize"}],
        "fidelities": [{"name": "estimate", "oracle": "ionic", "cost": 1}],
        "proposer": {"trajectories": 64, "pool": 50, "prior": "default"},
        "acquisition": {"batch_size": 4, "kind": "random"},
        "budget": {"cost": 8},
    }
    found = Campaign.open(campaign, store=f"sqlite:///{tmp_path / 'campaign.db'}")
    found.run()
    assert len(found.measurements()) == 8
