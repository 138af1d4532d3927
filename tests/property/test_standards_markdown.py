"""A document that a small writer puts into Markdown comes back as it was."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from delian.standards.markdown_in import Head, read_markdown
from delian.standards.portion import Picture, Portion
from tests.standards_world import OPEN

WORDS = st.text("abcé日本 ,", min_size=1, max_size=14).map(lambda s: f"w{' '.join(s.split())}")
CELLS = st.text("ab| é日", max_size=6).map(str.strip)
PICTURE = Picture("image/png", b"png")


def lists(depth):
    below = st.just(()) if depth == 0 else st.one_of(st.just(()), st.tuples(lists(depth - 1)))
    item = st.builds(lambda t, b: Portion("x", "item", text=t, children=b), WORDS, below)
    return st.lists(item, min_size=1, max_size=3).map(
        lambda items: Portion("x", "list", children=tuple(items))
    )


@st.composite
def tables(draw):
    wide = draw(st.integers(2, 4))
    rows = draw(st.lists(st.tuples(*[CELLS] * wide), min_size=1, max_size=3))
    return Portion("x", "table", rows=tuple(rows))


PARAGRAPHS = WORDS.map(lambda t: Portion("x", "paragraph", text=f"{t} [[root]]"))
FIGURES = WORDS.map(lambda t: Portion("x", "figure", t, picture=PICTURE))


@st.composite
def sections(draw, depth=2):
    blocks = draw(st.lists(st.one_of(PARAGRAPHS, FIGURES, tables(), lists(2)), max_size=4))
    kept = [
        b for i, b in enumerate(blocks) if not i or (b.kind, blocks[i - 1].kind) != ("list",) * 2
    ]
    below = draw(st.lists(sections(depth - 1), max_size=2)) if depth else []
    return Portion("x", "section", draw(WORDS), children=(*kept, *below))


def written(portion, level=1):
    """The lines of one portion; an oracle of its own."""
    if portion.kind == "section":
        own = [f"{'#' * level} {portion.title}", ""]
    elif portion.kind == "list":
        return [*item_lines(portion, 0), ""]
    elif portion.kind == "table":
        rows = [f"| {' | '.join(c.replace('|', chr(92) + '|') for c in r)} |" for r in portion.rows]
        own = [rows[0], "|---" * len(portion.rows[0]) + "|", *rows[1:], ""]
    else:
        own = [portion.text or f"![{portion.title}](a.png)", ""]
    return own + [line for child in portion.children for line in written(child, level + 1)]


def item_lines(portion, inward):
    for item in portion.children:
        yield f"{' ' * inward}- {item.text}"
        for below in item.children:
            yield from item_lines(below, inward + 2)


def nameless(portion):
    return replace(portion, id="x", children=tuple(nameless(c) for c in portion.children))


@settings(max_examples=60, deadline=None)
@given(sections())
def test_a_document_comes_back(root):
    head = Head("root", "AP", "AP 1", "A", OPEN)
    text = "\n".join(written(root)).encode()
    document, dropped = read_markdown(text, head, {"a.png": PICTURE})
    assert nameless(document.root) == root
    assert dropped == ()
    assert read_markdown(text, head, {"a.png": PICTURE})[0] == document


@settings(max_examples=150, deadline=None)
@given(st.text("#-*|`[]{}()!<> \n\\:1.ab=", max_size=80))
def test_no_page_breaks_the_reader(text):
    document, _ = read_markdown(text.encode(), Head("root", "AP", "AP 1", "A", OPEN))
    assert document.id == "root"
