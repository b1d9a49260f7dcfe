import math
from subprocess import run
from sys import executable

import pytest

import oracles
from oracles import PROPERTIES, Evaluation, Property
from oracles.evaluation import InfeasibleError
from oracles.oracle import each, isolated


def test_import_is_light():
    code = "import sys, oracles; print(sorted({'torch', 'chgnet', 'ase', 'pymatgen', 'pandas'} & set(sys.modules)))"
    assert run([executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


@pytest.mark.parametrize("value", [math.nan, math.inf, -6.1, 4.1])
def test_what_is_not_physical_is_never_a_number(value):
    with pytest.raises(ValueError, match="formation_energy"):
        Evaluation.done({"formation_energy": value})
    judged = Evaluation.judged({"formation_energy": value, "density": 3.0})
    assert (judged.status, dict(judged.values)) == ("infeasible", {})
    assert "formation_energy" in (judged.error or "")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ({"status": "ok"}, "status is one of"),
        ({"status": "done"}, "has values"),
        ({"status": "infeasible"}, "says why"),
        ({"status": "retryable", "values": {"density": 1.0}, "error": "x"}, "has no values"),
        ({"status": "done", "values": {"density": 1.0}, "errors": {"band_gap": 0.1}}, "without values"),
        ({"status": "done", "values": {"density": 1.0}, "errors": {"density": -1.0}}, "not negative"),
        ({"status": "done", "values": {"density": 1.0}, "seconds": -1.0}, "time spent"),
        ({"status": "done", "values": {"density": 1.0}, "error": "x"}, "no error"),
    ],
)
def test_evaluations_that_contradict_themselves_are_refused(arguments, part):
    with pytest.raises(ValueError, match=part):
        Evaluation(**arguments)


def test_bounds_admit_the_extremes_of_real_materials():
    for name, value in {
        "bulk_modulus": 443.0,  # diamond
        "density": 22.6,  # osmium
        "band_gap": 13.6,  # lithium fluoride
        "formation_energy": -4.4,  # about calcium fluoride and yttrium fluoride
        "volume_per_atom": 117.0,  # caesium
    }.items():
        assert PROPERTIES[name].objection(value) is None


def test_a_property_is_checked_when_made():
    with pytest.raises(ValueError, match="identifier"):
        Property("band gap", "eV")
    with pytest.raises(ValueError, match="not below"):
        Property("gap", "eV", 1.0, 0.0)
    assert oracles.property_named("my_figure").objection(1e9) is None


def test_exceptions_become_typed_failures():
    def fail(reason: Exception) -> Evaluation:
        raise reason

    kinds = [e.status for e in each(fail, [InfeasibleError("a"), KeyError("b"), OSError("c"), MemoryError()])]
    assert kinds == ["infeasible", "infeasible", "retryable", "retryable"]


def test_isolation_finds_the_bad_ones_and_asks_little():
    calls = []

    def invert(batch):
        calls.append(len(batch))
        return [1 / x for x in batch]

    answers = isolated(invert, [*range(1, 33), 0, *range(33, 64)])
    assert [a for a in answers if not isinstance(a, Exception)] == [1 / x for x in range(1, 64)]
    assert isinstance(answers[32], ZeroDivisionError)
    assert len(calls) <= 2 * 6 + 1
