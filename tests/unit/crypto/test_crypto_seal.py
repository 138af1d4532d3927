"""Sealed bytes open for one key, one purpose, one place, unaltered, and in no other way."""

import copy
import pickle

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, Suite

from delian.crypto.chunked import (
    HEADER_BYTES,
    MAGIC,
    ChunkRangeError,
    MemorySource,
    open_chunks,
    seal_chunks,
    sealed_size,
)
from delian.crypto.seal import (
    WHOLE_MAGIC,
    SealError,
    SealFormError,
    SealPrivate,
    SealPublic,
    seal,
    unseal,
)
from delian.terms.errors import DelianError

KEY = SealPrivate.generate()
OTHER = SealPrivate.generate()
INFO, AAD = b"delian share", b"round-1 FRA alpha"
TAG = 16


def chunked(plain: bytes, chunk_bytes: int = 10, parts: list[bytes] | None = None) -> bytes:
    pieces = seal_chunks(
        KEY.public,
        [plain] if parts is None else parts,
        plain_bytes=len(plain),
        info=INFO,
        aad=AAD,
        chunk_bytes=chunk_bytes,
    )
    return b"".join(pieces)


def opened(data: bytes) -> bytes:
    message = open_chunks(KEY, MemorySource(data), info=INFO, aad=AAD)
    return b"".join(message.open_chunk(i) for i in range(message.count))


def test_a_sealed_message_opens_for_its_holder() -> None:
    for plain in (b"", b"x", bytes(1000)):
        assert unseal(KEY, seal(KEY.public, plain, info=INFO, aad=AAD), info=INFO, aad=AAD) == plain
    assert seal(KEY.public, b"x", info=INFO, aad=AAD) != seal(KEY.public, b"x", info=INFO, aad=AAD)


def test_the_wire_form_is_the_documented_one() -> None:
    """Opened here with the bare suite and the context of docs/formats/sealed.md, restated."""
    mlkem, x25519 = MLKEM768PrivateKey.generate(), X25519PrivateKey.generate()
    raw = mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
    sealed = seal(SealPublic(raw), b"plain", info=b"i", aad=b"aad")
    context = b"DELIAN-SEALED-1\n" + b"".join(
        len(p).to_bytes(8, "big") + p for p in (b"i", b"aad", b"")
    )
    suite = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
    private = MLKEM768X25519PrivateKey(mlkem, x25519)
    assert sealed[:16] == b"DELIAN-SEALED-1\n"
    assert suite.decrypt(sealed[16:], private, context) == b"plain"
    with pytest.raises(InvalidTag):
        suite.decrypt(sealed[16:], private, context + b"\0")

    whole = b"".join(
        seal_chunks(SealPublic(raw), [b"abcde"], plain_bytes=5, info=b"i", aad=b"", chunk_bytes=3)
    )
    sizes = (3).to_bytes(4, "big") + (5).to_bytes(8, "big")
    bound = b"DELIAN-CHUNKED-1\n" + b"".join(
        len(p).to_bytes(8, "big") + p for p in (b"i", b"", sizes)
    )
    assert whole.startswith(b"DELIAN-CHUNKED-1\n" + sizes)
    cipher = AESGCM(suite.decrypt(whole[29 : 29 + 1168], private, bound))
    first, last = whole[29 + 1168 :][:19], whole[29 + 1168 + 19 :]
    assert cipher.decrypt(bytes(12), first, bound) == b"abc"
    assert cipher.decrypt(bytes(10) + b"\1\1", last, bound) == b"de"


@pytest.mark.parametrize(
    ("key", "info", "aad"),
    [
        (OTHER, INFO, AAD),
        (KEY, INFO + b".", AAD),
        (KEY, INFO, AAD + b"."),
        (KEY, b"", AAD),
        (KEY, INFO + AAD[:1], AAD[1:]),
        (KEY, AAD, INFO),
    ],
)
def test_another_key_purpose_or_place_opens_nothing(
    key: SealPrivate, info: bytes, aad: bytes
) -> None:
    whole = seal(KEY.public, b"secret", info=INFO, aad=AAD)
    with pytest.raises(SealError):
        unseal(key, whole, info=info, aad=aad)
    with pytest.raises(SealError):
        open_chunks(key, MemorySource(chunked(b"secret")), info=info, aad=aad)


def test_every_altered_byte_of_a_whole_message_is_noticed() -> None:
    sealed = seal(KEY.public, b"secret", info=INFO, aad=AAD)
    for at in range(0, len(sealed), 13):
        broken = bytearray(sealed)
        broken[at] ^= 0x40
        with pytest.raises(DelianError):
            unseal(KEY, bytes(broken), info=INFO, aad=AAD)
    for cut in (0, 5, 16, 17, 1136, len(sealed) - 1):
        with pytest.raises(DelianError):
            unseal(KEY, sealed[:cut], info=INFO, aad=AAD)
    with pytest.raises(SealError):
        unseal(KEY, sealed + b"\0", info=INFO, aad=AAD)


@pytest.mark.parametrize("size", [0, 1, 9, 10, 11, 20, 21, 95])
def test_pieces_open_in_any_order_and_range(size: int) -> None:
    plain = bytes(range(size))
    sealed = chunked(plain, parts=[plain[:3], b"", plain[3:17], plain[17:]])
    assert len(sealed) == sealed_size(size, chunk_bytes=10)
    message = open_chunks(KEY, MemorySource(sealed), info=INFO, aad=AAD)
    assert message.count == max(1, -(-size // 10))
    for index in reversed(range(message.count)):
        assert message.open_chunk(index) == plain[10 * index : 10 * index + 10]
    for start in range(0, size + 1, 7):
        for stop in range(start, size + 1, 5):
            assert message.open_range(start, stop) == plain[start:stop]
    message.check_all()
    for start, stop in [(-1, 0), (0, size + 1), (1, 0)]:
        with pytest.raises(ChunkRangeError):
            message.open_range(start, stop)
    for index in (-1, message.count):
        with pytest.raises(ChunkRangeError):
            message.open_chunk(index)


def test_every_altered_byte_of_a_message_in_pieces_is_noticed() -> None:
    sealed = chunked(bytes(25))
    assert opened(sealed) == bytes(25)
    places = [*range(29), *range(29, HEADER_BYTES, 37), *range(HEADER_BYTES, len(sealed))]
    for at in places:
        broken = bytearray(sealed)
        broken[at] ^= 1
        with pytest.raises(DelianError):
            opened(bytes(broken))


def test_cut_extended_reordered_repeated_and_mixed_pieces_are_refused() -> None:
    sealed, step = chunked(bytes(30)), 10 + TAG
    head, body = sealed[:HEADER_BYTES], sealed[HEADER_BYTES:]
    one, two, three = body[:step], body[step : 2 * step], body[2 * step :]
    foreign = chunked(bytes(30))[HEADER_BYTES:]
    for wrong in [
        one + two,
        one + two + three[:-1],
        one + two + three + three,
        one + two + three + b"\0",
        two + one + three,
        one + one + three,
        one + three + two,
        one + foreign[step : 2 * step] + three,
        three,
        b"",
    ]:
        with pytest.raises(SealError):
            opened(head + wrong)


def test_a_shorter_message_cannot_be_announced_afterwards() -> None:
    """Cutting whole pieces and rewriting the announced size does not help."""
    sealed = chunked(bytes(30))
    at = len(MAGIC) + 4
    forged = sealed[:at] + (20).to_bytes(8, "big") + sealed[at + 8 : HEADER_BYTES + 2 * (10 + TAG)]
    with pytest.raises(SealError):
        opened(forged)


def test_a_source_that_shrinks_or_changes_later_is_noticed() -> None:
    class Shrinking:
        def __init__(self, data: bytes) -> None:
            self.data = data

        @property
        def size_bytes(self) -> int:
            return len(self.data)

        def read(self, start: int, stop: int) -> bytes:
            return self.data[start:stop]

    source = Shrinking(chunked(bytes(30)))
    message = open_chunks(KEY, source, info=INFO, aad=AAD)
    source.data = source.data[:-1]
    assert message.open_chunk(0) == bytes(10)
    with pytest.raises(SealError):
        message.open_chunk(2)
    with pytest.raises(SealError):
        message.check_all()


@pytest.mark.parametrize(
    ("parts", "plain_bytes", "chunk_bytes"),
    [
        ([b"abc"], 2, 10),
        ([b"abc"], 4, 10),
        ([], 1, 10),
        ([b"a" * 20, b"b"], 20, 10),
        ([b"a" * 40], 20, 10),
        ([b""], -1, 10),
        ([b""], 2**41, 10),
        ([b"abc"], 3, 0),
        ([b"abc"], 3, 2**25),
    ],
)
def test_a_sender_that_announces_another_size_is_refused(
    parts: list[bytes], plain_bytes: int, chunk_bytes: int
) -> None:
    with pytest.raises(SealFormError):
        list(
            seal_chunks(
                KEY.public,
                parts,
                plain_bytes=plain_bytes,
                info=INFO,
                aad=AAD,
                chunk_bytes=chunk_bytes,
            )
        )


def test_the_two_forms_do_not_pass_for_each_other() -> None:
    whole, pieces = seal(KEY.public, b"x", info=INFO, aad=AAD), chunked(b"x")
    with pytest.raises(SealFormError):
        unseal(KEY, pieces, info=INFO, aad=AAD)
    with pytest.raises(SealFormError):
        open_chunks(KEY, MemorySource(whole + bytes(100)), info=INFO, aad=AAD)
    with pytest.raises(SealError):
        unseal(KEY, WHOLE_MAGIC + pieces[len(MAGIC) + 12 :], info=INFO, aad=AAD)


def test_keys_travel_and_hide() -> None:
    public = SealPublic.from_wire(KEY.public.to_wire())
    again = SealPrivate.from_secret_bytes(KEY.to_secret_bytes())
    assert public == again.public == KEY.public
    assert pickle.loads(pickle.dumps(public)) == public
    assert unseal(again, seal(public, b"x", info=b"", aad=b""), info=b"", aad=b"") == b"x"
    message = open_chunks(KEY, MemorySource(chunked(b"x")), info=INFO, aad=AAD)
    for secret in (KEY, message):
        assert len(repr(secret)) < 100
        for steal in (pickle.dumps, copy.copy):
            with pytest.raises(TypeError):
                steal(secret)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x25519-mlkem768:",
        "x25519:AAAA",
        "x25519-mlkem768:AAAA",
        "x25519-mlkem768:" + "_" * 1622,
    ],
)
def test_other_spellings_of_a_key_are_refused(text: str) -> None:
    with pytest.raises(SealFormError):
        SealPublic.from_wire(text)


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"a:b:c", b"delian-seal-secret-1:x25519-mlkem768:AAAA"]
)
def test_a_broken_secret_key_file_is_refused(data: bytes) -> None:
    with pytest.raises(SealFormError):
        SealPrivate.from_secret_bytes(data)
    renamed = KEY.to_secret_bytes().replace(b"secret-1", b"secret-2")
    with pytest.raises(SealFormError):
        SealPrivate.from_secret_bytes(renamed)


def test_nothing_is_sealed_to_a_point_of_small_order() -> None:
    weak = SealPublic(KEY.public.raw[:1184] + bytes(32))
    with pytest.raises(SealFormError):
        seal(weak, b"x", info=INFO, aad=AAD)
