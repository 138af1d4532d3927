"""Our own wire form, the JSON form of STANAG 5636, and signed policies."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from delian.crypto.dsse import sign
from delian.crypto.sign import PrivateKey
from delian.label import (
    NATO_LIKE,
    Equivalence,
    Label,
    Marking,
    Originator,
    Policy,
    Reader,
    Succession,
    bundled_policy,
    compose,
    dominant,
    from_json,
    may_read,
    open_equivalence,
    open_policy,
    sign_equivalence,
    sign_policy,
    to_json,
)
from delian.label.errors import (
    InexpressibleError,
    LabelContextError,
    LabelFormError,
    LabelValueError,
    PolicyMismatchError,
)
from delian.label.expression import Category, interpret
from delian.label.signed import POLICY_TYPE
from delian.label.stanag5636 import policy_name
from delian.terms.errors import InputError, TamperedError

POLICY, NATO = bundled_policy(), bundled_policy(NATO_LIKE)
AT = datetime(2026, 11, 21, tzinfo=UTC)
ORIGIN = Originator("rfc822Name", "office@example.org")
DATES = {"originator": ORIGIN, "created_utc": AT, "review_utc": AT}
LABEL = compose(
    POLICY,
    "UNCLASSIFIED",
    "DELIAN-1",
    releasable=("INDUSTRY", "JPN"),
    administrative=("STAFF",),
    **DATES,
)


def test_our_form_reads_back_and_is_canonical():
    later = Label(Marking(POLICY.oid, 1, frozenset({"FRA"})), "DELIAN-1", None, AT)
    label = replace(LABEL, succession=Succession(AT, later), privacy_mark="P")
    assert Label.from_wire(label.to_wire()) == label
    assert Label.from_wire(label.to_wire()).digest == label.digest
    assert label.to_plain()["format"] == "delian-label"
    empty = replace(label, marking=replace(label.marking, audience=frozenset()))
    assert Label.from_wire(empty.to_wire()) == empty
    assert empty.digest != label.digest


@pytest.mark.parametrize(
    "change",
    [
        {"format": "label"},
        {"version": 2},
        {"role": "owner"},
        {"level": 16},
        {"level": -1},
        {"level": True},
        {"audience": ["JPN", "FRA"]},
        {"audience": ["FRA", "FRA"]},
        {"audience": None},
        {"audience": [" FRA"]},
        {"context": ""},
        {"originator": {"type": "email", "value": "x"}},
        {"originator": {"type": "jID", "value": ""}},
        {"created": "2026-11-21"},
        {"created": None},
        {"extra": 1},
        {"succession": {"when": "2026-11-21T00:00:00Z", "label": {}}},
    ],
)
def test_our_form_refuses_everything_else(change):
    with pytest.raises(InputError):
        Label.from_plain({**LABEL.to_plain(), **change})


def test_a_successor_has_no_successor_and_dates_are_in_utc():
    later = Label(Marking(POLICY.oid, 1, frozenset({"FRA"})), "DELIAN-1", None, AT)
    chained = replace(later, succession=Succession(AT, later))
    for wrong in (chained, replace(later, review_utc=AT)):
        with pytest.raises(LabelFormError):
            Succession(AT, wrong)
    plain = replace(LABEL, succession=Succession(AT, later)).to_plain()
    plain["succession"]["label"]["succession"] = {"when": "2026-11-21T00:00:00Z", "label": plain}
    with pytest.raises(InputError):
        Label.from_plain(plain)
    for moment in (datetime(2026, 1, 1), AT.astimezone(timezone(timedelta(hours=1)))):
        with pytest.raises(LabelFormError):
            replace(LABEL, created_utc=moment)


def test_the_whole_of_parts_and_its_refusals():
    part = compose(POLICY, "SECRET", "DELIAN-1", only=("FRA", "USA"), **DATES)
    whole = dominant([LABEL, part], **DATES)
    assert whole.marking == Marking(POLICY.oid, 4, frozenset({"FRA", "USA"}))
    assert whole.informative == frozenset()
    other = compose(POLICY, "SECRET", "AEGEAN-1", **DATES)
    with pytest.raises(LabelContextError):
        dominant([part, other], **DATES)
    with pytest.raises(LabelFormError):
        dominant([], **DATES)
    with pytest.raises(PolicyMismatchError):
        dominant(
            [part, replace(compose(NATO, "SECRET", "NATO", **DATES), context="DELIAN-1")], **DATES
        )


def test_a_verdict_speaks_in_words_and_never_lists_the_audience():
    secret = compose(
        POLICY, "SECRET", "DELIAN-1", only=("USA",), sensitivities=("CRYPTO",), **DATES
    )
    verdict = may_read(Reader(POLICY.oid, "FRA", 2), secret.marking, level_names=POLICY.level_names)
    assert verdict.reasons == (
        "the marking is SECRET, the reader is cleared to RESTRICTED",
        "FRA is not in the audience",
        "the reader does not hold CRYPTO",
    )
    assert not any("USA" in reason for reason in verdict.reasons)


# --- STANAG 5636 -----------------------------------------------------------------------------

FOREIGN = {
    "ocl": {
        "pol": "urn:oid:1.3.26.1.3.1",
        "cls": "SECRET",
        "catl": [
            {"type": "P", "name": "Context", "vals": ["nato", "Releasable"]},
            {"type": "P", "name": "Releasable To", "vals": ["NATO", "jpn"]},
        ],
        "dcr": "2024-10-21T20:47:36Z",
    },
    "context": {"@base": "urn:nato:stanag:5636:A:1:elements:json"},
}


def test_a_json_label_of_another_product_is_read():
    label = from_json(json.dumps(FOREIGN).encode(), NATO)
    assert label.marking == Marking(NATO.oid, 4, NATO.context("NATO").members | {"JPN"})
    assert label.created_utc == datetime(2024, 10, 21, 20, 47, 36, tzinfo=UTC)


def test_the_policy_is_named_by_the_uuid_inside_its_identifier():
    assert policy_name(POLICY.oid) == "7d2c4f0e-1a9b-4c3d-8e5f-60718293a4b5"
    assert policy_name("2.25.5.1") == "urn:oid:2.25.5.1"
    assert policy_name(f"2.25.{2**128}") == f"urn:oid:2.25.{2**128}"
    assert policy_name(NATO.oid) == "urn:oid:1.3.26.1.3.1"


def broken(path, value):
    plain = json.loads(json.dumps(FOREIGN))
    at = plain
    for step in path[:-1]:
        at = at[step]
    if value is None:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return json.dumps(plain).encode()


@pytest.mark.parametrize(
    ("error", "path", "value"),
    [
        (InputError, ("ocl",), None),
        (InputError, ("context",), None),
        (LabelFormError, ("context", "@base"), "urn:other"),
        (InputError, ("context", "extra"), "x"),
        (InputError, ("ocl", "extra"), "x"),
        (InputError, ("extra",), "x"),
        (InputError, ("ocl", "dcr"), None),
        (LabelFormError, ("ocl", "dcr"), "2024-10-21"),
        (LabelFormError, ("ocl", "catl", 0, "type"), "X"),
        (InputError, ("ocl", "catl", 0, "vals"), "NATO"),
        (LabelValueError, ("ocl", "catl", 0, "type"), "R"),
        (LabelValueError, ("ocl", "catl", 0, "name"), "Owner"),
        (
            LabelContextError,
            ("ocl", "catl", 0),
            {"type": "P", "name": "Context", "vals": ["Releasable"]},
        ),
        (LabelContextError, ("ocl", "catl", 0, "vals"), ["KFOR", "Releasable"]),
        (LabelContextError, ("ocl", "catl", 0, "vals"), ["NATO", "UKRAINE"]),
        (LabelContextError, ("ocl", "catl"), []),
        (LabelValueError, ("ocl", "cls"), "HUSH"),
        (PolicyMismatchError, ("ocl", "pol"), "7d2c4f0e-1a9b-4c3d-8e5f-60718293a4b5"),
    ],
)
def test_a_json_label_without_one_clear_meaning_is_refused(error, path, value):
    with pytest.raises(error):
        from_json(broken(path, value), NATO)


def test_nothing_is_dropped_in_silence():
    with pytest.raises(InexpressibleError):
        to_json(LABEL, POLICY)
    with pytest.raises(InexpressibleError):
        to_json(LABEL, POLICY, drop=("originator",))
    drop = ("originator", "review")
    to_json(LABEL, POLICY, drop=drop)
    later = Label(Marking(POLICY.oid, 1, LABEL.marking.audience), "DELIAN-1", None, AT)
    for wrong in (
        replace(LABEL, succession=Succession(AT, later)),
        replace(LABEL, role="alternative"),
        replace(LABEL, privacy_mark="P"),
    ):
        with pytest.raises(InexpressibleError):
            to_json(wrong, POLICY, drop=drop)


def test_a_category_twice_or_without_values_is_refused():
    owner = Category("PERMISSIVE", "Context", None, ("NATO",))
    assert interpret(NATO, "SECRET", [owner]).context == "NATO"
    empty = Category("PERMISSIVE", "Only", None, ())
    for tags in ([owner, owner], [owner, empty], [owner, replace(owner, values=("UKRAINE",))]):
        with pytest.raises(LabelValueError):
            interpret(NATO, "SECRET", tags)


def test_an_originator_has_one_of_the_eight_name_forms():
    for wrong in ("email", "", "RFC822NAME"):
        with pytest.raises(LabelFormError):
            replace(ORIGIN, id_type=wrong)


# --- signed data -----------------------------------------------------------------------------


def test_policies_and_equivalences_count_only_with_their_authoritys_signature():
    authority, stranger = PrivateKey.generate("ed25519"), PrivateKey.generate("ed25519")
    envelope = sign_policy(POLICY, "SEC/sign", authority)
    assert open_policy(envelope, "SEC/sign", authority.public) == POLICY
    same = Equivalence(POLICY.oid, NATO.oid, "Letter 1", AT, AT + timedelta(days=1), {}, {}, {}, {})
    signed = sign_equivalence(same, "SEC/sign", authority)
    assert open_equivalence(signed, "SEC/sign", authority.public) == same
    for wrong in (
        lambda: open_policy(envelope, "SEC/sign", stranger.public),
        lambda: open_policy(envelope, "FRA/sign", authority.public),
        lambda: open_policy(
            replace(envelope, payload=NATO.to_wire()), "SEC/sign", authority.public
        ),
        lambda: open_policy(signed, "SEC/sign", authority.public),
        lambda: open_equivalence(envelope, "SEC/sign", authority.public),
    ):
        with pytest.raises(TamperedError):
            wrong()
    empty = sign(POLICY_TYPE, b"{}", {"SEC/sign": authority})
    with pytest.raises(InputError):
        open_policy(empty, "SEC/sign", authority.public)


def test_a_policy_document_refuses_unknown_fields():
    plain = POLICY.to_plain()
    for damaged in (
        {**plain, "extra": 1},
        {**plain, "version": 2},
        {**plain, "levels": [{"name": "A"}]},
        {**plain, "contexts": [{**plain["contexts"][0], "extra": 1}]},
        {**plain, "tags": {**plain["tags"], "more": {"name": "M", "oid": "1.2"}}},
    ):
        with pytest.raises(InputError):
            Policy.from_plain(damaged)
