"""Campaigns whose candidates are crystals, on oracles that cost nothing."""

import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Lattice, Structure

from gfnmat import Campaign, Candidates
from gfnmat.campaign.store import StoreError
from gfnmat.config import ConfigError
from gfnmat.proposers.random import RandomProposer
from oracles import Evaluation

Opener = Callable[..., Campaign]

ORACLES = '''
"""Properties of structures that cost nothing; `calls` counts the evaluations."""
calls = 0
interrupt_at = None

def stiffness(materials):
    global calls
    answers = []
    for structure in materials:
        calls += 1
        if calls == interrupt_at:
            raise KeyboardInterrupt
        volume = structure.volume / len(structure)
        if "F" in structure.symbol_set:
            answers.append(ValueError("fluorides melt"))
        else:
            answers.append({"bulk_modulus": 300 / (1 + abs(volume - 11)), "density": float(structure.density)})
    return answers

def hint(materials):
    return [{"bulk_modulus": 250 / (1 + abs(s.volume / len(s) - 12))} for s in materials]
'''
SPACE = {
    "kind": "crystal",
    "elements": ["Mg", "Ti", "O", "F"],
    "n_elements": [2, 3],
    "n_atoms": [2, 6],
    "crystal_systems": ["cubic", "tetragonal"],
}
MGO = {"kind": "crystal", "formula": "MgO", "n_atoms": [2, 2], "space_groups": [225, 221, 216]}


class Settling:
    """An oracle that relaxes the volume and nothing else, so that crystals of different volume end as one."""

    properties = ("bulk_modulus", "density")

    def evaluate(self, materials: Sequence[Any]) -> list[Evaluation]:
        relaxed = [material.copy().scale_lattice(11.0 * len(material)) for material in materials]
        return [
            Evaluation.done({"bulk_modulus": 1000 / before.volume, "density": float(after.density)}, structure=after)
            for before, after in zip(materials, relaxed, strict=True)
        ]


@pytest.fixture
def content(tmp_path: Path) -> dict[str, Any]:
    module = f"crystal_oracles_of_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{module}.py").write_text(ORACLES)
    return {
        "name": "crystals",
        "space": SPACE,
        "objectives": [
            {"property": "bulk_modulus", "goal": "maximize"},
            {"property": "density", "goal": "minimize"},
        ],
        "fidelities": [
            {"name": "hint", "oracle": "python", "function": f"{module}:hint", "cost": 0.1, "path": str(tmp_path)},
            {"name": "real", "oracle": "python", "function": f"{module}:stiffness", "cost": 1, "path": str(tmp_path)},
        ],
        "proposer": {"pool": 100, "trajectories": 256},
        "acquisition": {"batch_size": 5},
        "budget": {"cost": 14, "rounds": 3},
    }


@pytest.fixture
def open_campaign(content: dict[str, Any], tmp_path: Path) -> Opener:
    """Opens the campaign; keywords replace parts of it."""

    def opened(store: str = "campaign.db", **changes: Any) -> Campaign:
        return Campaign.open({**content, **changes}, store=f"sqlite:///{tmp_path / store}")

    return opened


@pytest.fixture
def open_settling(open_campaign: Opener) -> Opener:
    """Opens a campaign on the relaxing oracle, in which some crystals end as one."""

    def opened(store: str = "settling.db", oracle: Settling | None = None) -> Campaign:
        random = {"proposer": {"kind": "random", "pool": 60}, "acquisition": {"kind": "random", "batch_size": 12}}
        campaign = open_campaign(store, space=MGO, **random)
        campaign._ladder._oracles[1] = oracle or Settling()
        return campaign

    return opened


@pytest.fixture
def settled(open_settling: Opener) -> Campaign:
    """Such a campaign when it is finished."""
    campaign = open_settling()
    campaign.run()
    return campaign


def test_the_loop_closes_on_crystals(open_campaign: Opener) -> None:
    campaign = open_campaign()
    campaign.run()
    measured, status = campaign.measurements(), campaign.status()
    assert status.finished
    assert list(measured.columns[:5]) == ["id", "formula", "space_group", "key", "fidelity"]
    assert "duplicate_of" in measured
    assert not measured.duplicated(["key", "fidelity"]).any()
    assert set(measured[measured.status == "infeasible"].error) <= {"ValueError: fluorides melt"}
    done = measured[(measured.status == "done") & (measured.fidelity == "real")]
    structures = Candidates.of_keys(list(done.key)).structures
    assert [s.reduced_formula for s in structures] == list(done.formula)
    assert [float(s.density) for s in structures] == pytest.approx(list(done.density))
    assert bool(campaign.space.admits(Candidates.of_keys(list(measured.key))).all())
    assert set(campaign.pareto().id) <= set(done.id)
    assert campaign.rounds().coverage[2:].between(0, 1).all()


def test_an_interrupted_campaign_of_crystals_ends_as_an_uninterrupted_one(
    open_campaign: Opener, content: dict[str, Any]
) -> None:
    whole = open_campaign("whole.db")
    whole.run()
    module = sys.modules[content["fidelities"][1]["function"].split(":")[0]]
    broken = open_campaign("broken.db")
    module.calls, module.interrupt_at = 0, int((whole.measurements().fidelity == "real").sum()) - 1  # type: ignore[attr-defined]
    with pytest.raises(KeyboardInterrupt):
        broken.run()
    module.interrupt_at = None  # type: ignore[attr-defined]
    resumed = open_campaign("broken.db")
    resumed.run()
    for campaign in (resumed, whole):
        assert len(campaign.rounds()) == 3
    pd.testing.assert_frame_equal(
        resumed.measurements().drop(columns="seconds"), whole.measurements().drop(columns="seconds")
    )
    assert resumed.structures("proposed") == whole.structures("proposed")


def test_crystals_are_asked_for_and_told(open_campaign: Opener) -> None:
    campaign = open_campaign()
    asked = campaign.ask(4, fidelity="real")
    assert list(asked.columns[:5]) == ["id", "formula", "space_group", "key", "fidelity"]
    assert len(set(asked.key)) == 4
    results = asked[["id"]].assign(bulk_modulus=[100.0, 150.0, 90.0, 120.0], density=[3.0, 4.0, 3.2, 3.5])
    assert campaign.tell(results) == 4
    assert campaign.measurements().duplicate_of.isna().all()
    again = campaign.ask(3)
    assert again.bulk_modulus_mean.notna().all()
    assert not set(again.key[again.fidelity == "real"]) & set(asked.key)
    assert list(campaign.outstanding().columns) == list(again.columns)


def test_each_crystal_is_kept_as_it_was_proposed(open_campaign: Opener) -> None:
    campaign = open_campaign()
    asked = campaign.ask(3, fidelity="real")
    proposed = open_campaign().structures("proposed")
    assert list(proposed) == [f"{row.formula}-{row.id}" for row in asked.itertuples()]
    assert list(proposed.values()) == list(Candidates.of_keys(list(asked.key)).structures)
    assert campaign.structures() == {}


def test_each_crystal_is_kept_as_it_was_judged(settled: Campaign) -> None:
    judged, proposed, measured = settled.structures(), settled.structures("proposed"), settled.measurements()
    done = measured.query("fidelity == 'real' and status == 'done'")
    assert sorted(judged) == sorted(f"{row.formula}-{row.id}" for row in done.itertuples())
    assert judged.keys() <= proposed.keys()
    for name, structure in judged.items():
        assert structure.volume / len(structure) == pytest.approx(11.0)
        assert StructureMatcher().fit(structure, proposed[name])


def test_a_material_that_came_before_is_a_duplicate_and_counts_once(settled: Campaign) -> None:
    done = settled.measurements().query("fidelity == 'real' and status == 'done'")
    structures = settled.numbered_structures()
    matcher, first = StructureMatcher(), dict[int, Structure]()
    for row in done.itertuples():
        same = [number for number, other in first.items() if matcher.fit(structures[row.id], other)]
        assert list(done.duplicate_of[done.id == row.id].dropna()) == same
        if not same:
            first[row.id] = structures[row.id]
    assert 1 < len(first) < len(done)
    assert set(settled.pareto().id) <= set(first)
    history = settled._history()
    assert [m.suggestion.id for m in history.feasible_at_target()] == list(first)
    assert len(history.at_target()) == len(done)  # the surrogate learns from all of them


def test_duplicates_are_the_same_after_an_interruption(open_settling: Opener, settled: Campaign) -> None:
    class Interrupted(Settling):
        calls = 0

        def evaluate(self, materials: Sequence[Any]) -> list[Evaluation]:
            self.calls += 1
            if self.calls == 2:
                raise KeyboardInterrupt
            return super().evaluate(materials)

    with pytest.raises(KeyboardInterrupt):
        open_settling("broken.db", Interrupted()).run()
    resumed = open_settling("broken.db")
    assert resumed.outstanding().shape[0] > 0
    resumed.run()
    tables = [campaign.measurements().drop(columns="seconds") for campaign in (resumed, settled)]
    pd.testing.assert_frame_equal(*tables)
    assert tables[0].duplicate_of.notna().any()


def test_what_a_person_corrects_lets_the_next_measurement_of_the_material_count(settled: Campaign) -> None:
    measured = settled.measurements()
    first, copies = next((n, part.id) for n, part in measured.dropna(subset="duplicate_of").groupby("duplicate_of"))
    settled.tell([{"id": first, "status": "infeasible"}], correct=True)
    after = settled.measurements().set_index("id").duplicate_of
    assert pd.isna(after[copies.iloc[0]])
    assert (after[copies.iloc[1:]] == copies.iloc[0]).all()


def test_a_crystal_that_is_measured_again_is_no_duplicate_of_itself(settled: Campaign) -> None:
    measured = settled.measurements().query("fidelity == 'real' and status == 'done'").set_index("id")
    copy = measured.duplicate_of.dropna().index[0]
    first = int(measured.duplicate_of[copy])
    issued = {s.id: s.choice for s in settled._store.suggestions()}
    again = [replace(issued[number], replicate=1) for number in (first, copy)]
    repeated = settled._store.issue(again, ["hint", "real"], None, None, 0, asked=False)
    counted = [m.suggestion.id for m in settled._history().feasible_at_target()]
    settled.run()
    after = settled.measurements().set_index("id")
    assert after.replicate[[s.id for s in repeated]].tolist() == [1, 1]
    answers = {m.suggestion.id: m.answer for m in settled._store.measurements()}
    assert answers[repeated[0].id].duplicate_of is None
    assert answers[repeated[1].id].duplicate_of == first
    assert [m.suggestion.id for m in settled._history().feasible_at_target()] == counted


def test_one_crystal_of_a_formula_is_screened_for_all(open_campaign: Opener) -> None:
    campaign = open_campaign()
    asked: list[str] = []

    class Picky(Settling):
        def admits(self, materials: Sequence[Any]) -> list[bool]:
            asked.extend(material.reduced_formula for material in materials)
            assert all(isinstance(material, Structure) for material in materials)
            return ["Ti" not in material.symbol_set for material in materials]

    campaign._ladder._oracles[1] = Picky()
    candidates = RandomProposer(campaign.space).propose(300, None, seed=0).candidates
    admitted = campaign._ladder.screens[1](candidates)
    assert admitted.tolist() == ["Ti" not in formula for formula in candidates.formulas]
    assert campaign._ladder.screens[1](candidates).tolist() == admitted.tolist()
    assert Counter(asked) == Counter(set(candidates.formulas))


def test_crystals_that_the_target_refuses_as_they_are_cost_nothing(tmp_path: Path) -> None:
    content = {
        "name": "sound",
        "space": {**SPACE, "crystal_systems": ["orthorhombic"]},
        "objectives": [{"property": "formation_energy", "goal": "minimize"}],
        "fidelities": [{"name": "estimate", "oracle": "ionic", "cost": 1}],
        "proposer": {"kind": "random", "pool": 200},
        "acquisition": {"kind": "random", "batch_size": 60},
        "budget": {"cost": 60},
    }
    campaign = Campaign.open(content, store=f"sqlite:///{tmp_path / 'campaign.db'}")
    drawn = RandomProposer(campaign.space).propose(200, None, seed=0).candidates
    taken = campaign._ladder.accepts(drawn)
    assert taken.tolist() == [answer.status == "done" for answer in campaign._ladder.ask(0, drawn.materials)]
    assert not taken.all()
    campaign.run()
    assert set(campaign.measurements().status) == {"done"}


def test_a_store_of_another_space_of_crystals_is_refused(open_campaign: Opener) -> None:
    open_campaign().ask(1)
    with pytest.raises(StoreError, match=r"has a campaign 'crystals' already, .* differs in space"):
        open_campaign(space={**SPACE, "crystal_systems": ["cubic"]})
    assert open_campaign(name="another").outstanding().empty


@pytest.mark.parametrize(
    ("space", "reason"),
    [
        ({**SPACE, "space_groups": ["Fm-3n"]}, "space: space_groups names 'Fm-3n'.* did you mean Fm-3"),
        ({**SPACE, "crystal_systems": ["cubical"]}, "space: crystal_systems names 'cubical'.* did you mean cubic"),
        ({**SPACE, "formula": "ZnS"}, "space: formula is ZnS, and elements or require name"),
        ({"kind": "crystal", "formula": "MgO", "n_atoms": [3, 3]}, "space: no crystal exists"),
        ({"kind": "crystal", "n_atoms": [2, 4]}, "elements is required and missing"),
        ({"elements": ["Mg", "O"], "space_groups": [225]}, "space_groups is not a key here.* goes with kind: crystal"),
    ],
)
def test_crystals_that_cannot_be_built_are_refused_at_once(open_campaign: Opener, space: Any, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        open_campaign(space=space)


def test_the_file_of_a_prototype_is_looked_for_beside_the_campaign_file(
    content: dict[str, Any], tmp_path: Path
) -> None:
    rocksalt = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.6), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    rocksalt.to(str(tmp_path / "mine.cif"))
    file = tmp_path / "campaign.yaml"
    file.write_text(json.dumps({**content, "space": {**SPACE, "prototype": "mine.cif"}}))
    asked = Campaign.open(file, store="sqlite://").ask(5, fidelity="real")
    assert set(asked.space_group) == {"Fm-3m"}
    file.write_text(json.dumps({**content, "space": {**SPACE, "prototype": "yours.cif"}}))
    with pytest.raises(ConfigError, match=r"campaign.yaml: space: .*yours.cif"):
        Campaign.open(file, store="sqlite://")


@pytest.mark.slow
def test_the_potential_judges_crystals(open_campaign: Opener) -> None:
    chgnet = {"name": "potential", "oracle": "chgnet", "protocol": "single_point", "cost": 1}
    campaign = open_campaign(
        space={**SPACE, "elements": ["Mg", "O"], "n_elements": [2, 2]},
        objectives=[{"property": "formation_energy", "goal": "minimize"}],
        fidelities=[chgnet],
        proposer={"kind": "random", "pool": 60},
        acquisition={"kind": "random", "batch_size": 6},
        budget={"cost": 6},
    )
    campaign.run()
    measured = campaign.measurements()
    assert len(measured) == 6
    done = measured[measured.status == "done"]
    assert not done.empty
    judged, proposed = campaign.structures(), campaign.structures("proposed")
    for row in done.itertuples():
        name = f"{row.formula}-{row.id}"
        assert row.density == pytest.approx(float(judged[name].density))
        assert StructureMatcher(scale=False).fit(judged[name], proposed[name])
