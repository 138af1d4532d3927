"""One list per round, countersigned by every nation in it; nobody's sheet is dropped."""

import dataclasses
import os
from datetime import timedelta

import numpy as np
import pytest

from delian.approve.document import sign_document
from delian.approve.mandate import Mandate
from delian.contribute.absence import Absence, check_absence
from delian.contribute.arrival import Known
from delian.contribute.closing import (
    Absent,
    ClosingList,
    Entry,
    Why,
    check_closed,
    check_list,
    countersigners,
)
from delian.contribute.closing_rules import (
    HostMemory,
    Latest,
    OpenRound,
    build_list,
    check_as_agent,
    check_as_host,
    check_unlocked,
    countersign,
    locked_cells,
)
from delian.contribute.errors import (
    AwaitingError,
    ClosingError,
    ContributionFormError,
    DisputedError,
    LockedError,
    SecondListError,
    UnknownNationError,
    WrongRoundError,
)
from delian.contribute.sheet import make_sheet
from delian.contribute.split import contribute
from delian.crypto.dsse import Envelope
from delian.crypto.sign import PrivateKey
from delian.terms.errors import InputError, TamperedError
from delian.terms.frame import CellKey, Frame, Item
from tests.contribute_world import AFTER, NATIONS, UNTIL, agree, cell, frame, make_world

WORLD = make_world()
AGREED = agree(WORLD)
FIGURES = np.zeros(len(WORLD.terms.frame.cells), dtype=np.int64)
MANIFESTS = {
    nation: contribute(
        make_sheet(WORLD.terms, nation, FIGURES),
        AGREED,
        WORLD.keys[f"{nation}/contribute"],
        1,
        os.urandom,
    ).manifest
    for nation in NATIONS
}
KNOWN = {nation: Known(1, manifest.digest) for nation, manifest in MANIFESTS.items()}
RECEIPTED = {nation: Latest(manifest, is_receipted=True) for nation, manifest in MANIFESTS.items()}


def absence_of(nation, number=2, signer=None, world=WORLD):
    made = Absence(world.terms.round_id, world.terms.digest, nation, number)
    return made.signed(world.keys[f"{signer or nation}/contribute"])


def signed(listed):
    return listed.signed(AGREED, WORLD.keys["SEC/sign"])


def full():
    return build_list(AGREED, RECEIPTED, AFTER)


def memory(receipted=KNOWN, disputed=(), lists=None):
    return HostMemory(receipted, disputed, lists or {})


def closed_by(listed, nations):
    envelope = signed(listed)
    for nation in nations:
        envelope = envelope.added(
            countersign(listed, f"{nation}/agent", WORLD.keys[f"{nation}/agent"])
        )
    return envelope


# --- the secretariat builds it ---


def test_the_list_holds_the_latest_sheet_of_every_nation():
    listed = full()
    assert listed.present == NATIONS
    assert [entry.manifest for entry in listed.entries] == [MANIFESTS[n].digest for n in NATIONS]
    assert ClosingList.from_wire(listed.to_wire()) == listed


def test_nothing_closes_while_sheets_may_still_come():
    with pytest.raises(AwaitingError):
        build_list(AGREED, RECEIPTED, UNTIL)
    build_list(AGREED, RECEIPTED, UNTIL + timedelta(microseconds=1))


def test_absent_means_stated_or_no_sheet():
    stated = absence_of("DDD")
    latest = RECEIPTED | {"DDD": Latest(MANIFESTS["DDD"], True, False, stated)}
    assert build_list(AGREED, latest, AFTER).absent == (Absent("DDD", Why.STATED, stated),)
    del latest["DDD"]
    listed = build_list(AGREED, latest, AFTER)
    assert listed.absent == (Absent("DDD", Why.NO_SHEET),)
    assert check_list(signed(listed), AGREED) == listed


def test_a_disputed_or_unchecked_sheet_stops_the_round():
    disputed = RECEIPTED | {"BBB": Latest(MANIFESTS["BBB"], is_disputed=True)}
    with pytest.raises(DisputedError, match="BBB"):
        build_list(AGREED, disputed, AFTER)
    with pytest.raises(AwaitingError, match="BBB"):
        build_list(AGREED, RECEIPTED | {"BBB": Latest(MANIFESTS["BBB"])}, AFTER)


def test_too_few_nations_stop_the_round():
    few = {nation: RECEIPTED[nation] for nation in NATIONS[:2]}
    with pytest.raises(ClosingError, match="fewer"):
        build_list(AGREED, few, AFTER)
    listed = full()
    cut = dataclasses.replace(
        listed,
        entries=listed.entries[:2],
        absent=(Absent("CCC", Why.NO_SHEET), Absent("DDD", Why.NO_SHEET)),
    )
    with pytest.raises(ClosingError, match="fewer"):
        check_list(signed(cut), AGREED)


# --- everybody checks it ---


def test_a_list_names_every_nation_once_and_no_other():
    listed = full()
    with pytest.raises(ClosingError, match="exactly once"):
        check_list(signed(dataclasses.replace(listed, entries=listed.entries[:3])), AGREED)
    more = (*listed.entries, Entry("ZZZ", 1, KNOWN["AAA"].digest))
    with pytest.raises(ClosingError, match="exactly once"):
        check_list(signed(dataclasses.replace(listed, entries=more)), AGREED)
    for broken in (
        {"entries": listed.entries[::-1]},
        {"entries": (listed.entries[0], *listed.entries)},
        {"absent": (Absent("AAA", Why.NO_SHEET),)},
        {"mandates": ("sha256:x",)},
    ):
        with pytest.raises(ContributionFormError):
            dataclasses.replace(listed, **broken)


def test_only_the_secretariat_writes_a_list_for_its_round():
    listed = full()
    with pytest.raises(TamperedError):
        check_list(listed.signed(AGREED, WORLD.keys["AAA/agent"]), AGREED)
    with pytest.raises(WrongRoundError):
        check_list(signed(listed), agree(make_world(round_id="R2")))
    with pytest.raises(TamperedError):
        check_list(sign_document("receipt", listed, "SEC/sign", WORLD.keys["SEC/sign"]), AGREED)


def test_an_absence_needs_that_nations_own_statement():
    latest = RECEIPTED | {"DDD": Latest(absence=absence_of("CCC"))}
    with pytest.raises(ClosingError, match="stated by another"):
        check_list(signed(build_list(AGREED, latest, AFTER)), AGREED)
    forged = RECEIPTED | {"DDD": Latest(absence=absence_of("DDD", signer="CCC"))}
    with pytest.raises(TamperedError):
        check_list(signed(build_list(AGREED, forged, AFTER)), AGREED)
    with pytest.raises(WrongRoundError):
        check_absence(absence_of("DDD", world=make_world(round_id="R0")), AGREED)
    with pytest.raises(UnknownNationError):
        check_absence(absence_of("ZZZ"), AGREED)
    with pytest.raises(ContributionFormError):
        Absent("DDD", Why.STATED)
    with pytest.raises(ContributionFormError):
        Absent("DDD", Why.NO_SHEET, absence_of("DDD"))


def test_a_list_is_closed_when_every_nation_in_it_has_countersigned():
    listed = full()
    assert check_closed(closed_by(listed, NATIONS), AGREED) == listed
    with pytest.raises(AwaitingError, match="DDD"):
        check_closed(closed_by(listed, NATIONS[:3]), AGREED)
    wrong = signed(listed).added(countersign(listed, "AAA/agent", WORLD.keys["BBB/agent"]))
    assert countersigners(wrong, AGREED).nations == ()


def test_an_absent_nation_does_not_sign():
    latest = {nation: RECEIPTED[nation] for nation in NATIONS[:3]}
    listed = build_list(AGREED, latest, AFTER)
    assert check_closed(closed_by(listed, NATIONS[:3]), AGREED) == listed


def test_a_listed_mandate_replaces_the_own_agent_key():
    key = PrivateKey.from_seed("ed25519", b"m" * 32)
    mandate = Mandate("R1", WORLD.terms.digest, "DDD", "AAA", key.public, AFTER)
    listed = build_list(AGREED, RECEIPTED, AFTER, [mandate.id])
    own = closed_by(listed, NATIONS)
    with pytest.raises(AwaitingError, match="DDD"):
        check_closed(own, AGREED, [mandate])
    envelope = closed_by(listed, NATIONS[:3]).added(countersign(listed, "DDD/stand-in", key))
    assert check_closed(envelope, AGREED, [mandate]) == listed
    with pytest.raises(AwaitingError, match="DDD"):
        check_closed(envelope, AGREED)
    unlisted = full()
    envelope = closed_by(unlisted, NATIONS[:3]).added(countersign(unlisted, "DDD/stand-in", key))
    with pytest.raises(AwaitingError, match="DDD"):
        check_closed(envelope, AGREED, [mandate])


def test_two_mandates_of_one_nation_count_for_nothing():
    keys = [PrivateKey.from_seed("ed25519", bytes([n]) * 32) for n in (1, 2)]
    digest = WORLD.terms.digest
    both = [Mandate("R1", digest, "DDD", "AAA", key.public, AFTER) for key in keys]
    listed = build_list(AGREED, RECEIPTED, AFTER, [mandate.id for mandate in both])
    with pytest.raises(ClosingError, match="two mandates"):
        countersigners(signed(listed), AGREED, both)


# --- a host ---


def test_a_host_runs_one_list_per_round():
    listed = full()
    assert check_as_host(signed(listed), AGREED, memory()) == listed
    assert check_as_host(signed(listed), AGREED, memory(lists={"R1": listed.digest})) == listed
    with pytest.raises(SecondListError):
        check_as_host(signed(listed), AGREED, memory(lists={"R1": KNOWN["AAA"].digest}))


def test_a_host_refuses_a_list_that_drops_or_turns_back_a_sheet_it_holds():
    three = build_list(AGREED, {n: RECEIPTED[n] for n in NATIONS[:3]}, AFTER)
    with pytest.raises(ClosingError, match="omits DDD"):
        check_as_host(signed(three), AGREED, memory())
    newer = KNOWN | {"BBB": Known(2, KNOWN["AAA"].digest)}
    with pytest.raises(ClosingError, match="BBB"):
        check_as_host(signed(full()), AGREED, memory(newer))
    other = KNOWN | {"BBB": Known(1, KNOWN["AAA"].digest)}
    with pytest.raises(ClosingError, match="BBB"):
        check_as_host(signed(full()), AGREED, memory(other))


def test_a_host_waits_for_a_sheet_it_does_not_hold():
    with pytest.raises(AwaitingError, match="CCC"):
        check_as_host(
            signed(full()), AGREED, memory({n: k for n, k in KNOWN.items() if n != "CCC"})
        )
    later = dataclasses.replace(full(), entries=tuple(
        dataclasses.replace(e, number=2) if e.nation == "CCC" else e for e in full().entries
    ))  # fmt: skip
    with pytest.raises(AwaitingError, match="CCC"):
        check_as_host(signed(later), AGREED, memory())


def test_a_host_refuses_what_it_disputes():
    with pytest.raises(DisputedError, match="CCC"):
        check_as_host(signed(full()), AGREED, memory(disputed={"CCC"}))
    three = build_list(AGREED, {n: RECEIPTED[n] for n in NATIONS[:3]}, AFTER)
    held = {n: KNOWN[n] for n in NATIONS[:3]}
    with pytest.raises(DisputedError, match="leaves out DDD"):
        check_as_host(signed(three), AGREED, memory(held, disputed={"DDD"}))
    assert check_as_host(signed(three), AGREED, memory(held)) == three


def test_a_stated_absence_counts_only_behind_the_sheet_held():
    def listed(number):
        latest = RECEIPTED | {"DDD": Latest(absence=absence_of("DDD", number))}
        return signed(build_list(AGREED, latest, AFTER))

    assert check_as_host(listed(2), AGREED, memory()).missing == ("DDD",)
    with pytest.raises(ClosingError, match="older"):
        check_as_host(listed(1), AGREED, memory())


# --- an agent ---


def test_an_agent_countersigns_one_list_that_holds_its_own_sheet():
    listed = full()
    envelope = signed(listed)
    assert check_as_agent(envelope, AGREED, "AAA", KNOWN["AAA"], {}) == listed
    remembered = {"R1": listed.digest, "R0": KNOWN["BBB"].digest}
    assert check_as_agent(envelope, AGREED, "AAA", KNOWN["AAA"], remembered) == listed
    with pytest.raises(SecondListError):
        check_as_agent(envelope, AGREED, "AAA", KNOWN["AAA"], {"R1": KNOWN["BBB"].digest})


def test_an_agent_refuses_a_list_without_what_it_sent_last():
    three = signed(build_list(AGREED, {n: RECEIPTED[n] for n in NATIONS[:3]}, AFTER))
    with pytest.raises(ClosingError, match="leaves out"):
        check_as_agent(three, AGREED, "DDD", KNOWN["DDD"], {})
    with pytest.raises(ClosingError, match="is absent"):
        check_as_agent(three, AGREED, "DDD", None, {})
    for sent in (None, Known(2, KNOWN["AAA"].digest), Known(1, KNOWN["BBB"].digest)):
        with pytest.raises(ClosingError, match="does not hold"):
            check_as_agent(signed(full()), AGREED, "AAA", sent, {})


def test_an_agent_of_a_nation_that_stated_its_absence_has_nothing_to_sign():
    statement = absence_of("DDD")
    latest = RECEIPTED | {"DDD": Latest(absence=statement)}
    listed = signed(build_list(AGREED, latest, AFTER))
    stated = check_absence(statement, AGREED)
    sent = Known(stated.number, stated.digest)
    with pytest.raises(ClosingError, match="has stated its absence"):
        check_as_agent(listed, AGREED, "DDD", sent, {})
    with pytest.raises(ClosingError, match="leaves out"):
        check_as_agent(listed, AGREED, "DDD", Known(3, KNOWN["AAA"].digest), {})


# --- locks ---


def test_cells_of_a_closed_round_are_locked_until_it_ends():
    other = OpenRound("R0", frame(years=(2029, 2030)))
    locked = locked_cells([other])
    assert cell("RADAR/2029/T1/STD") in locked
    assert cell("RADAR/2027/T1/STD") not in locked
    with pytest.raises(LockedError, match="R0"):
        check_unlocked(AGREED, [other])
    check_unlocked(AGREED, [OpenRound("R0", frame(years=(2031,)))])
    check_unlocked(AGREED, [OpenRound("R1", WORLD.terms.frame)])
    check_unlocked(AGREED, [])


def test_a_part_of_a_locked_code_is_locked_with_it():
    part = Item("AMMO-155-HE", {}, "pieces", 32, relation="part-of", related=("AMMO-155",))
    other = OpenRound("R0", Frame((part,), (2027,), ("T1",)))
    assert CellKey("AMMO-155", 2027, "T1", "STD") in locked_cells([other])
    with pytest.raises(LockedError):
        check_unlocked(AGREED, [other])


def test_wire_forms_refuse_other_documents():
    for payload in (b"{}", b"[]", full().to_wire()[:-1], full().to_wire() + b" "):
        with pytest.raises(InputError):
            ClosingList.from_wire(payload)
    assert Envelope.from_wire(signed(full()).to_wire()) == signed(full())
