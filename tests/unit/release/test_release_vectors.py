"""The frozen cases: one whole release and every refusal, as another implementation gets them.

``tests/vectors/release-verify.json`` holds the base folder once and for each case what differs.
Write it anew with ``python -m tests.release_vectors`` when a wire format changes its version.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from delian.release.verify import verify
from delian.terms.encode import parse_utc
from tests.release_cases import CASES
from tests.release_vectors import folder_of, options_of

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "release-verify.json").read_text(encoding="utf-8")
)
NOW = parse_utc(VECTORS["now"])


def test_the_whole_release_passes() -> None:
    folder, root = folder_of(VECTORS, {"files": {}, "root": None})
    assert verify(folder, root, now_utc=NOW, state=b"", is_deep=True).ok


def test_there_is_a_vector_for_every_case() -> None:
    assert [v["id"] for v in VECTORS["cases"]] == [build.__name__ for build in CASES]


@pytest.mark.parametrize("vector", VECTORS["cases"], ids=lambda v: v["id"])
def test_the_refusal_stands(vector: dict[str, Any]) -> None:
    folder, root = folder_of(VECTORS, vector)
    report = verify(folder, root, **{"now_utc": NOW, "state": b"", **options_of(vector)})
    assert report.failures[0].name == vector["first_failure"]
