"""What a reader may not see changes no byte of anything that the room makes for her.

The oracle of visibility is restated: a portion is hidden from EU if its label (or the document's)
leaves EU out, asks for a higher level than 1, or for a category.
"""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from delian.standards.cut import cut
from delian.standards.edition import listing, to_html, to_markdown
from delian.standards.errors import NotSharedError
from delian.standards.pad import pad
from delian.standards.portion import Picture, Portion, changed, walk
from delian.standards.redline import redline
from delian.standards.redline import to_html as redline_html
from delian.standards.redline import to_markdown as redline_markdown
from tests.standards_world import EU, HIDDEN_FROM_EU, NOW, OPEN, WORDS, document, trees


def is_hidden(portion):
    if portion.label is None:
        return False
    marking = portion.label.marking
    return "EU" not in marking.audience or marking.level > 1 or bool(marking.restrictive)


def outputs(document):
    made = cut(document, EU, NOW)
    return (
        to_markdown(made, "MARK"),
        to_html(made, "MARK"),
        pad(to_html(made, "MARK")),
        listing(made),
        made.marking,
    )


def compared(old, new):
    found = redline(cut(old, EU, NOW), cut(new, EU, NOW))
    return found.to_bytes(), redline_markdown(found), redline_html(found)


@st.composite
def another_hidden(draw, document):
    """The same document to EU: hidden content rewritten, added, removed, renamed, wrapped."""
    names = iter(f"h{i}" for i in range(1000))
    visible = {p.id for p, _ in walk(document.root) if not is_hidden(p)}

    def hidden(children=()):
        return Portion(
            next(names),
            draw(st.sampled_from(("section", "table", "figure", "paragraph"))),
            draw(WORDS),
            draw(WORDS),
            draw(st.sampled_from(HIDDEN_FROM_EU)),
            children,
            picture=Picture("image/png", draw(st.binary(max_size=3))),
        )

    def retargeted(text):
        for target in sorted({r for p, _ in walk(document.root) for r in p.references} - visible):
            text = text.replace(f"[[{target}]]", f"[[{next(names)}]]")
        return text

    def change(portion):
        below = []
        for child in portion.children:
            if is_hidden(child) and draw(st.booleans()):
                below.extend(child.children)  # a hidden portion goes, what it holds stays
            else:
                below.append(child)
            if draw(st.booleans()):
                below.append(hidden())
        if below and draw(st.booleans()):
            at = draw(st.integers(0, len(below) - 1))
            below[at:] = [hidden(tuple(below[at:]))]
        portion = replace(portion, children=tuple(below), text=retargeted(portion.text))
        if is_hidden(portion):
            portion = replace(
                portion,
                id=next(names),
                title=draw(WORDS),
                text=draw(WORDS),
                rows=((draw(WORDS),),),
                label=draw(st.sampled_from(HIDDEN_FROM_EU)),
            )
        return portion

    return replace(changed(document, change), version=draw(WORDS))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_hidden_content_changes_no_byte_of_an_edition(data):
    first = data.draw(trees())
    second = data.draw(another_hidden(first))
    assert outputs(first) == outputs(second)


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_hidden_content_changes_no_byte_of_a_redline(data):
    old, new = data.draw(trees()), data.draw(trees())
    other_old, other_new = data.draw(another_hidden(old)), data.draw(another_hidden(new))
    assert compared(old, new) == compared(other_old, other_new)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_hidden_change_alone_makes_an_empty_redline(data):
    first = data.draw(trees())
    assert not redline(cut(first, EU, NOW), cut(data.draw(another_hidden(first)), EU, NOW)).changes


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_visible_word_is_there_and_no_name_is(data):
    first = data.draw(trees())
    named = changed(first, lambda p: replace(p, id=f"name-{p.id}", title=f"t-{p.id};", text=""))
    for page in (to_markdown(cut(named, EU, NOW), "MARK"), to_html(cut(named, EU, NOW), "MARK")):
        assert b"name-" not in page
        for portion, _ in walk(named.root):
            assert (portion.title.encode() in page) != is_hidden(portion)


def test_a_hidden_document_and_one_that_is_not_there_are_one_answer():
    closed = document(Portion("r", "section", "Title", label=HIDDEN_FROM_EU[0]))
    errors = []
    for secret in (closed, replace(closed, root=replace(closed.root, title="Other"))):
        try:
            cut(secret, EU, NOW)
        except NotSharedError as error:
            errors.append((error.to_wire(), error.exit_code))
    assert errors == [(NotSharedError().to_wire(), NotSharedError.exit_code)] * 2


def test_the_law_notices_a_leak():
    """Numbers of hidden clauses would show: the same law fails on numbers taken from the whole."""
    one = document(
        Portion("r", "section", "T", label=OPEN, children=(Portion("a", "section", "A"),))
    )
    two = replace(
        one,
        root=replace(
            one.root,
            children=(Portion("x", "section", "X", label=HIDDEN_FROM_EU[0]), *one.root.children),
        ),
    )

    def leaky(doc):
        return [number for number, child in enumerate(doc.root.children, 1) if not is_hidden(child)]

    assert leaky(one) != leaky(two)
    assert outputs(one) == outputs(two)
