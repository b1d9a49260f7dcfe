"""Priors against enumeration, counting and the files they are kept in."""

from pathlib import Path

import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from gfnmat import Candidates, CompositionSpace, CrystalSpace, GFlowNet
from gfnmat.cli import app
from gfnmat.flow.prior.likelihood import Fit
from gfnmat.flow.prior.prior import DEFAULT, FormulaPrior, Sizes
from gfnmat.flow.prior.substitution import likeness, substituted
from gfnmat.flow.prior.tables import known_formulas

ELEMENTS = ["Li", "Na", "Mg", "Ca", "Al", "Ti", "Fe", "S", "O", "F"]
SIZES = Sizes(elements=3, atoms=7, count=5)


@pytest.fixture(scope="module")
def known() -> Candidates:
    """Neutral formulas, so that what is known is far from evenly spread over `any` chemistry."""
    return CompositionSpace(ELEMENTS, n_elements=(2, 3), n_atoms=(2, 7), commonality="high").enumerate()


@pytest.fixture(scope="module")
def prior(known: Candidates) -> FormulaPrior:
    return FormulaPrior.train(
        known, SIZES, Fit(passes=120, brain_floats=False, beside=0.0), {"data": "a test", "licence": "none"}
    )


def test_the_chances_of_all_formulas_sum_to_one(prior: FormulaPrior) -> None:
    members = prior.space.enumerate()
    counted = members.counts.amax(1) <= SIZES.count
    total = prior.log_prob(members.counts).double().exp()
    assert float(total.sum()) <= 1 + 1e-4
    assert float(total[counted].sum()) == pytest.approx(float(total.sum()))
    assert float(total.sum()) > 0.98  # the rest has larger counts, of which the network has no word


def test_known_formulas_become_likely_and_others_like_them_too(prior: FormulaPrior, known: Candidates) -> None:
    members = prior.space.enumerate()
    log_prob = prior.log_prob(members.counts)
    names = set(known.formulas)
    is_known = torch.tensor([formula in names for formula in members.formulas])
    assert float(log_prob[is_known].exp().sum()) > 5 * float(is_known.float().mean())


def test_formulas_are_drawn_as_often_as_log_prob_says(prior: FormulaPrior) -> None:
    members = prior.space.enumerate()
    chance = dict(zip(members.formulas, prior.log_prob(members.counts).exp().tolist(), strict=True))
    drawn = prior.sample(40_000, seed=1)
    share: dict[str, float] = {}
    for formula in drawn.formulas:
        share[formula] = share.get(formula, 0) + 1 / len(drawn)
    likely = [formula for formula, p in chance.items() if p > 2e-3]
    assert len(likely) > 50
    for formula in likely:
        assert abs(share.get(formula, 0) - chance[formula]) < 5 * (chance[formula] / len(drawn)) ** 0.5
    assert torch.equal(prior.sample(50, seed=1).counts, prior.sample(50, seed=1).counts)


@pytest.mark.parametrize("chemistry", ["ionic", "any"])
def test_a_sampler_tilts_the_prior_by_the_reward(prior: FormulaPrior, chemistry: str) -> None:
    space = CompositionSpace([*ELEMENTS[:8], "O"], n_elements=(2, 3), n_atoms=(2, 6), chemistry=chemistry)
    members = space.enumerate()

    def reward(candidates: Candidates) -> torch.Tensor:
        return (candidates.counts[:, 7] / candidates.counts.sum(1) * 4).float()

    flow = GFlowNet(space, seed=2, prior=prior)
    log_prior = flow.log_prior(members)
    assert torch.allclose(log_prior, prior.log_prob(members.counts).clamp(min=-60), atol=1e-4)
    flow.fit(reward, trajectories=24_000)
    target = (log_prior + reward(members)).double()
    assert float((flow.log_prob(members).double().exp() - target.softmax(0)).abs().sum() / 2) < 0.05
    assert flow.log_z == pytest.approx(float(target.logsumexp(0)), abs=0.05)


def test_blanks_are_filled_in_proportion_to_the_prior(prior: FormulaPrior) -> None:
    """Written word by word, a formula with blanks has not the prior's chances: the words to come are not seen."""
    space = CompositionSpace(ELEMENTS, fix="?*?O3", n_atoms=(1, 7), chemistry="any")
    members = space.enumerate()
    flow = GFlowNet(space, seed=0, prior=prior)
    target = flow.log_prior(members).double().softmax(0)
    before = float((flow.log_prob(members).double().exp() - target).abs().sum() / 2)
    flow.fit(lambda candidates: torch.zeros(len(candidates)), trajectories=16_000)
    after = float((flow.log_prob(members).double().exp() - target).abs().sum() / 2)
    assert after < 0.05
    assert after < before


def test_a_file_keeps_the_prior_and_half_precision_costs_nothing(prior: FormulaPrior, tmp_path: Path) -> None:
    members = prior.space.enumerate(limit=10**6)[:500]
    prior.save(tmp_path / "prior.pt")
    again = FormulaPrior.load(tmp_path / "prior.pt")
    assert torch.allclose(again.log_prob(members.counts), prior.log_prob(members.counts), atol=0.05)
    assert again.provenance == prior.provenance
    assert again.sizes == SIZES


def test_a_saved_sampler_finds_its_prior_or_says_so(prior: FormulaPrior, tmp_path: Path) -> None:
    space = CompositionSpace(ELEMENTS, n_elements=(2, 2), n_atoms=(2, 6))
    file = tmp_path / "prior.pt"
    prior.save(file)
    GFlowNet(space, prior=file).save(tmp_path / "flow.pt")
    assert GFlowNet.load(tmp_path / "flow.pt").prior is not None
    other = FormulaPrior(prior.network, prior.sizes, {})
    with torch.no_grad():
        prior.network.head.bias += 1e-2
    other.save(file)
    with torch.no_grad():
        prior.network.head.bias -= 1e-2
    with pytest.raises(ValueError, match="another prior"):
        GFlowNet.load(tmp_path / "flow.pt")
    file.unlink()
    with pytest.raises(ValueError, match="no prior"):
        GFlowNet.load(tmp_path / "flow.pt")


def test_what_is_no_prior_or_another_vocabulary_says_so(prior: FormulaPrior, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="knows nothing of Zr"):
        GFlowNet(CompositionSpace(["Li", "Zr", "O"]), prior=prior)
    with pytest.raises(ValueError, match="knows nothing of Zr"):
        GFlowNet(CrystalSpace(["Zr", "O"], n_elements=(2, 2), n_atoms=(2, 3)), prior=prior)
    (tmp_path / "text.pt").write_text("no prior")
    torch.save({"format": 99}, tmp_path / "old.pt")
    for file, reason in (("text.pt", "is not a prior"), ("old.pt", "not a prior of format"), ("none.pt", "no prior")):
        with pytest.raises(ValueError, match=reason):
            FormulaPrior.load(tmp_path / file)
    with pytest.raises(ValueError, match="100 at least"):
        FormulaPrior.train(Candidates.of(["LiF", "NaF"]))


def test_formulas_beyond_a_prior_have_no_chance_and_to_a_sampler_hardly_one(prior: FormulaPrior) -> None:
    beyond = Candidates.of(["Li6O", "ZrO2", "NaLiMgO3"])
    assert (prior.log_prob(beyond.counts) == -torch.inf).all()
    space = CompositionSpace(["Li", "O"], n_elements=(2, 2), n_atoms=(8, 12), chemistry="any")
    flow = GFlowNet(space, prior=prior)
    assert (flow.log_prior(space.enumerate()) == -60).all()
    flow.fit(lambda candidates: torch.zeros(len(candidates)), trajectories=64)
    assert flow.sample(4).formulas


def test_loading_a_prior_leaves_the_random_numbers_of_others_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    FormulaPrior.load("default")
    assert torch.equal(torch.rand(3), expected)


def test_training_neither_disturbs_the_random_numbers_of_others_nor_is_disturbed(known: Candidates) -> None:
    """Another thread may draw at any time, so that putting the state back at the end would not be enough."""
    others = torch.manual_seed(3).get_state()

    def trained(disturbance: int) -> FormulaPrior:
        fit = Fit(passes=2, brain_floats=False, beside=0.0, seed=5)
        return FormulaPrior.train(known, SIZES, fit, progress=lambda *_: torch.rand(disturbance).sum().item())

    calm = trained(0)
    assert torch.equal(torch.get_rng_state(), others)
    assert trained(7).fingerprint == calm.fingerprint


def test_a_sampler_takes_a_prior_to_its_device_and_leaves_the_callers_where_it_is(prior: FormulaPrior) -> None:
    """The device `meta` is another one on every machine."""
    moved = prior.to(torch.device("meta"))
    assert {value.device.type for value in moved.network.state_dict().values()} == {"meta"}
    assert {value.device.type for value in prior.network.state_dict().values()} == {"cpu"}
    assert prior.to(torch.device("cpu")) is prior


def test_tables_of_matminer_are_found_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def load_dataset(name: str) -> pd.DataFrame:
        asked.append(name)
        if name == "matbench_steels":
            raise RuntimeError("no route to host")
        return pd.DataFrame({"composition": ["Li2O", "NaCl", "LiLiO"]})

    names = ["expt_gap", "matbench_steels"]
    monkeypatch.setattr("matminer.datasets.get_available_datasets", lambda print_format: names)
    monkeypatch.setattr("matminer.datasets.load_dataset", load_dataset)
    formulas, left_out = known_formulas("expt_gap")
    assert (sorted(formulas.formulas), left_out) == (["Li2O", "NaCl"], 0)
    with pytest.raises(ValueError, match="did you mean expt_gap"):
        known_formulas("expt_gaps")
    with pytest.raises(ValueError, match=r"no route to host.*needs a network"):
        known_formulas("matbench_steels")
    assert asked == ["expt_gap", "matbench_steels"]


def test_the_prior_of_the_package_is_small_says_where_it_is_from_and_knows_chemistry() -> None:
    assert DEFAULT.stat().st_size < 5e6
    prior = FormulaPrior.load("default")
    assert "CC-BY" in prior.provenance["licence"]
    assert len(prior.elements) > 80
    likely, odd = (prior.log_prob(Candidates.of([formula]).counts) for formula in ("LiFePO4", "Li4FePO"))
    assert float(likely) > float(odd) + 3


def test_substitutions_put_what_fills_the_same_blank_and_keep_the_counts() -> None:
    formulas = Candidates.of(["LiFePO4", "LiMnPO4", "NaMnPO4", "MgO", "CaO", "TiO2"])
    alike = likeness(formulas.counts)
    assert torch.equal(alike, alike.T)
    assert float(alike[25, 24]) == 1  # Fe and Mn fill LiPO4
    assert float(alike[11, 19]) == 1  # Mg and Ca fill O
    assert float(alike[21, 19]) == 0
    new = substituted(formulas.counts, alike, torch.Generator().manual_seed(0))
    assert torch.equal(new.sort(1).values.unique(dim=0), formulas.counts[:5].sort(1).values.unique(dim=0))


def test_tables_are_read_whatever_their_form(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("name,formula\nx,Li2O\ny,LiLiO\nz,Fe0.5O\nw,nonsense!\nu,NaCl\n")
    formulas, left_out = known_formulas(tmp_path / "a.csv")
    assert sorted(formulas.formulas) == ["Li2O", "NaCl"]
    assert left_out == 2
    for table, column, reason in (
        (tmp_path / "a.csv", "composition", "no column 'composition'; its columns are name, formula"),
        (tmp_path / "b.csv", None, "there is no file"),
        ("matbench_expt_gapp", None, "matminer's data sets"),
        (tmp_path / "a.csv", "name", "holds a formula|columns"),
    ):
        with pytest.raises(ValueError, match=reason):
            known_formulas(table, column)


def test_the_command_line_trains_and_shows(known: Candidates, tmp_path: Path) -> None:
    table, prior = tmp_path / "known.csv", tmp_path / "prior.pt"
    table.write_text("formula\n" + "\n".join(known.formulas))
    options = ["--passes", "1", "--atoms", "7", "--elements", "3", "--source", "made up"]
    result = CliRunner().invoke(app, ["prior", "train", str(table), "-o", str(prior), *options])
    assert result.exit_code == 0, result.output
    shown = CliRunner().invoke(app, ["prior", "show", str(prior)])
    assert shown.exit_code == 0
    assert "data: made up" in shown.output
    assert "draws:" in shown.output
    wrong = CliRunner().invoke(app, ["prior", "show", str(table)])
    assert wrong.exit_code == 2
    assert "is not a prior" in wrong.output


def test_a_campaign_takes_a_prior_beside_its_file(prior: FormulaPrior, tmp_path: Path) -> None:
    from gfnmat import Campaign

    prior.save(tmp_path / "mine.pt")
    file = tmp_path / "campaign.yaml"
    text = """
space: {elements: [Li, Mg, Ti, O, F], n_elements: [2, 3], n_atoms: [2, 10]}
objectives: [{property: formation_energy, goal: minimize}]
fidelities: [{name: estimate, oracle: pauling, cost: 1}]
proposer: {trajectories: 512, pool: 100, prior: PRIOR}
budget: {cost: 24}
"""
    file.write_text(text.replace("PRIOR", "mine.pt"))
    campaign = Campaign.open(file, store=f"sqlite:///{tmp_path / 'campaign.db'}")
    campaign.run()
    assert len(campaign.measurements()) == 24
    file.write_text(text.replace("PRIOR", "other.pt"))
    with pytest.raises(ValueError, match="there is no prior"):
        Campaign.open(file, store=f"sqlite:///{tmp_path / 'other.db'}")
