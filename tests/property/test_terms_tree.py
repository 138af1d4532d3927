"""The merge forest is laminar, covers every leaf once a level, and never crosses tier or class."""

from hypothesis import given
from hypothesis import strategies as st

from delian.terms.frame import Frame, Item
from delian.terms.tree import merge_forest


@st.composite
def frames(draw):
    n = draw(st.integers(1, 6))
    items = tuple(
        Item(f"I{i}", {"en": "x"}, "pieces", 16, draw(st.sampled_from(["STD", "ALT"])))
        for i in range(n)
    )
    years = tuple(range(2027, 2027 + draw(st.integers(1, 6))))
    cut = draw(st.integers(1, len(years)))
    windows = tuple(w for w in (years[:cut], years[cut:]) if w) if draw(st.booleans()) else ()
    half = draw(st.integers(0, n))
    families = {
        "FA": tuple(f"I{i}" for i in range(half)),
        "FB": tuple(f"I{i}" for i in range(half, n)),
    }
    families = {k: v for k, v in families.items() if v} if draw(st.booleans()) else {}
    groups = {"GG": tuple(families)} if families and draw(st.booleans()) else {}
    return Frame(
        items, years, draw(st.sampled_from([("T1",), ("T1", "T2")])), windows, families, groups
    )


@given(frames(), st.data())
def test_forest_laws(frame, data):
    some = data.draw(st.none() | st.sets(st.integers(0, len(frame.cells) - 1)))
    forest = merge_forest(frame, some)
    leaves = set(range(len(frame.cells))) if some is None else some
    for level in forest.levels:
        seen = [leaf for node in level for leaf in node.leaves]
        assert sorted(seen) == sorted(leaves)
        assert len({n.name for n in level}) == len(level)
    for below, level in zip(forest.levels, forest.levels[1:], strict=False):
        children = [c for node in level for c in node.children]
        assert sorted(children) == list(range(len(below)))
        for node in level:
            assert sorted(x for c in node.children for x in below[c].leaves) == list(node.leaves)
    for node in forest.nodes:
        kinds = {(frame.cells[i].tier, frame.cells[i].cls) for i in node.leaves}
        assert len(kinds) == 1
