"""Three shares of one sheet: they add up, they are small, they are bound to their place."""

import dataclasses
import hashlib
import os
import pickle
import struct

import numpy as np
import pytest

from delian.contribute.check import check
from delian.contribute.contribution import read_contribution
from delian.contribute.errors import ContributionFormError, UnknownNationError, WrongTermsError
from delian.contribute.held import open_part
from delian.contribute.preview import preview
from delian.contribute.shape import ShareShape
from delian.contribute.sheet import Sheet, make_sheet
from delian.contribute.split import contribute, deal, seal_dealt
from delian.contribute.template import template
from delian.crypto.chunked import MemorySource
from delian.terms.frame import Frame, Item
from tests.contribute_world import HOSTS, agree, fill, frame, make_world, seeded

WORLD = make_world(frame(width_bits=40))
AGREED = agree(WORLD)


def wide(cells, width=40):
    items = tuple(Item(f"I{n}", {}, "pieces", width) for n in range(cells))
    return make_world(Frame(items, (2027,), ("T1",)))


def sent_by(world, figures, nation="AAA", number=1, randbytes=os.urandom):
    sheet = make_sheet(world.terms, nation, figures)
    key = world.keys[f"{nation}/contribute"]
    return contribute(sheet, agree(world), key, number, randbytes)


def held_of(world, sent):
    agreed = agree(world)
    file = read_contribution(MemorySource(sent.data))
    return [
        open_part(file.manifest, file.part(host), agreed, host, world.seals[HOSTS[host]])
        for host in range(3)
    ]


def numbers(planes, cells):
    """Bit b of cell c stands in plane b, word c // 64, bit c % 64: read back without numpy."""
    return [
        sum(((int(planes[b, c // 64]) >> (c % 64)) & 1) << b for b in range(planes.shape[0]))
        for c in range(cells)
    ]


@pytest.mark.parametrize("cells", [1, 63, 64, 65, 130, 4096, 4097, 4200])
def test_the_shares_give_the_sheet_back_at_every_size(cells):
    world = wide(cells)
    figures = np.arange(cells, dtype=np.int64) * 261_122_317 % 2**40
    figures[0] = 2**40 - 1
    held = held_of(world, sent_by(world, figures))
    parts = [h.planes(0, cells) for h in held]
    total = parts[0][0] ^ parts[1][0] ^ parts[2][0]
    assert numbers(total, cells) == figures.tolist()
    for host in range(3):
        assert (parts[host][1] == parts[(host + 1) % 3][0]).all()
        assert parts[host][0].shape == (40, -(-cells // 64))


def test_any_range_of_cells_can_be_read_alone():
    cells = 9000
    world = wide(cells)
    held = held_of(world, sent_by(world, np.arange(cells)))
    for host in range(3):
        whole = held[host].planes(0, cells)
        for start, stop in ((0, 64), (64, 64), (4032, 4160), (8192, 9000), (8960, 9000), (0, 4096)):
            for part, all_ in zip(held[host].planes(start, stop), whole, strict=True):
                assert (part == all_[:, start // 64 : -(-stop // 64)]).all()
        own, nxt = held[host].planes(0, 5)
        assert own.shape == (40, 1)
        assert not (own >> np.uint64(5)).any()
        assert not (nxt >> np.uint64(5)).any()
    for start, stop in ((1, 64), (64, 9001), (-64, 64), (128, 64)):
        with pytest.raises(ContributionFormError):
            held[0].planes(start, stop)


def test_lanes_behind_the_last_cell_are_zero_even_if_the_sender_filled_them():
    world = wide(3)
    agreed = agree(world)
    dealt = deal(make_sheet(world.terms, "AAA", [1, 2, 3]), agreed, os.urandom)
    full = (np.frombuffer(dealt.shares[2], dtype="<u8") | np.uint64(2**64 - 8)).tobytes()
    dealt = dataclasses.replace(dealt, shares=(*dealt.shares[:2], full))
    held = held_of(world, seal_dealt(dealt, agreed, world.keys["AAA/contribute"], 1))
    parts = [h.planes(0, 3) for h in held]
    for own, nxt in parts:
        assert not (own >> np.uint64(3)).any()
        assert not (nxt >> np.uint64(3)).any()
    assert numbers(parts[0][0] ^ parts[1][0] ^ parts[2][0], 3) == [1, 2, 3]


def test_at_forty_bits_all_parts_take_ten_bytes_a_cell():
    fixed = []
    for cells in (64, 3200, 12_800):
        sent = sent_by(wide(cells), np.zeros(cells, dtype=np.int64))
        chunks = sum(-(-part.size_bytes // 262_144) for part in sent.manifest.parts)
        fixed.append(len(sent.data) - 10 * cells - 16 * (chunks - 3))
    assert max(fixed) < 6 * 1024
    assert max(fixed) - min(fixed) < 64


def test_the_size_says_nothing_about_the_figures():
    world = wide(100)
    low = sent_by(world, [0] * 100)
    high = sent_by(world, [2**40 - 1] * 100)
    assert len(low.data) == len(high.data)


def test_the_commitments_are_those_of_the_specification():
    """Restated byte by byte: every part preceded by its length in eight bytes."""
    terms = WORLD.terms
    figures = np.arange(len(terms.frame.cells))
    sheet = make_sheet(terms, "BBB", figures)
    dealt = deal(sheet, AGREED, seeded("commitments"))
    explicit = len(dealt.shares[2])
    assert explicit == 40 * 8
    for index in range(3):
        parts = [
            b"delian-commitment-1",
            b"R1",
            terms.digest.encode(),
            b"BBB",
            bytes([index]),
            (b"seed", b"seed", b"explicit")[index],
            struct.pack(">I", 40),
            struct.pack(">Q", 18),
        ]
        context = b"".join(struct.pack(">Q", len(p)) + p for p in parts)
        salt, share = dealt.salts[index], dealt.shares[index]
        assert len(salt) == 32
        salted = b"".join(struct.pack(">Q", len(p)) + p for p in (context, salt)) + share
        assert dealt.commitments[index] == "sha256:" + hashlib.sha256(salted).hexdigest()


def test_the_associated_data_is_that_of_the_specification():
    parts = [b"R1", WORLD.terms.digest.encode(), b"BBB", b"charlie", b"\x02", struct.pack(">Q", 7)]
    restated = b"".join(struct.pack(">Q", len(p)) + p for p in parts)
    assert ShareShape.of(WORLD.terms).bound("BBB", 2, 7) == restated


def test_a_commitment_binds_salt_share_nation_and_index():
    sheet = make_sheet(WORLD.terms, "AAA", np.zeros(18, dtype=np.int64))
    one = deal(sheet, AGREED, seeded("x"))
    assert len({*one.commitments}) == 3
    assert one.commitments == deal(sheet, AGREED, seeded("x")).commitments
    other_salt = deal(sheet, AGREED, seeded("y"))
    assert not set(one.commitments) & set(other_salt.commitments)
    other_nation = deal(
        make_sheet(WORLD.terms, "BBB", np.zeros(18, dtype=np.int64)), AGREED, seeded("x")
    )
    assert one.shares == other_nation.shares
    assert not set(one.commitments) & set(other_nation.commitments)


def test_equal_sheets_look_different_each_time():
    sheet = make_sheet(WORLD.terms, "AAA", np.zeros(18, dtype=np.int64))
    key = WORLD.keys["AAA/contribute"]
    one, two = (contribute(sheet, AGREED, key, 1, os.urandom) for _ in range(2))
    assert one.manifest.digest != two.manifest.digest
    assert not set(one.manifest.commitments) & set(two.manifest.commitments)


def test_secrets_hide_themselves():
    sheet = make_sheet(WORLD.terms, "AAA", np.full(18, 987_654_321))
    dealt = deal(sheet, AGREED, seeded("hide"))
    world_held = held_of(WORLD, sent_by(WORLD, np.full(18, 987_654_321)))[0]
    for secret in (sheet, dealt, world_held):
        shown = repr(secret)
        assert "987654321" not in shown
        assert repr(dealt.salts[0])[2:20] not in shown
        with pytest.raises(TypeError):
            pickle.dumps(secret)


def test_a_sheet_of_other_terms_or_with_a_foreign_key_is_not_sealed():
    other = make_world(frame(width_bits=40), round_id="R0")
    stale = make_sheet(other.terms, "AAA", np.zeros(18, dtype=np.int64))
    with pytest.raises(WrongTermsError):
        deal(stale, AGREED, os.urandom)
    sheet = make_sheet(WORLD.terms, "AAA", np.zeros(18, dtype=np.int64))
    with pytest.raises(WrongTermsError, match="not the key"):
        contribute(sheet, AGREED, WORLD.keys["BBB/contribute"], 1, os.urandom)
    with pytest.raises(WrongTermsError, match="not the key"):
        contribute(sheet, AGREED, WORLD.keys["AAA/agent"], 1, os.urandom)
    stranger = Sheet("ZZZ", "R1", WORLD.terms.digest, np.zeros(18, dtype=np.int64))
    with pytest.raises(UnknownNationError):
        deal(stranger, AGREED, os.urandom)


def test_the_preview_names_exactly_what_leaves():
    data = fill(template(WORLD.terms, "AAA"), [987_654_321] * 18)
    checked = check(data, "a.xlsx", WORLD.terms, "AAA")
    shown = preview(checked, AGREED)
    key = WORLD.keys["AAA/contribute"]
    sent = contribute(checked.sheet, AGREED, key, 1, os.urandom)
    assert [leaving.size_bytes for leaving in shown.leaving] == [
        part.size_bytes for part in sent.manifest.parts
    ]
    assert [leaving.host for leaving in shown.leaving] == list(HOSTS)
    assert shown.sealed_bytes == ShareShape.of(WORLD.terms).sealed_bytes(0) + sum(
        ShareShape.of(WORLD.terms).sealed_bytes(host) for host in (1, 2)
    )
    said = repr(shown) + repr(shown.to_plain())
    assert "987654321" not in said
    for words in ("fewer than three nations", "trend", "can reach 0", "Two of the three hosts"):
        assert words.replace("can reach 0", "even to 0 %") in said
    assert any("opened once" in limit for limit in shown.limits)


def test_the_preview_adds_the_limits_of_the_terms():
    world = make_world(
        shared_organisation=True,
        demonstration=True,
        mode="semi-honest",
        collection="trusted",
        max_openings=2,
    )
    data = fill(template(world.terms, "AAA"), [2**31] * 18)
    shown = preview(check(data, "a.xlsx", world.terms, "AAA"), agree(world))
    text = " ".join(shown.limits)
    for words in ("demonstration", "enclave", "does not follow the protocol"):
        assert words in text
    assert "opened once" not in text
    assert len(shown.warnings) == 18
