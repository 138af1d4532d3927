"""Laws of a release: any flipped byte is refused; every cell stands in exactly one line."""

import csv
import io
import json
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from delian.release.currency import Seen, Versions
from delian.release.lines import plain_text, year_text
from delian.release.package import Edition, render
from delian.release.statement import read_statement
from delian.release.verify import verify
from delian.terms.errors import DelianError
from tests.release_cases import SMALL, base
from tests.release_world import MARKING, NOW, draw_table, world

QUICK = settings(max_examples=40, deadline=None)
NAMES = tuple(sorted(base().folder))


@QUICK
@given(st.sampled_from(NAMES), st.data())
def test_one_flipped_bit_anywhere_is_refused(name: str, data: st.DataObject) -> None:
    r = base()
    content = bytearray(r.folder[name])
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= 1 << data.draw(st.integers(0, 7))
    report = verify({**r.folder, name: bytes(content)}, r.root, now_utc=NOW, state=b"")
    assert not report.ok and report.seen is None


@QUICK
@given(st.data())
def test_a_flipped_bit_of_the_pinned_root_is_refused(data: st.DataObject) -> None:
    r = base()
    content = bytearray(r.root)
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert not verify(r.folder, bytes(content), now_utc=NOW, state=b"").ok


@QUICK
@given(st.sampled_from(NAMES), st.data())
def test_a_cut_or_lengthened_file_is_refused(name: str, data: st.DataObject) -> None:
    r = base()
    content = r.folder[name]
    cut = content[: data.draw(st.integers(0, len(content) - 1))]
    longer = content + data.draw(st.binary(min_size=1, max_size=4))
    for other in (cut, longer):
        assert not verify({**r.folder, name: other}, r.root, now_utc=NOW, state=b"").ok


@QUICK
@given(st.sampled_from(NAMES), st.sampled_from(NAMES))
def test_swapped_files_are_refused(one: str, two: str) -> None:
    r = base()
    swapped = {**r.folder, one: r.folder[two], two: r.folder[one]}
    assert verify(swapped, r.root, now_utc=NOW, state=b"").ok is (one == two)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 10**6))
def test_every_cell_of_the_terms_stands_in_exactly_one_line(seed: int) -> None:
    w = world(*SMALL)
    table = draw_table(w.terms, w.nations, seed)
    made = render(table, w.terms, Edition(1, MARKING))
    plain = json.loads(made["demand.json"])
    cells = Counter(c for b in plain["blocks"] for c in b["cells"])
    cells += Counter(plain["withheld"])
    assert cells == Counter(map(str, w.terms.frame.cells))
    rows = list(csv.DictReader(io.StringIO(made["demand.csv"].decode(), newline="")))
    assert sum(int(r["cells"]) for r in rows) == len(w.terms.frame.cells)
    assert made == render(table, w.terms, Edition(1, MARKING))


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=40))
def test_plain_text_is_one_printable_line_and_settled(text: str) -> None:
    safe = plain_text(text)
    assert plain_text(safe) == safe and "\n" not in safe and "\t" not in safe
    assert not any(ord(c) < 32 or 0x202A <= ord(c) <= 0x202E for c in safe)


@settings(max_examples=100, deadline=None)
@given(st.sets(st.integers(2000, 2060), min_size=1))
def test_years_in_words_say_exactly_the_years(years: set[int]) -> None:
    said: set[int] = set()
    for part in year_text(years).split(", "):
        first, _, last = part.partition("-")
        said |= set(range(int(first), int(last or first) + 1))
    assert said == years


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_strange_bytes_are_refused_as_input(data: bytes) -> None:
    for parser in (read_statement, Seen.from_wire):
        try:
            parser(data)
        except DelianError:
            continue
        assert data == b""


versions = st.builds(Versions, *[st.integers(0, 10**6)] * 4)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.tuples(st.text(max_size=9), st.text(max_size=9)), versions, max_size=4))
def test_the_state_reads_back(held: dict[tuple[str, str], Versions]) -> None:
    assert Seen.from_wire(Seen(held).to_wire()) == Seen(held)


def test_the_flip_test_covers_every_kind_of_file() -> None:
    kinds = {name.split("/")[0] for name in NAMES}
    assert {"metadata", "statement.dsse.json", "hosts.dsse.json", "terms.dsse.json"} <= kinds
    assert {"roster.json", "index.html", "demand.xlsx", "opened.json"} <= kinds
