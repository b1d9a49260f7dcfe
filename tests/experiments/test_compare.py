"""The benchmark of campaigns, on a problem of a few hundred compositions."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import torch
from harness import worker
from harness.figures import write_png
from harness.methods import METHODS, methods_named
from harness.page import Section, write_page
from harness.problems import PROBLEMS, problem_named
from harness.results import HITS, collect
from harness.runner import Failure, run_all
from harness.runs import Run
from harness.sources import DIELECTRIC, TERNARY_OXIDES
from harness.tables import accounts, curves_table, runs_table, summary_table

from gfnmat.campaign_file import load

BENCHMARKS = Path(__file__).parents[2] / "experiments" / "benchmarks"
TINY = """
space: {elements: [Li, Na, Mg, Al, O, S, F], n_elements: [2, 3], n_atoms: [2, 6]}
objectives:
  - {property: formation_energy, goal: minimize}
fidelities:
  - {name: cheap, oracle: python, function: "slow:energy", cost: 0.5}
  - {name: dear, oracle: pauling, cost: 1}
proposer: {kind: gflownet, trajectories: 200, pool: 60}
acquisition: {batch_size: 4}
budget: {cost: 14}
"""
SLOW = """
import time
from oracles import build

def energy(materials):
    time.sleep(SECONDS)
    return [{"formation_energy": e.values["formation_energy"]} for e in build("pauling").evaluate(materials)]
"""


@pytest.fixture
def tiny(tmp_path):
    return problem_with(tmp_path, seconds=0)


def problem_with(folder, seconds):
    folder.mkdir(exist_ok=True)
    (folder / "tiny.yaml").write_text(TINY)
    (folder / "slow.py").write_text(SLOW.replace("SECONDS", str(seconds)))
    return problem_named(str(folder / "tiny.yaml"))


def run_here(problem, method, seed, output):
    run = Run.of(problem, None, METHODS[method], seed, output)
    run.prepare()
    worker.run(run.folder)
    return run


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compare")
    problem = problem_with(folder, seconds=0)
    runs = [run_here(problem, method, seed, folder / "out") for seed in (4, 5) for method in ("random_pool", "random")]
    return collect(problem, None, runs)


def test_what_is_to_be_found_is_the_top_percent_of_all(results):
    members = results.campaign.space.enumerate()
    best = sorted(members.formulas, key=dict(zip(members.formulas, energies(members), strict=True)).__getitem__)
    expected = best[: -(-len(members) // 100)]
    assert results.truth.members == len(members) > 100
    assert set(expected) <= results.truth.hits
    assert len(results.truth.hits) - len(expected) <= 3  # what ties with the last


def energies(candidates):
    """Minus the variance of electronegativity: Pauling's formula in its other form."""
    return [
        -sum(n * (e.X - mean) ** 2 for e, n in c.items()) / c.num_atoms
        for c in candidates.compositions
        for mean in [sum(n * e.X for e, n in c.items()) / c.num_atoms]
    ]


def test_cost_counts_everything_and_adds_up(results):
    for method, runs in results.runs.items():
        for result in runs:
            paid = accounts(result, results)
            frame = result.measurements
            assert paid["spent"] == pytest.approx(frame["cost"].sum()) == pytest.approx(result.run.facts["spent"])
            assert paid["spent"] == pytest.approx(paid["spent_below_target"] + paid["spent_at_target"])
            assert (paid["spent_below_target"] > 0) == (method == "random_pool")
            assert paid["spent_in_first_round"] > 0


def test_curves_begin_at_nothing_and_rise_to_the_end(results):
    curves = curves_table(results)
    for method in results.runs:
        hits = curves[(curves["method"] == method) & (curves["metric"] == HITS)]
        assert hits["cost"].iloc[0] == 0
        assert hits["mean"].iloc[0] == 0
        assert (hits["mean"].diff().dropna() >= 0).all()
        assert ((hits["low"] <= hits["mean"]) & (hits["mean"] <= hits["high"])).all()
        ends = torch.stack([torch.tensor(result.curves[HITS].final) for result in results.runs[method]])
        assert hits["mean"].iloc[-1] == pytest.approx(float(ends.mean()), abs=0.51)


def test_the_summary_agrees_with_the_runs(results):
    summary = summary_table(results).set_index(["method", "quantity"])["value"]
    runs = runs_table(results)
    for method in results.runs:
        of_method = runs[runs["method"] == method]
        for quantity in ("best_at_14", "spent", "evaluations"):
            assert summary[method, quantity] == pytest.approx(of_method[quantity].mean())
    assert (runs["best_at_14"] < 0).all()  # in the unit of the objective, not as a utility


def test_the_page_needs_no_network_and_names_what_failed(results, tmp_path):
    curves = curves_table(results)
    failure = Failure(results.runs["random"][0].run, "the <oracle> went away")
    section = Section(results, curves, summary_table(results, [failure]))
    write_page([section], [failure], {"machine": "two cores"}, tmp_path / "index.html")
    page = (tmp_path / "index.html").read_text()
    assert "the &lt;oracle&gt; went away" in page
    assert page.count("Plotly.newPlot(") >= len(results.metrics)
    assert 'src="http' not in page
    write_png(results, curves, tmp_path / "tiny.png")
    assert (tmp_path / "tiny.png").read_bytes().startswith(b"\x89PNG")


def test_methods_change_what_they_say_and_nothing_else():
    content = {
        "space": {"elements": ["Li", "O"]},
        "fidelities": [{"name": "a", "oracle": "pauling", "cost": 0.1}, {"name": "b", "oracle": "pauling", "cost": 1}],
        "proposer": {"kind": "gflownet", "trajectories": 5},
        "acquisition": {"batch_size": 3},
        "budget": {"cost": 9, "rounds": 2},
    }
    assert METHODS["gfnmat"].applied(content, 7, None) == {**content, "seed": 7}
    single = METHODS["single_fidelity"].applied(content, 7, None)
    assert single == {**content, "seed": 7, "fidelities": content["fidelities"][1:]}
    random = METHODS["random"].applied(content, 7, 50)
    assert random["proposer"] == {"kind": "random"}
    assert random["budget"] == {"cost": 50}
    assert content["budget"] == {"cost": 9, "rounds": 2}


def test_a_change_makes_another_run(tiny, tmp_path):
    first = Run.of(tiny, None, METHODS["gfnmat"], 4, tmp_path)
    assert first.folder == Run.of(tiny, None, METHODS["gfnmat"], 4, tmp_path).folder
    assert first.folder != Run.of(tiny, None, METHODS["gfnmat"], 5, tmp_path).folder
    (tmp_path / "slow.py").write_text("def energy(materials): ...")
    assert first.folder != Run.of(tiny, None, METHODS["gfnmat"], 4, tmp_path).folder
    tiny.file.write_text(TINY.replace("cost: 14", "cost: 15"))
    assert first.folder != Run.of(tiny, None, METHODS["gfnmat"], 4, tmp_path).folder


@pytest.mark.slow
def test_a_run_that_fails_is_reported_and_tried_again(tiny, tmp_path):
    (tmp_path / "slow.py").write_text("raise RuntimeError('no licence')")
    runs = [Run.of(tiny, None, METHODS["gfnmat"], 4, tmp_path)]
    said = []
    (failure,) = run_all(runs, jobs=1, seconds=120, say=said.append)
    assert "no licence" in failure.reason
    assert any("FAILED" in line for line in said)
    assert "Traceback" in (runs[0].folder / "error.txt").read_text()
    assert not runs[0].is_done


def test_a_finished_run_is_not_run_again(results):
    run = results.runs["random"][0].run
    said = []
    assert run_all([run], jobs=1, seconds=0.0, say=said.append) == []
    assert said == ["1 runs, 1 of them done before"]


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="allowed are gfnmat, random"):
        methods_named(["gradient_descent"])
    with pytest.raises(ValueError, match="give a campaign file, or one of enumerable"):
        problem_named("perovskites")
    with pytest.raises(ValueError, match="--data"):
        DIELECTRIC.write(None, Path("nowhere"))


@pytest.mark.parametrize("name", ["enumerable", "quickstart"])
@pytest.mark.parametrize("method", ["gfnmat", "random", "single_fidelity"])
def test_campaign_files_of_the_benchmark_are_valid(name, method):
    problem = PROBLEMS[name]
    content = METHODS[method].applied(problem.content(None), 100, problem.budgets.get(method))
    assert load(content).seed == 100


def test_of_several_crystals_of_one_formula_one_is_kept_whole(tmp_path):
    rows = pd.DataFrame(
        {
            "formula": ["Na2O2", "NaO", "MgO"],
            "band_gap": [1.0, 5.0, 4.0],
            "dielectric_total": [9.0, 3.0, 7.0],
        }
    )
    rows.to_csv(tmp_path / DIELECTRIC.file, index=False)
    made = DIELECTRIC.write(tmp_path, tmp_path / "tables")
    assert pd.read_csv(made.path).to_numpy().tolist() == [["MgO", 4.0, 7.0], ["Na2O2", 1.0, 9.0]]


def test_the_ternary_oxides_are_chosen_by_formula(tmp_path):
    rows = pd.DataFrame(
        {"formula": ["LiMnO2", "Na3N", "NaN", "Li8Al8O16", "MgO", "CaTiO3"], "formation_energy_per_atom": -1.0}
    )
    rows.to_csv(tmp_path / TERNARY_OXIDES.file, index=False)
    made = TERNARY_OXIDES.write(tmp_path, tmp_path / "tables")
    assert pd.read_csv(made.path)["formula"].tolist() == ["LiMnO2", "CaTiO3"]


def command(problem, output):
    script = [sys.executable, str(BENCHMARKS / "compare.py"), str(problem.file)]
    return [*script, "--methods", "random_pool", "random", "--seeds", "4", "-o", str(output)]


def environment():
    return {**os.environ, "PYTHONPATH": str(BENCHMARKS.parents[1]), "OMP_NUM_THREADS": "1"}


@pytest.mark.slow
def test_killed_and_run_again_it_writes_the_same_tables(tmp_path):
    """Where the benchmark and its process are killed amid a campaign, the same command goes on from there."""
    problem = problem_with(tmp_path / "problem", seconds=0.4)
    outputs = tmp_path / "whole", tmp_path / "killed"
    subprocess.run(command(problem, outputs[0]), check=True, env=environment(), capture_output=True)

    started = subprocess.Popen(
        command(problem, outputs[1]), env=environment(), start_new_session=True, stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    store = None
    while time.monotonic() < deadline and (store is None or measured(store) < 3):
        store = next(outputs[1].glob("runs/*/random_pool/*/campaign.db"), None)
        time.sleep(0.05)
    os.killpg(started.pid, signal.SIGKILL)
    started.wait()
    assert 3 <= measured(store) < measured(next(outputs[0].glob("runs/*/random_pool/*/campaign.db")))
    assert not list(outputs[1].rglob("run.json"))

    again = subprocess.run(command(problem, outputs[1]), check=True, env=environment(), capture_output=True, text=True)
    assert "2 runs, 0 of them done before" in again.stdout
    for name in ("curves.csv", "runs.csv", "summary.csv"):
        whole, killed = (pd.read_csv(output / name) for output in outputs)
        assert len(whole) > 1
        pd.testing.assert_frame_equal(timeless(whole), timeless(killed))
    assert {"tiny.png", "index.html"} <= {path.name for path in outputs[1].iterdir()}


def timeless(table):
    """A table without what a machine makes differ."""
    varying = ["seconds", "peak_gib", "resumed", "folder"]
    if "quantity" in table:
        table = table[~table["quantity"].isin(varying)]
    return table.drop(columns=varying, errors="ignore").reset_index(drop=True)


def measured(store):
    import sqlite3

    if store is None:
        return 0
    try:
        with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as connection:
            return connection.execute("select count(*) from measurements").fetchone()[0]
    except sqlite3.OperationalError:  # not made yet
        return 0
