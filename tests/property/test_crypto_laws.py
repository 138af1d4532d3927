"""Laws of signatures, sealed files and the Merkle tree, against rules restated here."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delian.crypto.chunked import MemorySource, open_chunks, seal_chunks
from delian.crypto.dsse import Envelope, Signature, pae, signers
from delian.crypto.ledger import Checkpoint, Entry, Ledger
from delian.crypto.merkle import (
    ProofError,
    check_consistency,
    check_inclusion,
    leaf_hash,
    prove_consistency,
    prove_inclusion,
    root,
)
from delian.crypto.seal import SealPrivate, SealPublic, seal, unseal
from delian.crypto.sign import PrivateKey, PublicKey
from delian.terms.errors import DelianError

KEYS = [PrivateKey.from_seed("ed25519", bytes([i]) * 32) for i in range(4)]
SEAL = SealPrivate.generate()


def naive_root(entries: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word for word."""
    if not entries:
        return hashlib.sha256(b"").digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    k = 1
    while k * 2 < len(entries):
        k *= 2
    return hashlib.sha256(b"\x01" + naive_root(entries[:k]) + naive_root(entries[k:])).digest()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=6), max_size=40), st.data())
def test_the_tree_is_that_of_the_rfc_and_its_proofs_hold(
    entries: list[bytes], data: st.DataObject
) -> None:
    leaves = [leaf_hash(e) for e in entries]
    top = naive_root(entries)
    assert root(leaves) == top
    old = data.draw(st.integers(0, len(entries)))
    path = prove_consistency(old, leaves)
    check_consistency(old, naive_root(entries[:old]), len(entries), top, path)
    if entries:
        index = data.draw(st.integers(0, len(entries) - 1))
        check_inclusion(leaves[index], index, len(entries), prove_inclusion(index, leaves), top)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=3), min_size=1, max_size=20), st.data())
def test_no_other_history_passes_for_this_one(entries: list[bytes], data: st.DataObject) -> None:
    """Change one old entry, keep every honest proof: the older root no longer fits."""
    leaves = [leaf_hash(e) for e in entries]
    old = data.draw(st.integers(1, len(entries)))
    at = data.draw(st.integers(0, old - 1))
    other = [*entries[:at], entries[at] + b"!", *entries[at + 1 :]]
    with pytest.raises(ProofError):
        check_consistency(
            old,
            naive_root(other[:old]),
            len(entries),
            root(leaves),
            prove_consistency(old, leaves),
        )


class Store(list[bytes]):
    def read(self, start: int, stop: int) -> list[bytes]:
        return self[start:stop]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(["terms", "receipt", "objection"]), max_size=12))
def test_every_checkpoint_continues_every_earlier_one(kinds: list[str]) -> None:
    ledger = Ledger.open(Store(), "delian/SEC")
    seen = [ledger.checkpoint()]
    for kind in kinds:
        ledger.append(kind, "sha256:" + "b" * 64, who="FRA", round_id="r")
        seen.append(ledger.checkpoint())
    for older in seen:
        ledger.check(older)
        seen[-1].check_follows(older, ledger.prove_since(older.size))


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.sampled_from("ABCDEFGH"), st.tuples(st.integers(0, 3), st.booleans())),
    st.dictionaries(st.sampled_from("ABCDEFGH"), st.integers(0, 3)),
)
def test_signers_are_distinct_names_with_distinct_keys(
    signed: dict[str, tuple[int, bool]], roster: dict[str, int]
) -> None:
    message = pae("t", b"x")
    signatures = tuple(
        Signature(name, KEYS[key].sign(message) if honest else bytes(64))
        for name, (key, honest) in signed.items()
    )
    known = {name: KEYS[key].public for name, key in roster.items()}
    found = signers(Envelope("t", b"x", signatures), known.get)
    valid = [n for n, (k, honest) in sorted(signed.items()) if honest and roster.get(n) == k]
    first_of_key = {roster[n]: n for n in reversed(valid)}
    assert found == tuple(sorted(first_of_key.values()))
    shuffled = Envelope("t", b"x", tuple(reversed(signatures)))
    assert signers(shuffled, known.get) == found


@settings(max_examples=30, deadline=None)
@given(st.lists(st.binary(max_size=30), max_size=6), st.integers(1, 17), st.data())
def test_pieces_give_back_every_range(
    parts: list[bytes], chunk_bytes: int, data: st.DataObject
) -> None:
    plain = b"".join(parts)
    sealed = b"".join(
        seal_chunks(
            SEAL.public,
            parts,
            plain_bytes=len(plain),
            info=b"i",
            aad=b"a",
            chunk_bytes=chunk_bytes,
        )
    )
    message = open_chunks(SEAL, MemorySource(sealed), info=b"i", aad=b"a")
    start = data.draw(st.integers(0, len(plain)))
    stop = data.draw(st.integers(start, len(plain)))
    assert message.open_range(start, stop) == plain[start:stop]


@settings(max_examples=25, deadline=None)
@given(
    st.tuples(st.binary(max_size=4), st.binary(max_size=4)),
    st.tuples(st.binary(max_size=4), st.binary(max_size=4)),
)
def test_purpose_and_place_never_run_into_each_other(
    one: tuple[bytes, bytes], two: tuple[bytes, bytes]
) -> None:
    sealed = seal(SEAL.public, b"x", info=one[0], aad=one[1])
    if one == two:
        assert unseal(SEAL, sealed, info=two[0], aad=two[1]) == b"x"
    else:
        with pytest.raises(DelianError):
            unseal(SEAL, sealed, info=two[0], aad=two[1])


TEXTS = st.text(max_size=60) | st.sampled_from(["ed25519:", "x25519-mlkem768:", "ml-dsa-65:A"])


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_text_parsers_raise_nothing_but_our_errors(text: str) -> None:
    for parser in (PublicKey.from_wire, SealPublic.from_wire, Checkpoint.from_text):
        try:
            parser(text)
        except DelianError:
            continue


GENUINE = [
    Envelope("t", b"x", (Signature("A/agent", b"\1" * 64),)).to_wire(),
    Entry(0, "terms", "sha256:" + "a" * 64, "SEC", "r", "sha256:" + "0" * 64).to_wire(),
    Checkpoint("delian/SEC", 3, bytes(32)).to_wire(),
    KEYS[0].to_secret_bytes(),
    SEAL.to_secret_bytes(),
    seal(SEAL.public, b"x", info=b"", aad=b""),
]


@st.composite
def mangled(draw: st.DrawFn) -> bytes:
    """Random bytes, or a genuine document with a few bytes replaced, dropped or repeated."""
    if draw(st.booleans()):
        return draw(st.binary(max_size=200))
    data = bytearray(draw(st.sampled_from(GENUINE)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(data)


@settings(max_examples=250, deadline=None)
@given(mangled())
def test_byte_parsers_raise_nothing_but_our_errors(data: bytes) -> None:
    for parser in (
        Envelope.from_wire,
        Entry.from_wire,
        Checkpoint.from_wire,
        PrivateKey.from_secret_bytes,
        SealPrivate.from_secret_bytes,
        lambda d: unseal(SEAL, d, info=b"", aad=b""),
        lambda d: open_chunks(SEAL, MemorySource(d), info=b"", aad=b""),
    ):
        try:
            parser(data)
        except DelianError:
            continue
