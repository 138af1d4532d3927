"""Commitments of the vectors, and what the secretariat's modules may load."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from delian.contribute.shape import Commitment, ShareShape

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "commitment.json").read_text())
WITHOUT_SHARES = (
    "absence", "agreed", "arrival", "check", "closing", "closing_rules", "contribution",
    "manifest", "preview", "receipt", "shape", "template",
)  # fmt: skip


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: f"x_{case['index']}")
def test_commitments_are_those_of_the_vectors(case):
    hosts = ("alpha", "bravo", "charlie")
    shape = ShareShape(case["round"], case["terms"], hosts, case["planes"], case["cells"])
    share = bytes.fromhex(case["share"])
    for cut in (0, 1, len(share)):
        salt = bytes.fromhex(case["salt"])
        commitment = Commitment(shape, case["nation"], case["index"], salt)
        commitment.feed(share[:cut])
        commitment.feed(share[cut:])
        assert commitment.digest == case["commitment"]


def loads_shares(*modules):
    names = ",".join(f"delian.contribute.{module}" for module in modules)
    code = f"import sys,{names}; print(any(m.startswith('delian.shares') for m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip() == "True"


def test_the_secretariats_modules_never_load_the_code_that_combines_shares():
    assert not loads_shares(*WITHOUT_SHARES)
    assert loads_shares("split")
    assert loads_shares("held")
