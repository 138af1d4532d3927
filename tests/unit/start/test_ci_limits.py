"""The limits of CI can be missed: each kind of miss is told."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
GOOD = {
    "verified": True, "nations": 32, "proposals": 3, "editions": ["a", "b"], "seconds": 18.0,
    "attack": {"worst_margin_percent": 15.2, "rule_percent": 15},
}  # fmt: skip


@pytest.fixture(scope="module")
def limits():
    spec = importlib.util.spec_from_file_location("ci_limits", ROOT / ".ci" / "limits.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def figure(name, value, ratio):
    return {"id": name, "value": value, "unit": "", "reference": 1.0, "ratio": ratio}


def test_a_good_demo_passes(limits):
    assert limits.demo(GOOD) == []


@pytest.mark.parametrize(
    "change",
    [
        {"verified": False},
        {"nations": 31},
        {"proposals": 1},
        {"editions": ["a"]},
        {"seconds": 61.0},
        {"attack": {"worst_margin_percent": 14.9, "rule_percent": 15}},
    ],
)
def test_each_promise_of_the_demo_can_be_missed(limits, change):
    assert len(limits.demo({**GOOD, **change})) == 1


@pytest.mark.parametrize(
    ("name", "value", "ratio", "missed"),
    [
        ("semi_honest", 1.0, 66, False),
        ("semi_honest", 1.0, 66.1, True),
        ("ands_per_cell", 5400, 1.0, False),
        ("ands_per_cell", 5401, 1.0, True),
        ("malicious_bytes", 1.0, 1.11, True),
        ("verify_ms", 121.0, 1.0, True),
        ("second_start_s", 1.4, 99.0, False),
        ("negotiations_per_s", 134, 1.0, False),
        ("negotiations_per_s", 133, 1.0, True),
        ("lost", 1, 1.0, True),
        ("memory_mb", 200, 1.0, False),
    ],
)
def test_a_figure_is_held_against_its_own_limit(limits, name, value, ratio, missed):
    answer = {"bench": "x", "figures": [figure(name, value, ratio)]}
    assert bool(limits.bench(answer)) is missed


def test_one_name_has_a_limit_in_each_benchmark(limits):
    answer = {"bench": "exchange", "figures": [figure("memory_mb", 151, 1.0)]}
    assert limits.bench(answer)


def test_no_figures_is_a_miss(limits):
    assert limits.bench({"bench": "x", "figures": []})
