import json
import os
import subprocess
import sys
import time
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from typer.testing import CliRunner

from gfnmat.campaign_file import load
from gfnmat.cli import app

CAMPAIGN = """\
name: salts
space: {elements: [Li, Na, Mg, O, F, Cl], n_elements: [2, 3], n_atoms: [2, 6]}
objectives: [{property: formation_energy, goal: minimize}]
fidelities: [{name: estimate, oracle: pauling, cost: 1}]
proposer: {kind: random, pool: 50}
acquisition: {kind: random, batch_size: 3}
budget: {cost: 6, rounds: 2}
"""


def gfnmat(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder, which is the present one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def campaign(folder):
    path = Path("salts.yaml")
    path.write_text(CAMPAIGN, encoding="utf-8")
    return path


def refused(result):
    """The one sentence that a refusal consists of."""
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    return line


def test_help_and_version_answer_without_heavy_libraries():
    heavy = "('torch', 'pandas', 'pymatgen', 'plotly', 'sqlalchemy', 'numpy', 'openpyxl')"
    code = f"import sys, gfnmat.cli; sys.exit(any(name in sys.modules for name in {heavy}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert gfnmat("--version").stdout.startswith("gfnmat")
    assert "doctor" in gfnmat("--help").stdout


def test_init_writes_a_campaign_that_loads(folder):
    assert gfnmat("init", "new/stiff.yaml").exit_code == 0
    config = load("new/stiff.yaml")
    assert config.name == "stiff"
    assert len(config.fidelities) == 2


def test_init_overwrites_only_by_force(campaign):
    assert "--force" in refused(gfnmat("init", campaign))
    assert campaign.read_text(encoding="utf-8") == CAMPAIGN
    assert gfnmat("init", campaign, "--force").exit_code == 0
    assert load(campaign).fidelities[0].oracle == "chgnet"


@pytest.mark.parametrize("command", ["run", "ask", "status", "pareto", "export", "report"])
def test_a_missing_campaign_is_bad_input(folder, command):
    assert "nowhere.yaml" in refused(gfnmat(command, "nowhere.yaml"))
    assert list(folder.iterdir()) == []


def test_a_wrong_campaign_is_bad_input(campaign):
    campaign.write_text(CAMPAIGN.replace("budget", "bugdet"), encoding="utf-8")
    result = gfnmat("run", campaign)
    assert result.exit_code == 2
    assert "did you mean budget?" in result.stderr
    assert not Path("runs").exists()


def test_a_bad_store_is_bad_input(campaign):
    assert "nonsense" in refused(gfnmat("status", campaign, "--store", "nonsense"))


def test_run_closes_the_loop_and_sums_up(campaign):
    result = gfnmat("run", campaign)
    assert result.exit_code == 0
    assert "salts: 2 rounds, cost 6 of 6; " in result.stdout.splitlines()[0]
    assert "None" not in result.stdout
    assert "formation energy (eV/atom)" in result.stdout
    assert "evaluate 3 of 3" in result.stderr
    status = json.loads(gfnmat("status", campaign, "--json").stdout)
    assert status["finished"]
    assert status["counts"] == {"estimate": {"done": 6}}


def test_quiet_says_nothing_on_the_way(campaign):
    assert gfnmat("run", campaign, "--quiet").stderr == ""


def test_what_was_run_is_shown_and_exported(campaign):
    gfnmat("run", campaign, "--quiet")
    assert "cost 6 of 6" in gfnmat("status", campaign).stdout
    (best,) = json.loads(gfnmat("pareto", campaign, "--json").stdout)
    assert best["formula"] in gfnmat("pareto", campaign).stdout
    assert gfnmat("pareto", campaign, "-o", "best.csv").exit_code == 0
    assert pd.read_csv("best.csv")["formula"].tolist() == [best["formula"]]
    assert gfnmat("export", campaign, "--format", "csv", "--format", "json", "--format", "cif").exit_code == 0
    table = pd.read_csv("runs/salts/measurements.csv")
    assert len(table) == 6
    assert table["formation_energy"].min() == pytest.approx(best["formation_energy"])
    records = json.loads(Path("runs/salts/measurements.json").read_text(encoding="utf-8"))
    assert [record["formula"] for record in records] == table["formula"].tolist()


def test_crystals_are_shown_with_their_space_group_and_exported(campaign):
    crystals = CAMPAIGN.replace("space: {", "space: {kind: crystal, crystal_systems: [cubic], ")
    campaign.write_text(crystals.replace("pauling", "ionic"), encoding="utf-8")
    result = gfnmat("run", campaign)
    assert result.exit_code == 0
    (best,) = json.loads(gfnmat("pareto", campaign, "--json").stdout)
    assert best["key"].split("|")[0]
    assert best["space_group"] in result.stdout
    assert f"({best['formula']} {best['space_group']})" in result.stderr
    assert best["key"] not in result.stdout  # too long for a screen
    assert gfnmat("export", campaign, "--format", "extxyz", "--format", "ase", "--format", "cif").exit_code == 0
    written = {path.name for path in Path("runs/salts").iterdir()}
    assert {"structures", "structures.db", "structures.extxyz"} <= written
    assert Path(f"runs/salts/structures/{best['formula']}-{best['id']}-proposed.cif").is_file()
    assert gfnmat("report", campaign).exit_code == 0


def test_the_space_of_crystals_is_public_and_imported_when_asked_for():
    code = "import sys, gfnmat; assert 'torch' not in sys.modules; gfnmat.CrystalSpace; assert 'torch' in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_interrupted_run_says_how_to_resume(campaign, monkeypatch):
    from gfnmat.campaign import Campaign

    def interrupted(self, progress=None):
        raise KeyboardInterrupt

    monkeypatch.setattr(Campaign, "run", interrupted)
    result = gfnmat("run", campaign)
    assert result.exit_code == 130
    assert "is kept in sqlite:///runs/salts/campaign.db; the same command resumes" in result.stderr


def test_a_failure_that_is_nobodys_input_is_not_called_so(campaign, monkeypatch):
    from gfnmat.campaign import Campaign

    def broken(self, progress=None):
        raise RuntimeError("a fault of the program")

    monkeypatch.setattr(Campaign, "run", broken)
    assert gfnmat("run", campaign).exit_code == 1


@pytest.mark.parametrize("error", [ValueError("the store is another's"), PermissionError(13, "Permission denied")])
def test_what_stops_a_run_and_is_the_users_is_bad_input(campaign, monkeypatch, error):
    from gfnmat.campaign import Campaign

    def stopped(self, progress=None):
        raise error

    monkeypatch.setattr(Campaign, "run", stopped)
    assert error.args[-1] in refused(gfnmat("run", campaign))


def test_asked_suggestions_are_filled_in_and_told(campaign):
    assert gfnmat("ask", campaign, "-n", 2, "-o", "todo/ask.csv").exit_code == 0
    table = pd.read_csv("todo/ask.csv")
    assert len(table) == 2
    table["formation_energy"] = [-1.5, float("nan")]
    table["status"] = ["done", "infeasible"]
    table.to_csv("results.csv", index=False)
    assert gfnmat("tell", campaign, "results.csv").stdout == "2 new of 2 results.\n"
    assert gfnmat("tell", campaign, "results.csv").stdout == "0 new of 2 results.\n"
    (best,) = json.loads(gfnmat("pareto", campaign, "--json").stdout)
    assert best["formation_energy"] == -1.5


def test_the_file_to_fill_in_has_an_empty_cell_for_everything_to_tell(campaign):
    gfnmat("ask", campaign, "-n", 3, "-o", "ask.csv")
    table = pd.read_csv("ask.csv")
    value = "formation_energy [eV/atom]"
    to_fill_in = [value, "formation_energy_error [eV/atom]", "status", "error", "note"]
    assert table.columns[:9].tolist() == ["id", "formula", "fidelity", "replicate", *to_fill_in]
    assert table[to_fill_in].isna().all(axis=None)
    table[value] = [-1.5, -0.5, float("nan")]
    table["status"] = ["done", "", "infeasible"]
    table.to_csv("ask.csv", index=False)
    assert gfnmat("tell", campaign, "ask.csv").stdout == "3 new of 3 results.\n"
    status = json.loads(gfnmat("status", campaign, "--json").stdout)
    assert status["counts"] == {"estimate": {"done": 2, "infeasible": 1}}


def test_a_workbook_is_asked_for_filled_in_and_told(campaign):
    assert gfnmat("ask", campaign, "-n", 2, "-o", "ask.xlsx").exit_code == 0
    workbook = openpyxl.load_workbook("ask.xlsx")
    page = workbook["suggestions"]
    places = {cell.value: cell.column for cell in page[1]}
    page.cell(row=2, column=places["formation_energy [eV/atom]"]).value = -1.5
    page.cell(row=3, column=places["status"]).value = "infeasible"
    workbook.save("ask.xlsx")
    assert gfnmat("tell", campaign, "ask.xlsx").stdout == "2 new of 2 results.\n"
    assert gfnmat("tell", campaign, "ask.xlsx").stdout == "0 new of 2 results.\n"
    (best,) = json.loads(gfnmat("pareto", campaign, "--json").stdout)
    assert best["formation_energy"] == -1.5


def test_a_sheet_of_another_campaign_is_refused(campaign):
    gfnmat("ask", campaign, "-n", 1, "-o", "ask.csv")
    other = Path("other.yaml")
    other.write_text(CAMPAIGN.replace("name: salts", "name: other"), encoding="utf-8")
    gfnmat("ask", other, "-n", 1)
    table = pd.read_csv("ask.csv").assign(formation_energy=-1.5)
    table.to_csv("ask.csv", index=False)
    assert "are of the campaign salts, and this is other" in refused(gfnmat("tell", other, "ask.csv"))


def test_what_is_issued_and_could_not_be_written_is_not_lost(campaign, monkeypatch):
    from gfnmat.campaign.people import sheet

    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sheet, "write_whole", full)
    assert "--again -o ask.csv` writes what is awaited" in refused(gfnmat("ask", campaign, "-n", 2, "-o", "ask.csv"))
    assert json.loads(gfnmat("status", campaign, "--json").stdout)["outstanding"] == 2


def test_nothing_is_issued_for_a_file_that_cannot_be_written(campaign):
    Path("folder.csv").mkdir()
    assert "folder.csv" in refused(gfnmat("ask", campaign, "-o", "folder.csv"))
    assert "salts.yaml" in refused(gfnmat("ask", campaign, "-o", "salts.yaml/ask.csv"))
    assert "written as .csv or .xlsx" in refused(gfnmat("ask", campaign, "-o", "ask.ods"))
    assert json.loads(gfnmat("status", campaign, "--json").stdout)["outstanding"] == 0


def test_a_file_keeps_its_content_until_there_are_suggestions(campaign):
    Path("kept.csv").write_text("filled in\n", encoding="utf-8")
    refused(gfnmat("ask", campaign, "--fidelity", "dft", "-o", "kept.csv"))
    refused(gfnmat("ask", campaign, "--fidelity", "dft", "-o", "new.csv"))
    gfnmat("run", campaign, "--quiet")
    assert "No suggestion" in gfnmat("ask", campaign, "-o", "kept.csv").stdout
    assert Path("kept.csv").read_text(encoding="utf-8") == "filled in\n"
    assert not Path("new.csv").exists()


def test_what_is_outstanding_is_listed_again(campaign):
    assert "Nothing is outstanding" in gfnmat("ask", campaign, "--again").stdout
    gfnmat("ask", campaign, "-n", 3, "-o", "ask.csv")
    shown = gfnmat("status", campaign).stdout
    assert "outstanding: 3, 3 of them from people; `gfnmat ask salts.yaml --again` lists them" in shown
    assert gfnmat("ask", campaign, "--again", "-o", "again.csv").exit_code == 0
    assert Path("again.csv").read_text(encoding="utf-8") == Path("ask.csv").read_text(encoding="utf-8")
    table = pd.read_csv("again.csv").head(1).assign(formation_energy=-1.5)
    table.to_csv("results.csv", index=False)
    gfnmat("tell", campaign, "results.csv")
    left = json.loads(gfnmat("ask", campaign, "--again", "--json").stdout)
    assert [row["id"] for row in left] == pd.read_csv("ask.csv")["id"].tolist()[1:]
    assert "--again" in refused(gfnmat("ask", campaign, "--again", "-n", 1))
    assert len(json.loads(gfnmat("ask", campaign, "--again", "--fidelity", "estimate", "--json").stdout)) == 2
    assert len(json.loads(gfnmat("ask", campaign, "--again", "--batch", 1, "--json").stdout)) == 2
    assert "Nothing is outstanding" in gfnmat("ask", campaign, "--again", "--batch", 2).stdout
    assert "--again" in refused(gfnmat("ask", campaign, "--batch", 1))


def test_ask_prints_what_a_program_can_read(campaign):
    (suggestion,) = json.loads(gfnmat("ask", campaign, "-n", 1, "--fidelity", "estimate", "--json").stdout)
    assert suggestion["fidelity"] == "estimate"
    assert set(suggestion) == {
        "id", "formula", "fidelity", "replicate", "cost", "formation_energy_mean", "formation_energy_sd", "why", "batch"
    }  # fmt: skip


def test_an_unknown_fidelity_is_bad_input(campaign):
    assert "allowed are estimate" in refused(gfnmat("ask", campaign, "--fidelity", "dft"))


def test_results_that_cannot_be_read_are_bad_input_and_start_no_store(campaign):
    assert "nowhere.csv" in refused(gfnmat("tell", campaign, "nowhere.csv"))
    Path("empty.csv").write_text("", encoding="utf-8")
    assert "empty.csv is not a table" in refused(gfnmat("tell", campaign, "empty.csv"))
    Path("noise.csv").write_bytes(b"\xff\xfe\x00\x81")
    assert "noise.csv is not a table" in refused(gfnmat("tell", campaign, "noise.csv"))
    assert not Path("runs").exists()


def test_results_that_do_not_fit_are_bad_input_and_nothing_is_kept(campaign):
    gfnmat("ask", campaign, "-n", 1, "-o", "ask.csv")
    Path("results.csv").write_text("id,formation_energy\n1,-1.0\n99,-1.0\n", encoding="utf-8")
    assert "99" in refused(gfnmat("tell", campaign, "results.csv"))
    assert json.loads(gfnmat("status", campaign, "--json").stdout)["counts"] == {"estimate": {}}


def test_results_that_nobody_asked_for_are_imported(campaign):
    Path("known.csv").write_text("formula,formation_energy [eV/atom]\nMgO,-3\nLiF,-3.1\nTiO2,-3\n", encoding="utf-8")
    assert "row 4: TiO2 is not in the space" in refused(gfnmat("import", campaign, "known.csv"))
    result = gfnmat("import", campaign, "known.csv", "--source", "handbook", "--skip-outside")
    assert result.stdout == "2 new of 3 results; 1 left out.\n"
    assert "left out: row 4: TiO2 is not in the space" in result.stderr
    status = json.loads(gfnmat("status", campaign, "--json").stdout)
    assert status["counts"] == {"estimate": {"done": 2}}
    assert status["spent"] == 0


def test_the_report_compares(campaign):
    other = Path("other.yaml")
    other.write_text(CAMPAIGN.replace("name: salts", "name: other\nseed: 1"), encoding="utf-8")
    gfnmat("run", campaign, "--quiet")
    assert "other has no measurement" in refused(gfnmat("report", campaign, "--against", other))
    gfnmat("run", other, "--quiet")
    result = gfnmat("report", campaign, "--against", other)
    assert result.stdout == "The report is in runs/salts/report.html.\n"
    page = Path("runs/salts/report.html").read_text(encoding="utf-8")
    (best,) = json.loads(gfnmat("pareto", campaign, "--json").stdout)
    value = f"{best['formation_energy']:.4g}".replace("-", "\N{MINUS SIGN}")
    assert f"At the same cost of 6, salts has a best formation energy of {value} eV/atom" in page


def test_the_doctor_looks_and_leaves_no_trace(campaign):
    result = gfnmat("doctor", campaign, "--json")
    findings = {(finding["kind"], finding["name"]): finding for finding in json.loads(result.stdout)}
    assert findings["oracle", "pauling"]["required"]
    assert findings["device", "cpu"]["works"]
    assert findings["store", "sqlite:///runs/salts/campaign.db"]["note"] == "not started yet"
    assert not Path("runs").exists()
    broken = any(finding["required"] and not finding["works"] for finding in findings.values())
    assert result.exit_code == int(broken)


def test_the_doctor_shows_no_password(campaign):
    result = gfnmat("doctor", campaign, "--json", "--store", "sqlite://ann:secret@host/new.db")
    assert "sqlite://ann:***@host/new.db" in result.stdout
    assert "secret" not in result.stdout


def test_the_doctor_reports_a_store_of_another_campaign(campaign):
    gfnmat("ask", campaign, "-n", 1)
    campaign.write_text(CAMPAIGN.replace("Mg, ", ""), encoding="utf-8")
    result = gfnmat("doctor", campaign, "--json")
    (store,) = [finding for finding in json.loads(result.stdout) if finding["kind"] == "store"]
    assert not store["works"]
    assert "differs" in store["note"]
    assert result.exit_code == 1


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C is a POSIX signal here")
def test_ctrl_c_keeps_what_was_told_and_the_same_command_resumes(campaign):
    import signal

    campaign.write_text(CAMPAIGN.replace("cost: 6, rounds: 2", "cost: 3000").replace("[2, 6]", "[2, 12]"))
    command = [sys.executable, "-m", "gfnmat.cli", "run", str(campaign)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}

    def heed_ctrl_c():  # which tests that run in the background inherit as ignored
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment, preexec_fn=heed_ctrl_c)
    assert process.stderr is not None
    for line in process.stderr:
        if "evaluate" in line:
            break
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    assert "the same command resumes" in process.stderr.read()
    assert process.wait(timeout=60) == 130
    status = json.loads(gfnmat("status", campaign, "--json").stdout)
    assert status["counts"]["estimate"]["done"] >= 3
    raised = CAMPAIGN.replace("cost: 6, rounds: 2", f"cost: {status['spent'] + 3}").replace("[2, 6]", "[2, 12]")
    campaign.write_text(raised, encoding="utf-8")
    assert gfnmat("run", campaign, "--quiet").exit_code == 0
