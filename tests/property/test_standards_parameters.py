"""What a reader may not see changes no byte of the parameters that she gets."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from delian.standards.cut import cut
from delian.standards.parameter import parameters_in, parameters_of, to_bytes
from delian.standards.portion import changed, walk
from tests.property.test_standards_non_interference import another_hidden, is_hidden
from tests.standards_world import EU, NOW, trees


def valued(document):
    """The same tree with a value, a doubt and a row in every portion, made from its own content."""

    def change(portion):
        low = len(portion.title) + 1
        text = f"{portion.text}. Range: {low}-{low + 3} MHz; {low + 1}-{low} mm."
        rows = (("Part", "Size [mm]"), (portion.title, str(low)))
        return replace(portion, text=text, rows=rows)

    return changed(document, change)


def given_to(document):
    made = cut(document, EU, NOW)
    return to_bytes(parameters_in(made), made.numbers(), made.root.language)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_hidden_content_changes_no_byte_of_parameters(data):
    first = data.draw(trees())
    second = data.draw(another_hidden(first))
    assert given_to(valued(first)) == given_to(valued(second))


@settings(max_examples=60, deadline=None)
@given(trees())
def test_every_visible_portion_gives_its_values_and_no_other_does(document):
    document = valued(document)
    visible = [p.id for p, _ in walk(document.root) if not is_hidden(p)]
    found = parameters_in(cut(document, EU, NOW))
    assert sorted({p.source for p in found.values}) == sorted(visible)
    assert sorted({d.source for d in found.doubts}) == sorted(visible)
    whole = parameters_of(document)
    assert len(whole.values) == 2 * sum(1 for _ in walk(document.root))
