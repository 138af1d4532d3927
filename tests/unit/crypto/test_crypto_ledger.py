"""Merkle vectors, checkpoints, and a ledger that only grows."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from delian.crypto.ledger import (
    CHECKPOINT_TYPE,
    NO_ENTRY,
    Checkpoint,
    Entry,
    Ledger,
    LedgerError,
    LedgerFormError,
    LedgerMovedError,
)
from delian.crypto.merkle import (
    PositionError,
    ProofError,
    check_consistency,
    check_inclusion,
    leaf_hash,
    prove_consistency,
    prove_inclusion,
    root,
)
from delian.crypto.sign import PrivateKey
from delian.terms.errors import InputError, TamperedError

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "merkle.json").read_text("utf-8"))
LEAVES = [leaf_hash(bytes.fromhex(e)) for e in VECTORS["entries"]]
ROOTS = [bytes.fromhex(r) for r in VECTORS["roots"]]
DOC = "sha256:" + "a" * 64


class Store(list[bytes]):
    """The port on a plain list."""

    def read(self, start: int, stop: int) -> list[bytes]:
        return self[start:stop]


def grown(size: int, origin: str = "delian/SEC") -> tuple[Ledger, Store]:
    store = Store()
    ledger = Ledger.open(store, origin)
    for i in range(size):
        ledger.append("receipt", DOC, who=f"N{i:02d}", round_id="round-1")
    return ledger, store


def test_roots_are_the_known_ones() -> None:
    assert [root(LEAVES[:n]) for n in range(9)] == ROOTS


@pytest.mark.parametrize("case", VECTORS["inclusion"], ids=lambda c: f"{c['index']}of{c['size']}")
def test_inclusion_vectors(case: dict[str, list[str]]) -> None:
    index, size = int(str(case["index"])), int(str(case["size"]))
    path = tuple(bytes.fromhex(h) for h in case["path"])
    assert prove_inclusion(index, LEAVES[:size]) == path
    check_inclusion(LEAVES[index], index, size, path, ROOTS[size])
    for wrong in (path[:-1], (*path, ROOTS[1]), tuple(reversed(path)), (ROOTS[0], *path[1:])):
        if wrong == path:
            continue
        with pytest.raises(ProofError):
            check_inclusion(LEAVES[index], index, size, wrong, ROOTS[size])
    with pytest.raises(ProofError):
        check_inclusion(ROOTS[0], index, size, path, ROOTS[size])
    for other in range(size):
        if other != index:
            with pytest.raises(ProofError):
                check_inclusion(LEAVES[index], other, size, path, ROOTS[size])


@pytest.mark.parametrize("case", VECTORS["consistency"], ids=lambda c: f"{c['old']}to{c['new']}")
def test_consistency_vectors(case: dict[str, list[str]]) -> None:
    old, new = int(str(case["old"])), int(str(case["new"]))
    path = tuple(bytes.fromhex(h) for h in case["path"])
    assert prove_consistency(old, LEAVES[:new]) == path
    check_consistency(old, ROOTS[old], new, ROOTS[new], path)
    for wrong in (path[:-1], (*path, ROOTS[1]), (ROOTS[0], *path[1:])):
        if wrong == path or (not path and wrong == ()):
            continue
        with pytest.raises(ProofError):
            check_consistency(old, ROOTS[old], new, ROOTS[new], wrong)
    with pytest.raises(ProofError):
        check_consistency(old, ROOTS[0], new, ROOTS[new], path)
    if old != new:
        with pytest.raises(ProofError):
            check_consistency(old, ROOTS[old], new, ROOTS[0], path)


def test_positions_outside_the_tree_are_refused() -> None:
    for index in (-1, 8):
        with pytest.raises(PositionError):
            prove_inclusion(index, LEAVES)
        with pytest.raises(PositionError):
            check_inclusion(LEAVES[0], index, 8, (), ROOTS[8])
    for size in (-1, 9):
        with pytest.raises(PositionError):
            prove_consistency(size, LEAVES)
    with pytest.raises(PositionError):
        check_consistency(8, ROOTS[8], 7, ROOTS[7], ())
    check_consistency(0, ROOTS[0], 5, ROOTS[5], ())
    with pytest.raises(ProofError):
        check_consistency(0, ROOTS[1], 5, ROOTS[5], ())
    with pytest.raises(ProofError):
        check_consistency(0, ROOTS[0], 0, ROOTS[1], ())


def test_a_node_cannot_pass_for_an_entry() -> None:
    pair = LEAVES[0] + LEAVES[1]
    assert root([leaf_hash(pair)]) != root(LEAVES[:2])
    assert root([leaf_hash(b"\x01" + pair)]) != root(LEAVES[:2])


def test_a_ledger_is_chained_and_found_again() -> None:
    ledger, store = grown(5)
    entries = ledger.read()
    assert [e.sequence for e in entries] == [0, 1, 2, 3, 4]
    assert entries[0].previous == NO_ENTRY
    again = Ledger.open(store, "delian/SEC")
    assert again.checkpoint() == ledger.checkpoint()
    assert [Entry.from_wire(wire) for wire in store] == list(entries)
    assert set(json.loads(store[0])) == {
        "format",
        "version",
        "sequence",
        "kind",
        "digest",
        "who",
        "round",
        "previous",
    }


def test_altered_dropped_swapped_inserted_and_repeated_entries_are_noticed() -> None:
    _, store = grown(5)
    foreign = grown(5)[1]
    for wrong in [
        [store[0].replace(b"N00", b"N09"), *store[1:]],
        store[1:],
        [*store[:2], *store[3:]],
        [store[0], store[2], store[1], *store[3:]],
        [*store, store[4]],
        [*store, b"{}"],
        [*store, b"\xff"],
        [store[0].replace(b",", b", "), *store[1:]],
    ]:
        with pytest.raises(LedgerError):
            Ledger.open(Store(wrong), "delian/SEC")
    assert Ledger.open(foreign, "delian/SEC").size == 5


def test_an_entry_with_another_number_breaks_the_chain() -> None:
    _, store = grown(2)
    genuine = Entry.from_wire(store[1])
    for number in (0, 2, 7):
        wrong = replace(genuine, sequence=number)
        with pytest.raises(LedgerError):
            Ledger.open(Store([store[0], wrong.to_wire()]), "delian/SEC")


def test_a_cut_off_ledger_is_noticed_by_a_checkpoint_only() -> None:
    """The last entries can be dropped without breaking the chain: checkpoints catch that."""
    ledger, store = grown(5)
    seen = ledger.checkpoint()
    shorter = Ledger.open(Store(store[:4]), "delian/SEC")
    with pytest.raises(LedgerError):
        shorter.check(seen)
    shorter.append("receipt", DOC, who="OTHER", round_id="round-1")
    with pytest.raises(LedgerError):
        shorter.check(seen)
    ledger.append("receipt", DOC, who="N05", round_id="round-1")
    ledger.check(seen)
    with pytest.raises(LedgerError):
        ledger.check(Checkpoint("delian/FRA", seen.size, seen.root))


def test_a_second_writer_is_noticed_and_nothing_is_kept() -> None:
    ledger, store = grown(2)
    other = Ledger.open(store, "delian/SEC")
    other.append("terms", DOC, who="SEC", round_id="round-1")
    with pytest.raises(LedgerMovedError):
        ledger.append("terms", DOC, who="SEC", round_id="round-1")
    assert len(store) == 3


def test_catching_up_takes_in_what_another_writer_appended_and_nothing_wrong() -> None:
    ledger, store = grown(2)
    other = Ledger.open(store, "delian/SEC")
    other.append("terms", DOC, who="SEC", round_id="round-1")
    ledger.catch_up()
    assert ledger.checkpoint() == other.checkpoint()
    ledger.append("terms", DOC, who="SEC", round_id="round-1")
    store.append(store[0])
    with pytest.raises(LedgerError):
        ledger.catch_up()
    del store[2:]
    with pytest.raises(LedgerError):
        ledger.catch_up()


def test_a_store_that_lies_later_is_noticed() -> None:
    ledger, store = grown(3)
    store[1] = store[1].replace(b"N01", b"N09")
    with pytest.raises(LedgerError):
        ledger.read()
    assert len(ledger.read(2)) == 1

    class Losing(Store):
        def read(self, start: int, stop: int) -> list[bytes]:
            return self[start : stop - 1]

    with pytest.raises(LedgerError):
        Ledger.open(Losing(grown(3)[1]), "delian/SEC")


@pytest.mark.parametrize(
    ("kind", "document", "who", "round_id"),
    [
        ("", DOC, "SEC", "r"),
        ("k" * 201, DOC, "SEC", "r"),
        ("k\n", DOC, "SEC", "r"),
        ("k", "sha256:xyz", "SEC", "r"),
        ("k", DOC, "", "r"),
        ("k", DOC, "SEC", ""),
    ],
)
def test_a_refused_entry_leaves_no_trace(kind: str, document: str, who: str, round_id: str) -> None:
    ledger, store = grown(1)
    before = ledger.checkpoint()
    with pytest.raises(LedgerFormError):
        ledger.append(kind, document, who=who, round_id=round_id)
    assert (len(store), ledger.checkpoint()) == (1, before)


def test_checkpoint_text_is_three_lines() -> None:
    checkpoint = Checkpoint("delian/SEC", 7, bytes(32))
    assert checkpoint.to_text() == "delian/SEC\n7\n" + "A" * 43 + "=\n"
    assert Checkpoint.from_text(checkpoint.to_text()) == checkpoint
    assert Checkpoint.from_wire(checkpoint.to_wire()) == checkpoint


@pytest.mark.parametrize(
    "text",
    [
        "",
        "delian/SEC\n7\n" + "A" * 43 + "=",
        "delian/SEC\n07\n" + "A" * 43 + "=\n",
        "delian/SEC\n-7\n" + "A" * 43 + "=\n",
        "delian/SEC\n٧\n" + "A" * 43 + "=\n",
        "delian/SEC\n7\nAAAA\n",
        "delian/SEC\n7\n" + "A" * 43 + "\n",
        "\n7\n" + "A" * 43 + "=\n",
        "delian/SEC\n7\n" + "A" * 43 + "=\nextension\n",
        "delian/SEC\n99999999999999\n" + "A" * 43 + "=\n",
    ],
)
def test_other_checkpoint_texts_are_refused(text: str) -> None:
    with pytest.raises(InputError):
        Checkpoint.from_text(text)


def test_signed_checkpoints_follow_each_other() -> None:
    key, other = PrivateKey.generate(), PrivateKey.generate()
    ledger, _ = grown(3)
    older = Checkpoint.from_envelope(
        ledger.checkpoint().signed("SEC/sign", key), "SEC/sign", key.public
    )
    ledger.append("terms", DOC, who="SEC", round_id="round-2")
    signed = ledger.checkpoint().signed("SEC/sign", key)
    assert signed.payload_type == CHECKPOINT_TYPE
    newer = Checkpoint.from_envelope(signed, "SEC/sign", key.public)
    newer.check_follows(older, ledger.prove_since(3))
    with pytest.raises(TamperedError):
        Checkpoint.from_envelope(signed, "SEC/sign", other.public)
    with pytest.raises(ProofError):
        newer.check_follows(older, ())
    with pytest.raises(LedgerError):
        older.check_follows(newer, ())
    renamed = replace(newer, origin="delian/FRA")
    with pytest.raises(LedgerError):
        renamed.check_follows(older, ledger.prove_since(3))
    fork, _ = grown(0)
    for i in range(4):
        fork.append("terms", DOC, who=f"X{i}", round_id="round-1")
    with pytest.raises(ProofError):
        fork.checkpoint().check_follows(older, fork.prove_since(3))
    entry = ledger.read(2, 3)[0]
    check_inclusion(leaf_hash(entry.to_wire()), 2, 4, ledger.prove_entry(2), newer.root)
