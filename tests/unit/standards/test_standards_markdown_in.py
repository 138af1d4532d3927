"""Markdown becomes portions: each form, what is listed, what is refused."""

import pytest

from delian.standards.document_errors import DocumentFormError
from delian.standards.markdown_in import MAX_BYTES, Head, read_markdown
from delian.standards.portion import Picture, find, walk
from tests.standards_world import OPEN

HEAD = Head("doc", "STANAG", "STANAG 9999", "Ed 2", OPEN, "2.1")
PICTURES = {"a.png": Picture("image/png", b"png")}
SAMPLE = """# Widgets ##

First words
on two lines, see [[bands]].

## Bands {#bands}
| Low | High |
|:---|---|
| 1 \\| 2 | [[gone]] |
- one
  goes on
  - deeper
    1. deepest
- two

***
![View](a.png)
![Other](b.png)

Use
---
`code` and <b>*bold*</b>
```text
# no heading [[bands]]
```
"""


def read(text=SAMPLE):
    return read_markdown(text.encode(), HEAD, PICTURES)


def test_every_form_becomes_a_portion():
    document, _ = read()
    assert (document.title, document.version) == ("Widgets", "2.1")
    shape = [(p.kind, p.title, p.text, depth) for p, depth in walk(document.root)]
    assert shape == [
        ("section", "Widgets", "", 0),
        ("paragraph", "", "First words on two lines, see [[bands]].", 1),
        ("section", "Bands", "", 1),
        ("table", "", "", 2),
        ("list", "", "", 2),
        ("item", "", "one goes on", 3),
        ("list", "", "", 4),
        ("item", "", "deeper", 5),
        ("list", "", "", 6),
        ("item", "", "deepest", 7),
        ("item", "", "two", 3),
        ("figure", "View", "", 2),
        ("figure", "Other", "", 2),
        ("section", "Use", "", 1),
        ("paragraph", "", "`code` and <b>*bold*</b>", 2),
        ("paragraph", "", "# no heading [ [bands]]", 2),
    ]
    bands = find(document, "bands")
    assert bands.children[0].rows == (("Low", "High"), ("1 | 2", "[[gone]]"))
    assert [p.picture for p in bands.children[2:]] == [PICTURES["a.png"], None]


def test_what_has_no_place_is_listed():
    assert {d.path: d.count for d in read()[1]} == {
        "HTML": 2,
        "[[name]]": 1,
        "alignment of columns": 1,
        "code": 2,
        "emphasis": 1,
        "line across the page": 1,
        "lines of code": 1,
        "number of an item": 1,
        "picture": 1,
    }


def test_two_headings_of_level_one_stand_below_the_document():
    document, dropped = read("\ufeff# One\r\n\r\n# Two\r\n")
    assert [p.title for p in document.root.children] == ["One", "Two"]
    assert (document.title, dropped) == ("", ())
    assert [p.title for p in read("## Only")[0].root.children] == ["Only"]
    assert read("``` a\n[[[x]]]\n```")[0].root.children[0].text == "[ [ [x]]]"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\xff", "not UTF-8"),
        (b"x" * (MAX_BYTES + 1), "larger"),
        (b"# A {#x}\n# B {#x}\n", "same name"),
        (b"# A {#doc}\n", "same name"),
        (b"|" * 1_000_100 + b"\n|-|\n", "more cells"),
    ],
)
def test_spoiled_pages_are_refused(data, says):
    with pytest.raises(DocumentFormError, match=says):
        read_markdown(data, HEAD)


@pytest.mark.parametrize(
    "line",
    [
        "#" * 50_000,
        "- " * 50_000,
        "|-" * 25_000,
        "`" * 50_000,
        "[" * 50_000,
        "* " * 25_000 + "x",
        "# a" + " " * 50_000 + "x",
        "<a" * 25_000,
        "# " + "{#" * 25_000,
    ],
)
def test_odd_lines_are_read_quickly(line):
    document, _ = read(f"{line}\n{line}\n{' ' * 20_000}{line}\n")
    assert document.id == "doc"


def test_lists_that_go_ever_deeper_stay_shallow():
    document, _ = read("".join(f"{'  ' * i}- x\n" for i in range(200)))
    assert max(depth for _, depth in walk(document.root)) < 20
    assert sum(p.kind == "item" for p, _ in walk(document.root)) == 200
