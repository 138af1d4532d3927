"""Examples in the documents are read by the code that they explain."""

import json
import re
from pathlib import Path

import pytest

from delian.terms.party import Roster

FORMATS = Path(__file__).parents[2] / "docs" / "formats"


def example(page: str, language: str) -> str:
    text = (FORMATS / page).read_text(encoding="utf-8")
    found = re.search(rf"^```{language}\n(.*?)^```", text, re.M | re.S)
    assert found, f"{page} has no example"
    return found.group(1)


def test_the_partnership_file_is_one() -> None:
    roster = Roster.from_toml(example("partnership.md", "toml"))
    assert [party.code for party in roster.parties] == ["FRA", "alpha"]


def test_the_roster_is_one() -> None:
    roster = Roster.from_plain(json.loads(example("roster.md", "json")))
    assert roster.key("FRA/officer") == "ed25519:Of…"


@pytest.mark.parametrize("page", sorted(p.name for p in FORMATS.glob("*.md")))
def test_a_page_says_what_it_describes(page: str) -> None:
    lines = (FORMATS / page).read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# ")
    assert len(lines) > 5
