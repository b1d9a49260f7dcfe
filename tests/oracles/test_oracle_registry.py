import numpy as np
import pandas as pd
import pytest
from pymatgen.core import Composition

import oracles
from oracles import Evaluation


@pytest.mark.parametrize(
    ("name", "settings", "parts"),
    [
        ("chgnte", {}, ["unknown oracle 'chgnte'", "pauling", "did you mean 'chgnet'"]),
        ("chgnet", {"protocl": "relax"}, ["'protocl'", "prototypes", "did you mean 'protocol'"]),
        ("chgnet", {"protocol": "relaxed"}, ["'relaxed'", "single_point", "did you mean 'relax'"]),
        ("chgnet", {"prototypes": 0}, ["at least 1"]),
        ("chgnet", {"device": "gpu"}, ["unknown device 'gpu'", "cuda"]),
        ("chgnet", {"device": "cuda:first"}, ["unknown device 'cuda:first'"]),
        ("chgnet", {"device": "cuda:99"}, ["device cuda:99 is not on this machine"]),
        ("pauling", {"scale": 2}, ["unknown setting of the oracle pauling 'scale'", "there are none"]),
        ("python", {"function": "m:f"}, ["needs the setting 'properties'"]),
        ("python", {"function": "m", "properties": ["band_gap"]}, ["'module:name'"]),
        ("python", {"function": "no_such:f", "properties": ["band_gap"]}, ["cannot import 'no_such'"]),
        ("python", {"function": "math:f", "properties": ["band_gap"]}, ["has no 'f'"]),
        ("table", {}, ["one of `path`"]),
        ("table", {"path": "nowhere.csv"}, ["no file nowhere.csv"]),
    ],
)
def test_a_mistake_is_named(name, settings, parts):
    with pytest.raises(ValueError, match=r"\w") as caught:
        oracles.build(name, **settings)
    assert all(part in str(caught.value) for part in parts), str(caught.value)


def test_a_users_oracle_is_built_by_name(monkeypatch):
    monkeypatch.setattr("oracles.registry._registrations", dict(oracles.registry._registrations))

    class Constant:
        properties = ("band_gap",)

        def __init__(self, value: float = 1.0) -> None:
            self.value = value

        def evaluate(self, materials):
            return [Evaluation.done({"band_gap": self.value}) for _ in materials]

    oracles.register("constant", Constant, "the same for all")
    (answer,) = oracles.build("constant", value=2.0).evaluate([Composition("NaCl")])
    assert answer.values["band_gap"] == 2.0
    assert oracles.available()["constant"] == "the same for all"
    with pytest.raises(ValueError, match="already"):
        oracles.register("constant", Constant, "again")


def test_doctor_says_of_each_oracle_whether_it_works(monkeypatch):
    assert all(finding.startswith("ready") for finding in oracles.doctor().values())
    assert oracles.doctor().keys() == oracles.available().keys()
    monkeypatch.setattr("importlib.metadata.version", lambda name: (_ for _ in ()).throw(ImportError("gone")))
    assert oracles.doctor()["chgnet"] == "cannot work here: gone"


def test_table_reads_files_and_missing_cells(tmp_path):
    path = tmp_path / "gaps.csv.gz"
    pd.DataFrame({"name": ["O2Ti", "NaN", "KCl"], "gap": [3.2, 0.1, np.nan]}).to_csv(path, index=False)
    oracle = oracles.build("table", path=path, key="name", columns={"band_gap": "gap"})
    titania, sodium_nitride, salt = oracle.evaluate([Composition(f) for f in ("Ti2O4", "NaN", "KCl")])
    assert (titania.values["band_gap"], sodium_nitride.values["band_gap"]) == (3.2, 0.1)
    assert "no values" in salt.error
    assert oracle.admits([Composition("TiO2"), Composition("KCl"), Composition("Si")]) == [True, False, False]


@pytest.mark.parametrize(
    ("frame", "settings", "parts"),
    [
        ({"formula": ["NaCl", "ClNa"], "density": [1, 2]}, {}, ["two rows", "'NaCl'", "'ClNa'", "1 and 2", "average"]),
        (
            {"formula": ["NaCl", "MgO"], "bulk_modulus": [2.5e10, 1.6e11]},
            {},
            ["2 of 2", "2.5e+10", "convert them to GPa"],
        ),
        ({"formula": ["NaCl"], "density": [1]}, {"dataset": "dielectric_constant"}, ["one of `path`"]),
        ({"formula": ["NaCl"], "density": [1]}, {"key": "name"}, ["no column 'name'", "formula, density"]),
        ({"formula": ["Na(Cl"], "density": [1]}, {}, ["row 1", "Na(Cl"]),
        ({"formula": ["NaCl"], "density": ["x"]}, {"columns": {"density": "density"}}, ["not numeric"]),
        ({"formula": ["NaCl"]}, {}, ["no numeric column"]),
    ],
)
def test_a_bad_table_is_refused(frame, settings, parts):
    with pytest.raises(ValueError, match=r"\w") as caught:
        oracles.build("table", frame=pd.DataFrame(frame), **settings)
    assert all(part in str(caught.value) for part in parts), str(caught.value)


def test_rows_that_say_the_same_are_one():
    frame = pd.DataFrame({"formula": ["NaCl", "MgO", "Cl2Na2"], "density": [2.16, 3.6, 2.16], "band_gap": [np.nan] * 3})
    answer = oracles.build("table", frame=frame).evaluate([Composition("NaCl")])[0]
    assert answer.values == {"density": 2.16}


def test_single_values_beyond_the_bounds_cost_only_their_material():
    frame = pd.DataFrame({"formula": ["NaCl", "MgO", "CaO"], "bulk_modulus": [25, 2e11, 110]})
    answers = oracles.build("table", frame=frame).evaluate([Composition(f) for f in frame["formula"]])
    assert [answer.status for answer in answers] == ["done", "infeasible", "done"]


def test_parquet_is_read_or_says_what_it_needs(tmp_path):
    path = tmp_path / "known.parquet"
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        path.write_bytes(b"PAR1")
        with pytest.raises(ValueError, match="pip install pyarrow"):
            oracles.build("table", path=path)
        return
    pd.DataFrame({"formula": ["NaCl"], "density": [2.16]}).to_parquet(path)
    assert oracles.build("table", path=path).evaluate([Composition("NaCl")])[0].values == {"density": 2.16}


def test_a_data_set_of_matminer_is_found_by_name(monkeypatch):
    from matminer import datasets

    frame = pd.DataFrame({"formula": ["NaCl"], "n": [1.54], "material_id": ["mp-22862"]})
    asked = []
    monkeypatch.setattr(datasets, "load_dataset", lambda name: (asked.append(name), frame)[1])
    oracle = oracles.build("table", dataset="dielectric_constant", columns={"refractive_index": "n"})
    (answer,) = oracle.evaluate([Composition("NaCl")])
    assert (asked, answer.values) == (["dielectric_constant"], {"refractive_index": 1.54})
    assert answer.provenance["table"] == "dielectric_constant"
    with pytest.raises(ValueError, match=r"no data set 'dielectric'; the nearest names are: .*dielectric_constant"):
        oracles.build("table", dataset="dielectric")


def test_a_data_set_that_cannot_be_downloaded_says_what_to_do(monkeypatch):
    from matminer import datasets

    def offline(name):
        raise ConnectionError("no route")

    monkeypatch.setattr(datasets, "load_dataset", offline)
    with pytest.raises(OSError, match="save it as CSV, and give its `path`"):
        oracles.build("table", dataset="dielectric_constant")


def test_python_function_is_imported_from_its_folder(tmp_path):
    import sys

    (tmp_path / "gap_model.py").write_text("def predict(ms):\n    return [{'band_gap': len(m)} for m in ms]\n")
    before = list(sys.path)
    oracle = oracles.build("python", function="gap_model:predict", properties=["band_gap"], path=tmp_path)
    assert sys.path == before
    assert oracle.evaluate([Composition("NaCl")])[0].values == {"band_gap": 2.0}
    other = tmp_path / "other"
    other.mkdir()
    (other / "gap_model.py").write_text("predict = None\n")
    with pytest.raises(ValueError, match="rename it"):
        oracles.build("python", function="gap_model:predict", properties=["band_gap"], path=other)


@pytest.mark.parametrize(
    ("answers", "status", "part"),
    [
        ([{"band_gap": np.float32(1.5)}], "done", None),
        ([{"band_gap": float("nan")}], "infeasible", "nan"),
        ([{"band_gap": "wide"}], "infeasible", "not a number"),
        ([{"band_gap": True}], "infeasible", "not a number"),
        ([{"bandgap": 1.0, 3: 2.0}], "retryable", "returned bandgap, 3, and of the declared band_gap none"),
        ([{"band_gap": 1.0, "note": "extra"}], "done", None),
        ([3.0], "infeasible", "float"),
        ([{}], "retryable", "returned nothing, and of the declared band_gap none"),
        ([KeyError("x")], "infeasible", "KeyError"),
        ([TimeoutError("queue")], "retryable", "queue"),
        ([], "retryable", "0 answers"),
        (RuntimeError("broken"), "retryable", "broken"),
    ],
)
def test_what_a_function_returns_is_judged(answers, status, part):
    def function(materials):
        if isinstance(answers, Exception):
            raise answers
        return answers

    oracle = oracles.build("python", function=function, properties=["band_gap"])
    (evaluation,) = oracle.evaluate([Composition("NaCl")])
    assert evaluation.status == status
    assert part is None or part in evaluation.error
    assert evaluation.values.keys() <= {"band_gap"}
