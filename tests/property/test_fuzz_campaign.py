"""The fuzz campaign, briefly: every parser refuses damaged documents with our own errors only."""

import random

from delian.terms.errors import InputError
from tests.campaigns.campaign_fuzz import Target, damaged, trial, try_one


def test_no_parser_raises_a_foreign_error() -> None:
    figures = trial(2.0, 20261121)
    assert "failures" not in figures, figures
    assert isinstance(figures["documents"], int)
    assert isinstance(figures["parsers"], int)
    assert figures["documents"] >= figures["parsers"] > 50


def test_the_campaign_notices_a_parser_that_raises_something_else() -> None:
    def careless(data: bytes) -> int:
        return int(data[:1])

    def careful(data: bytes) -> int:
        if not data[:1].isdigit():
            raise InputError("not a digit")
        return int(data[:1])

    assert try_one(Target("careless", careless), b"x")[0] == "failed"
    assert try_one(Target("careful", careful), b"x") == ("refused", "")
    assert try_one(Target("careful", careful), b"1") == ("value", "")


def test_damage_damages_and_repeats_with_its_seed() -> None:
    data = b'{"a":[1,2,{"b":"c"}],"d":null}'
    first = [damaged(random.Random(n), data) for n in range(200)]
    assert first == [damaged(random.Random(n), data) for n in range(200)]
    assert sum(one != data for one in first) > 150
    assert len(set(first)) > 100
