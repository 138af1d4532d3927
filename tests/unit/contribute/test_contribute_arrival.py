"""What the secretariat and the hosts refuse, and what a receipt proves."""

import dataclasses
import os

import numpy as np
import pytest

from delian.approve.document import sign_document
from delian.contribute.absence import Absence
from delian.contribute.arrival import (
    ArrivalVerdict,
    Known,
    check_arrival,
    check_sequence,
    verdict_on,
)
from delian.contribute.contribution import Slice, head, read_contribution
from delian.contribute.errors import (
    AlteredError,
    AwaitingError,
    CommitmentError,
    ContributionFormError,
    DisputedError,
    LateError,
    OlderNumberError,
    ReceiptError,
    ReplayError,
    TwoManifestsError,
    UnknownNationError,
    WrongRoundError,
    WrongTermsError,
)
from delian.contribute.held import judge, open_part
from delian.contribute.manifest import Manifest, check_manifest
from delian.contribute.receipt import Standing, check_receipt, issue_receipt, standing
from delian.contribute.sheet import make_sheet
from delian.contribute.split import contribute, deal, seal_dealt
from delian.crypto.chunked import MemorySource
from delian.crypto.dsse import Envelope
from delian.crypto.seal import SealError
from delian.crypto.sign import SignatureError
from delian.terms.errors import DelianError, TamperedError
from tests.contribute_world import AFTER, BEFORE, HOSTS, UNTIL, agree, frame, make_world

WORLD = make_world()
AGREED = agree(WORLD)


def sent_by(nation="AAA", number=1, world=WORLD, figure=7):
    figures = np.full(len(world.terms.frame.cells), figure)
    sheet = make_sheet(world.terms, nation, figures)
    return contribute(sheet, agree(world), world.keys[f"{nation}/contribute"], number, os.urandom)


def parse(data):
    return read_contribution(MemorySource(data))


def arrive(data, known=None, now=BEFORE, agreed=AGREED):
    return check_arrival(parse(data), agreed, known or {}, now)


def verdicts_for(manifest, faults=("", "", "")):
    return [
        verdict_on(manifest, host, fault).signed(WORLD.keys[f"{host}/host-sign"])
        for host, fault in zip(HOSTS, faults, strict=True)
    ]


def test_a_good_contribution_arrives():
    sent = sent_by()
    known = {"AAA": Known(0, "sha256:" + "0" * 64), "BBB": Known(9, "sha256:" + "1" * 64)}
    assert arrive(sent.data, known, now=UNTIL) == sent.manifest
    assert set(known) == {"AAA", "BBB"}


@pytest.mark.parametrize("algorithm", ["ed25519", "ml-dsa-65"])
def test_the_roster_decides_the_signature_algorithm(algorithm):
    world = make_world(algorithm=algorithm)
    sent = sent_by(world=world)
    assert arrive(sent.data, agreed=agree(world)) == sent.manifest


def test_replay_older_number_and_two_manifests_are_told_apart():
    first, again, second = sent_by(), sent_by(), sent_by(number=2)
    known = {"AAA": Known(1, first.manifest.digest)}
    with pytest.raises(ReplayError):
        arrive(first.data, known)
    with pytest.raises(TwoManifestsError):
        arrive(again.data, known)
    assert arrive(second.data, known) == second.manifest
    with pytest.raises(OlderNumberError):
        arrive(first.data, {"AAA": Known(2, second.manifest.digest)})


def test_an_absence_is_numbered_in_one_sequence_with_the_sheets():
    absence = Absence("R1", WORLD.terms.digest, "AAA", 2)
    known = {"AAA": Known(absence.number, absence.digest)}
    with pytest.raises(OlderNumberError):
        arrive(sent_by(number=1).data, known)
    with pytest.raises(TwoManifestsError):
        arrive(sent_by(number=2).data, known)
    arrive(sent_by(number=3).data, known)
    check_sequence("AAA", Known(3, "sha256:" + "2" * 64), known)


def test_another_round_or_other_terms_are_refused():
    with pytest.raises(WrongRoundError):
        arrive(sent_by(world=make_world(round_id="R0")).data)
    with pytest.raises(WrongTermsError):
        arrive(sent_by(world=make_world(frame(years=(2027,)))).data)


def test_late_is_late():
    sent = sent_by()
    with pytest.raises(LateError):
        arrive(sent.data, now=AFTER)


def test_an_unknown_nation_is_refused():
    manifest = dataclasses.replace(sent_by().manifest, nation="ZZZ")
    envelope = manifest.signed(WORLD.keys["ZZZ/contribute"])
    with pytest.raises(UnknownNationError):
        check_manifest(envelope, AGREED)


def test_only_the_nations_contribute_key_signs():
    manifest = sent_by().manifest
    for keyid in ("BBB/contribute", "AAA/agent", "SEC/sign"):
        with pytest.raises(SignatureError):
            check_manifest(manifest.signed(WORLD.keys[keyid]), AGREED)
    renamed = sign_document("manifest", manifest, "BBB/contribute", WORLD.keys["BBB/contribute"])
    with pytest.raises(TamperedError):
        check_manifest(renamed, AGREED)
    other_kind = sign_document("receipt", manifest, "AAA/contribute", WORLD.keys["AAA/contribute"])
    with pytest.raises(TamperedError):
        check_manifest(other_kind, AGREED)


def test_other_hosts_or_sizes_in_a_signed_manifest_are_refused():
    manifest, key = sent_by().manifest, WORLD.keys["AAA/contribute"]
    swapped = dataclasses.replace(manifest, parts=manifest.parts[::-1])
    with pytest.raises(WrongTermsError):
        check_manifest(swapped.signed(key), AGREED)
    larger = dataclasses.replace(manifest.parts[0], size_bytes=manifest.parts[0].size_bytes + 1)
    grown = dataclasses.replace(manifest, parts=(larger, *manifest.parts[1:]))
    with pytest.raises(ContributionFormError, match="size"):
        check_manifest(grown.signed(key), AGREED)


def test_parts_of_another_contribution_are_refused():
    one, two = parse(sent_by().data), parse(sent_by().data)
    mixed = head(one.envelope, [p.size_bytes for p in one.parts]) + b"".join(
        b"".join(p.pieces()) for p in (one.parts[0], two.parts[1], one.parts[2])
    )
    with pytest.raises(AlteredError, match="bravo"):
        arrive(mixed)


def test_a_copy_for_one_host_carries_that_part_alone():
    sent = sent_by()
    whole = parse(sent.data)
    copy = parse(b"".join(whole.for_host(1)))
    assert copy.parts[0] is None
    assert copy.parts[2] is None
    verdict, held = judge(
        check_manifest(copy.envelope, AGREED), copy.part(1), AGREED, 1, WORLD.seals["bravo"]
    )
    assert verdict.is_ok
    assert held is not None
    with pytest.raises(ContributionFormError):
        copy.part(0)
    with pytest.raises(ContributionFormError):
        check_arrival(copy, AGREED, {}, BEFORE)


def test_an_altered_part_is_the_carriers_fault_and_gets_no_verdict():
    sent = sent_by()
    data = bytearray(sent.data)
    data[-1] ^= 1
    file = parse(bytes(data))
    with pytest.raises(AlteredError, match="charlie"):
        check_arrival(file, AGREED, {}, BEFORE)
    with pytest.raises(AlteredError):
        judge(file.manifest, file.part(2), AGREED, 2, WORLD.seals["charlie"])
    short = Slice(MemorySource(sent.data), 0, 10)
    with pytest.raises(AlteredError):
        judge(file.manifest, short, AGREED, 2, WORLD.seals["charlie"])


def test_a_part_opens_for_its_host_nation_and_number_only():
    sent = sent_by()
    file = parse(sent.data)
    with pytest.raises(SealError):
        open_part(file.manifest, file.part(0), AGREED, 0, WORLD.seals["bravo"])
    for change in ({"number": 2}, {"nation": "BBB"}):
        moved = dataclasses.replace(file.manifest, **change)
        with pytest.raises(SealError):
            open_part(moved, file.part(0), AGREED, 0, WORLD.seals["alpha"])
        verdict, held = judge(moved, file.part(0), AGREED, 0, WORLD.seals["alpha"])
        assert (verdict.fault, held) == ("seal", None)


# --- an inconsistent contributor: everything is signed, but not what it should be ---


def inconsistent(change, host):
    """Signs parts of which P_*host* gets *change*(dealt), under the commitments of *dealt*."""
    figures = np.full(len(WORLD.terms.frame.cells), 5)
    dealt = deal(make_sheet(WORLD.terms, "AAA", figures), AGREED, os.urandom)
    key = WORLD.keys["AAA/contribute"]
    honest, other = (parse(seal_dealt(d, AGREED, key, 1).data) for d in (dealt, change(dealt)))
    files = [other if h == host else honest for h in range(3)]
    parts = tuple(files[h].manifest.parts[h] for h in range(3))
    manifest = dataclasses.replace(honest.manifest, parts=parts)
    body = b"".join(b"".join(files[h].part(h).pieces()) for h in range(3))
    return head(manifest.signed(key), [p.size_bytes for p in parts]) + body


def replaced(field, index):
    def change(dealt):
        values = list(getattr(dealt, field))
        values[index] = bytes([values[index][0] ^ 1]) + values[index][1:]
        return dataclasses.replace(dealt, **{field: tuple(values)})

    return change


@pytest.mark.parametrize("field", ["shares", "salts"])
@pytest.mark.parametrize("host", [0, 1, 2])
@pytest.mark.parametrize("order", [0, 1])
def test_a_share_or_salt_given_differently_to_one_host_is_pinned_on_its_sender(field, host, order):
    index = (host + order) % 3
    data = inconsistent(replaced(field, index), host)
    manifest = arrive(data)
    for rank in range(3):
        verdict, held = judge(
            manifest, parse(data).part(rank), AGREED, rank, WORLD.seals[HOSTS[rank]]
        )
        assert verdict.fault == ("commitment" if rank == host else "")
        assert (held is None) == (rank == host)
    with pytest.raises(CommitmentError, match=f"share {index} of AAA"):
        open_part(manifest, parse(data).part(host), AGREED, host, WORLD.seals[HOSTS[host]])


def test_a_commitment_to_another_form_or_place_is_refused():
    figures = np.full(len(WORLD.terms.frame.cells), 5)
    dealt = deal(make_sheet(WORLD.terms, "AAA", figures), AGREED, os.urandom)
    turned = dataclasses.replace(dealt, shares=(dealt.shares[1], dealt.shares[0], dealt.shares[2]))
    key = WORLD.keys["AAA/contribute"]
    file = parse(seal_dealt(turned, AGREED, key, 1).data)
    manifest = dataclasses.replace(file.manifest, commitments=dealt.commitments)
    verdict, _ = judge(manifest, file.part(0), AGREED, 0, WORLD.seals["alpha"])
    assert verdict.fault == "commitment"


def test_bytes_that_are_no_sealed_message_are_not_ok_though_signed():
    file = parse(sent_by().data)
    junk = os.urandom(file.manifest.parts[0].size_bytes)
    part = Slice(MemorySource(junk), 0, len(junk))
    named = dataclasses.replace(file.manifest.parts[0], digest=part.digest())
    manifest = dataclasses.replace(file.manifest, parts=(named, *file.manifest.parts[1:]))
    verdict, held = judge(manifest, part, AGREED, 0, WORLD.seals["alpha"])
    assert (verdict.fault, held) == ("seal", None)


# --- verdicts and receipts ---


def test_a_receipt_carries_all_four_signatures():
    sent = sent_by()
    envelope = issue_receipt(
        sent.manifest, verdicts_for(sent.manifest)[::-1], AGREED, WORLD.keys["SEC/sign"]
    )
    receipt = check_receipt(Envelope.from_wire(envelope.to_wire()), AGREED)
    assert receipt.manifest == sent.manifest.digest
    assert [ArrivalVerdict.from_envelope(v, AGREED).host for v in receipt.verdicts] == list(HOSTS)
    assert b"2026" not in envelope.payload


def test_no_receipt_without_every_hosts_ok():
    manifest, key = sent_by().manifest, WORLD.keys["SEC/sign"]
    with pytest.raises(AwaitingError, match="charlie"):
        issue_receipt(manifest, verdicts_for(manifest)[:2], AGREED, key)
    with pytest.raises(DisputedError, match="bravo"):
        issue_receipt(manifest, verdicts_for(manifest, ("", "commitment", "")), AGREED, key)
    both = [*verdicts_for(manifest, ("", "seal", "")), *verdicts_for(manifest)]
    for order in (both, both[::-1]):
        with pytest.raises(DisputedError, match="bravo"):
            issue_receipt(manifest, order, AGREED, key)
    with pytest.raises(ReceiptError):
        issue_receipt(manifest, verdicts_for(sent_by("BBB").manifest), AGREED, key)


def test_a_forged_verdict_does_not_count():
    manifest = sent_by().manifest
    forged = verdict_on(manifest, "alpha").signed(WORLD.keys["bravo/host-sign"])
    with pytest.raises(SignatureError):
        ArrivalVerdict.from_envelope(forged, AGREED)
    outsider = dataclasses.replace(verdict_on(manifest, "alpha"), host="delta")
    with pytest.raises(ContributionFormError):
        ArrivalVerdict.from_envelope(outsider.signed(WORLD.keys["alpha/host-sign"]), AGREED)
    with pytest.raises(ContributionFormError):
        verdict_on(manifest, "alpha", "bad weather")


def test_a_forged_receipt_is_refused():
    manifest, key = sent_by().manifest, WORLD.keys["SEC/sign"]
    good = issue_receipt(manifest, verdicts_for(manifest), AGREED, key)
    receipt = check_receipt(good, AGREED)
    not_ok = tuple(verdicts_for(manifest, ("", "", "seal")))
    other = tuple(verdicts_for(sent_by("AAA", 2).manifest))
    twice = (receipt.verdicts[0], receipt.verdicts[0], receipt.verdicts[2])
    for verdicts in (not_ok, other, twice):
        forged = dataclasses.replace(receipt, verdicts=verdicts)
        with pytest.raises(ReceiptError):
            check_receipt(sign_document("receipt", forged, "SEC/sign", key), AGREED)
    with pytest.raises(TamperedError):
        check_receipt(
            sign_document("receipt", receipt, "SEC/sign", WORLD.keys["alpha/host-sign"]), AGREED
        )
    with pytest.raises(WrongRoundError):
        check_receipt(good, agree(make_world(round_id="R2")))


def test_a_sheet_without_its_receipt_is_unconfirmed():
    one, two = sent_by().manifest, sent_by(number=2).manifest
    key = WORLD.keys["SEC/sign"]
    receipt = check_receipt(issue_receipt(one, verdicts_for(one), AGREED, key), AGREED)
    assert standing(None, None) is Standing.NOT_SENT
    assert standing(one, None) is Standing.UNCONFIRMED
    assert standing(one, receipt) is Standing.CONFIRMED
    assert standing(two, receipt) is Standing.UNCONFIRMED


@pytest.mark.parametrize("length", [0, 10, 50, 300, -1])
def test_a_cut_file_is_refused(length):
    data = sent_by().data
    with pytest.raises(DelianError):
        arrive(data[:length])
    with pytest.raises(DelianError):
        arrive(data + b"x")


def test_a_manifest_holds_no_time_and_no_figure():
    payload = sent_by(figure=987_654_321).manifest.to_wire()
    assert b"987654321" not in payload
    assert b"2026" not in payload
    assert Manifest.from_wire(payload).to_wire() == payload
