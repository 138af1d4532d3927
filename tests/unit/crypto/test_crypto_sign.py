"""Signing keys: standard vectors, one spelling, and points nobody may use."""

import copy
import pickle

import pytest

from delian.crypto.sign import ALGORITHMS, KeyFormError, PrivateKey, PublicKey, SignatureError

# RFC 8032 section 7.1, TEST 1 to 3.
RFC8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bac"
            "c61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e"
            "458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290"
            "ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
]

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P


def _add(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    x1, y1, x2, y2 = *a, *b
    t = D * x1 * x2 * y1 * y2 % P
    return (
        (x1 * y2 + x2 * y1) * pow(1 + t, -1, P) % P,
        (y1 * y2 + x1 * x2) * pow(1 - t, -1, P) % P,
    )


def _recover_x(y: int) -> int | None:
    xx = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if (x * x - xx) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    return None if (x * x - xx) % P else x


def _small_order_ys() -> set[int]:
    """All y of points whose order divides eight, found by multiplying by the prime order."""
    order = 2**252 + 27742317777372353535851937790883648493
    found: set[int] = set()
    y = 2
    while len(found) < 5:
        y += 1
        x = _recover_x(y)
        if x is None:
            continue
        total, step, rest = (0, 1), (x, y), order
        while rest:
            if rest & 1:
                total = _add(total, step)
            step = _add(step, step)
            rest >>= 1
        for _ in range(8):
            found.add(total[1])
            total = _add(total, total)
    return found


@pytest.mark.parametrize(("seed", "public", "message", "signature"), RFC8032)
def test_rfc_8032_vectors(seed: str, public: str, message: str, signature: str) -> None:
    key = PrivateKey.from_seed("ed25519", bytes.fromhex(seed))
    assert key.public.raw.hex() == public
    assert key.sign(bytes.fromhex(message)).hex() == signature
    PublicKey("ed25519", bytes.fromhex(public)).verify(
        bytes.fromhex(message), bytes.fromhex(signature)
    )


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_keys_travel_as_text_and_sign_alike(algorithm: str) -> None:
    key = PrivateKey.generate(algorithm)
    again = PrivateKey.from_secret_bytes(key.to_secret_bytes())
    public = PublicKey.from_wire(key.public.to_wire())
    assert public == again.public == key.public
    assert public.algorithm == algorithm
    public.verify(b"message", again.sign(b"message"))
    assert pickle.loads(pickle.dumps(public)) == public
    for message, signature in [
        (b"messagE", key.sign(b"message")),
        (b"message", b""),
        (b"message", bytes(len(key.sign(b"")))),
        (b"message", key.sign(b"message") + b"\0"),
    ]:
        with pytest.raises(SignatureError):
            public.verify(message, signature)


def test_a_private_key_shows_and_gives_away_nothing() -> None:
    key = PrivateKey.from_seed("ed25519", bytes(range(32)))
    assert "AAECAw" not in repr(key)
    assert str(bytes(range(4)))[2:-1] not in repr(key)
    for steal in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            steal(key)


def test_small_order_points_are_derived_and_refused() -> None:
    ys = _small_order_ys()
    assert len(ys) == 5
    for y in ys:
        for sign in (0, 1 << 255):
            with pytest.raises(KeyFormError):
                PublicKey("ed25519", (y | sign).to_bytes(32, "little"))


def test_a_second_spelling_of_a_point_is_refused() -> None:
    with pytest.raises(KeyFormError):
        PublicKey("ed25519", (P + 3).to_bytes(32, "little"))
    PublicKey("ed25519", (3).to_bytes(32, "little"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ed25519",
        "ed25519:",
        "rsa:AAAA",
        "ed25519:" + "A" * 42,
        "ed25519:" + "A" * 42 + "B",
        "ed25519:" + "A" * 43 + "=",
        "ed25519: " + "A" * 43,
        "ED25519:" + "A" * 43,
        "ed25519:" + "é" * 43,
        "ed25519:" + "A" * 100_000,
        "ml-dsa-65:" + "A" * 43,
    ],
)
def test_other_spellings_of_a_key_are_refused(text: str) -> None:
    with pytest.raises(KeyFormError):
        PublicKey.from_wire(text)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"delian-sign-secret-1:ed25519",
        b"delian-sign-secret-2:ed25519:" + b"A" * 43,
        b"delian-sign-secret-1:ed25519:" + b"A" * 20,
        b"delian-sign-secret-1:rsa:" + b"A" * 43,
    ],
)
def test_a_broken_secret_key_file_is_refused_without_echo(data: bytes) -> None:
    with pytest.raises(KeyFormError) as caught:
        PrivateKey.from_secret_bytes(data)
    assert "AAAA" not in str(caught.value)


def test_unknown_algorithms_are_refused() -> None:
    for make in (PrivateKey.generate, lambda a: PrivateKey.from_seed(a, bytes(32))):
        with pytest.raises(KeyFormError):
            make("rsa")
    with pytest.raises(KeyFormError):
        PrivateKey.from_seed("ed25519", bytes(31))
