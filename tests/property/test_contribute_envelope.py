"""Laws of the contribution file: any change is refused, any split adds up, parsers only refuse."""

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delian.contribute.absence import Absence
from delian.contribute.arrival import ArrivalVerdict, check_arrival, verdict_on
from delian.contribute.closing import Absent, ClosingList, Entry, Why
from delian.contribute.contribution import read_contribution
from delian.contribute.held import judge, open_part
from delian.contribute.manifest import Manifest
from delian.contribute.receipt import Receipt
from delian.contribute.sheet import make_sheet
from delian.contribute.split import contribute, deal, seal_dealt
from delian.crypto.chunked import MemorySource
from delian.terms.encode import canonical, parse
from delian.terms.errors import DelianError
from delian.terms.frame import Frame, Item
from tests.contribute_world import BEFORE, HOSTS, agree, make_world

LAW = settings(max_examples=120, deadline=None)
WORLD = make_world()
AGREED = agree(WORLD)
FIGURES = np.arange(len(WORLD.terms.frame.cells))


def sent(nation="AAA", number=1):
    sheet = make_sheet(WORLD.terms, nation, FIGURES)
    return contribute(sheet, AGREED, WORLD.keys[f"{nation}/contribute"], number, os.urandom)


SENT = sent()
DATA = SENT.data
OTHERS = (sent().data, sent("BBB").data, sent(number=2).data)


def taken(data):
    """The whole way of a file: parsed, checked on arrival, opened by all three hosts."""
    file = read_contribution(MemorySource(data))
    manifest = check_arrival(file, AGREED, {}, BEFORE)
    for host, code in enumerate(HOSTS):
        verdict, held = judge(manifest, file.part(host), AGREED, host, WORLD.seals[code])
        if not verdict.is_ok or held is None:
            raise AssertionError("an honest file must be ok")
    return manifest


def test_the_unchanged_file_is_taken():
    assert taken(DATA) == SENT.manifest


@LAW
@given(st.integers(0, len(DATA) * 8 - 1))
def test_one_flipped_bit_anywhere_is_refused(bit):
    data = bytearray(DATA)
    data[bit // 8] ^= 1 << (bit % 8)
    with pytest.raises(DelianError):
        taken(bytes(data))


@LAW
@given(st.integers(0, len(DATA) - 1))
def test_a_file_cut_anywhere_is_refused(length):
    with pytest.raises(DelianError):
        taken(DATA[:length])


@settings(max_examples=40, deadline=None)
@given(st.binary(min_size=1, max_size=300), st.integers(0, len(DATA)))
def test_bytes_put_in_anywhere_are_refused(extra, place):
    with pytest.raises(DelianError):
        taken(DATA[:place] + extra + DATA[place:])


@LAW
@given(st.data())
def test_a_stretch_of_another_contribution_is_refused(data):
    other = data.draw(st.sampled_from(OTHERS))
    start = data.draw(st.integers(0, len(DATA) - 1))
    stop = data.draw(st.integers(start + 1, len(DATA)))
    mixed = DATA[:start] + other[start:stop] + DATA[stop:]
    if mixed == DATA or mixed in OTHERS:
        return
    with pytest.raises(DelianError):
        taken(mixed)


@settings(max_examples=40, deadline=None)
@given(st.permutations(range(3)).filter(lambda order: order != [0, 1, 2]))
def test_swapped_parts_are_refused(order):
    file = read_contribution(MemorySource(DATA))
    parts = [b"".join(file.part(i).pieces()) for i in range(3)]
    start = DATA[: len(DATA) - sum(map(len, parts))]
    with pytest.raises(DelianError):
        taken(start + b"".join(parts[i] for i in order))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 200), st.integers(1, 48), st.data())
def test_any_sheet_is_its_three_shares_and_no_share_repeats(cells, width, data):
    items = tuple(Item(f"I{n}", {}, "pieces", width) for n in range(cells))
    world = make_world(Frame(items, (2027,), ("T1",)))
    agreed = agree(world)
    figures = data.draw(st.lists(st.integers(0, 2**width - 1), min_size=cells, max_size=cells))
    dealt = deal(make_sheet(world.terms, "AAA", figures), agreed, os.urandom)
    made = seal_dealt(dealt, agreed, world.keys["AAA/contribute"], 1)
    file = read_contribution(MemorySource(made.data))
    planes = [
        open_part(file.manifest, file.part(h), agreed, h, world.seals[code]).planes(0, cells)
        for h, code in enumerate(HOSTS)
    ]
    total = planes[0][0] ^ planes[1][0] ^ planes[2][0]
    read = [
        sum(((int(total[b, c >> 6]) >> (c & 63)) & 1) << b for b in range(width))
        for c in range(cells)
    ]
    assert read == figures
    assert len(set(dealt.salts)) == 3
    assert len(set(dealt.commitments)) == 3


MANIFEST = SENT.manifest
VERDICT = verdict_on(MANIFEST, "alpha")
ABSENCE = Absence("R1", WORLD.terms.digest, "DDD", 4)
RECEIPT = Receipt(
    "R1",
    WORLD.terms.digest,
    "AAA",
    1,
    MANIFEST.digest,
    tuple(verdict_on(MANIFEST, h).signed(WORLD.keys[f"{h}/host-sign"]) for h in HOSTS),
)
LIST = ClosingList(
    "R1",
    WORLD.terms.digest,
    (Entry("AAA", 1, MANIFEST.digest),),
    (Absent("DDD", Why.STATED, ABSENCE.signed(WORLD.keys["DDD/contribute"])),),
)
DOCUMENTS = (MANIFEST, VERDICT, ABSENCE, RECEIPT, LIST)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


def places(value, path=()):
    """The path of every value inside *value*."""
    if isinstance(value, dict | list):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield (*path, key)
            yield from places(part, (*path, key))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_document_with_one_changed_field_is_refused_or_is_another_document(data):
    document = data.draw(st.sampled_from(DOCUMENTS))
    plain = parse(document.to_wire())
    path = data.draw(st.sampled_from(list(places(plain))))
    target = plain
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = data.draw(PLAIN)
    payload = canonical(plain)
    try:
        read = type(document).from_wire(payload)
    except DelianError:
        return
    assert read.to_wire() == payload


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(DOCUMENTS), st.binary(max_size=200))
def test_strange_bytes_only_ever_give_our_errors(document, data):
    for kind in (Manifest, ArrivalVerdict, Absence, Receipt, ClosingList):
        with pytest.raises(DelianError):
            kind.from_wire(data)
    start = document.to_wire()
    for other in (data, DATA[:30] + data, start[: len(data)] + data):
        with pytest.raises(DelianError):
            read_contribution(MemorySource(other))
