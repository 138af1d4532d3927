"""Crossings: what is kept, translated, dropped; and what a foreign document may not be."""

import pytest

from delian.exchange.bridge_errors import CrossingError, ForeignFormError
from delian.exchange.crossing import (
    Dropped,
    Kept,
    Part,
    Tally,
    Translated,
    leaves,
    percent,
    read_foreign,
    unpercent,
)


def test_leaves_are_named_by_json_pointers() -> None:
    plain = {"a/b": {"~": [1, []]}, "c": {}, "": None}
    assert dict(leaves(plain)) == {"/a~1b/~0/0": 1, "/a~1b/~0/1": [], "/c": {}, "/": None}


def test_a_crossing_tells_what_became_of_each_leaf() -> None:
    source = {"title": "需要", "size": 3, "secret": {"url": "u"}}
    tally = Tally()
    part = Part(source, tally)
    made: dict[str, object] = {}
    part.move("title", made, "name")
    assert part.translate("size", "/bytes", "unit") == 3
    part.drop("secret", "stays here")
    crossing = tally.close(source, made)
    assert crossing.value == {"name": "需要"}
    assert crossing.kept == (Kept("/title", "/name"),)
    assert crossing.translated == (Translated("/size", "/bytes", "unit"),)
    assert crossing.dropped == (Dropped("/secret/url", "stays here"),)
    assert crossing.lines() == (
        "/size -> /bytes (unit)",
        "/secret/url dropped: stays here",
    )


def test_text_is_kept_only_if_it_is_text_and_whole_numbers_only_if_whole() -> None:
    part = Part({"a": 1, "b": True, "c": 2.0, "d": "x"}, Tally())
    assert (part.text("a", "/a"), part.whole("b", "/b"), part.whole("c", "/c")) == (None,) * 3
    assert (part.whole("a", "/a"), part.text("d", "/d")) == (1, "x")
    assert part.left() == ("b", "c")


def test_a_forgotten_member_refuses_the_document() -> None:
    with pytest.raises(CrossingError, match="/b"):
        Tally().close({"b": 1}, {})


@pytest.mark.parametrize(
    "data",
    [
        b"{",
        b"\xff",
        b'{"a":1,"a":2}',
        b'{"a":NaN}',
        b'{"a":1e999}',
        b'"\\ud800"',
        b"[" * 60 + b"]" * 60,
        b"[" * 100_000,
        b"1" * 5000,
    ],
)
def test_foreign_documents_are_bounded(data: bytes) -> None:
    with pytest.raises(ForeignFormError):
        read_foreign(data)


def test_a_foreign_document_may_be_of_any_shape_and_tongue() -> None:
    assert read_foreign('[{"名":1.5}]'.encode()) == [{"名": 1.5}]
    with pytest.raises(ForeignFormError):
        read_foreign(b"[1,2,3]", max_bytes=6)


def test_percent_signs() -> None:
    assert percent("a b/日") == "a%20b%2F%E6%97%A5"
    for broken in ("%", "%4", "%zz", "%ff", "é"):
        with pytest.raises(ForeignFormError):
            unpercent(broken)
