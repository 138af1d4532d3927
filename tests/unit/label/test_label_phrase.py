"""The words on the page."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from delian.label import NATO_LIKE, Originator, bilingual, bundled_policy, compose, marking_text
from delian.label.errors import InexpressibleError

AT = datetime(2026, 11, 21, tzinfo=UTC)
DATES = {
    "originator": Originator("rfc822Name", "office@example.org"),
    "created_utc": AT,
    "review_utc": AT,
}


@pytest.mark.parametrize(
    ("classification", "values", "english", "french"),
    [
        (
            "RESTRICTED",
            {"releasable": ("JPN",)},
            "NATO RESTRICTED Releasable to Japan",
            "NATO DIFFUSION RESTREINTE Communicable à : Japon",
        ),
        (
            "SECRET",
            {"releasable": ("KOR", "JPN", "AUS")},
            "NATO SECRET Releasable to Australia, Japan and Republic of Korea",
            "NATO SECRET Communicable à : Australie, Japon et République de Corée",
        ),
        ("TOP SECRET", {}, "COSMIC TOP SECRET", "COSMIC TRÈS SECRET"),
        (
            "TOP SECRET",
            {"sensitivities": ("CRYPTO", "ATOMAL"), "only": ("USA", "GBR")},
            "COSMIC TOP SECRET ATOMAL CRYPTO GBR, USA ONLY",
            "COSMIC TRÈS SECRET ATOMAL CRYPTO GBR, USA SEULEMENT",
        ),
        (
            "UNCLASSIFIED",
            {"administrative": ("STAFF",)},
            "NATO UNCLASSIFIED STAFF",
            "NATO SANS CLASSIFICATION STAFF",
        ),
    ],
)
def test_markings(classification, values, english, french):
    policy = bundled_policy(NATO_LIKE)
    label = compose(policy, classification, "NATO", **values, **DATES)
    assert marking_text(label, policy) == english
    assert marking_text(label, policy, "fr") == french
    assert bilingual(label, policy) == f"{english} / {french}"


def test_another_owner_and_a_marking_without_two_languages():
    policy = bundled_policy(NATO_LIKE)
    label = compose(policy, "SECRET", "UKRAINE", **DATES)
    assert bilingual(label, policy) == "NATO/UKRAINE SECRET"


def test_the_default_release_label():
    policy = bundled_policy()
    label = compose(policy, "UNCLASSIFIED", "DELIAN-1", releasable=("JPN", "INDUSTRY"), **DATES)
    assert marking_text(label, policy) == (
        "DELIAN LEAGUE UNCLASSIFIED Releasable to industry and Japan"
    )


def test_a_larger_audience_value_is_named_before_its_parts():
    policy = bundled_policy()
    label = compose(
        policy, "SECRET", "DELIAN-1", releasable=("AUS", "JPN", "KOR", "NZL", "UKR"), **DATES
    )
    assert marking_text(label, policy) == (
        "DELIAN LEAGUE SECRET Releasable to Indo-Pacific partners and Ukraine"
    )


def test_an_empty_audience_has_no_words():
    policy = bundled_policy()
    label = compose(policy, "SECRET", "DELIAN-1", **DATES)
    nobody = replace(label, marking=replace(label.marking, audience=frozenset()))
    with pytest.raises(InexpressibleError):
        marking_text(nobody, policy)
