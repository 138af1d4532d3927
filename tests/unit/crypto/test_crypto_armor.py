"""Bytes as text: one spelling per value, and nothing longer than its place."""

import pytest

from delian.crypto.armor import (
    ArmorError,
    from_base64,
    from_base64url,
    to_base64,
    to_base64url,
)


@pytest.mark.parametrize("size", range(7))
def test_there_and_back(size: int) -> None:
    data = bytes((251 * (i + 1)) % 256 for i in range(size))
    assert from_base64(to_base64(data), max_bytes=size) == data
    assert from_base64url(to_base64url(data), max_bytes=size) == data


def test_the_two_alphabets() -> None:
    assert to_base64(b"\xfb\xff") == "+/8="
    assert to_base64url(b"\xfb\xff") == "-_8"


@pytest.mark.parametrize(
    "text",
    ["QR==", "QQ", "QQ=", "QQ===", " QQ==", "QQ==\n", "Q", "-_8=", "QQ==QQ==", "é", "=", "===="],
)
def test_other_base64_spellings_are_refused(text: str) -> None:
    assert from_base64("QQ==", max_bytes=1) == b"A"
    with pytest.raises(ArmorError):
        from_base64(text, max_bytes=8)


@pytest.mark.parametrize("text", ["QR", "QQ==", "QQ=", " QQ", "QQ\n", "Q", "+/8", "QQ..", "é", "="])
def test_other_base64url_spellings_are_refused(text: str) -> None:
    assert from_base64url("QQ", max_bytes=1) == b"A"
    with pytest.raises(ArmorError):
        from_base64url(text, max_bytes=8)


def test_size_is_bounded() -> None:
    for size in range(1, 10):
        with pytest.raises(ArmorError):
            from_base64(to_base64(bytes(size)), max_bytes=size - 1)
        with pytest.raises(ArmorError):
            from_base64url(to_base64url(bytes(size)), max_bytes=size - 1)
