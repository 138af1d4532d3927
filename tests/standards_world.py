"""Documents of portions for the tests of the standards room: labels, readers, random trees."""

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import strategies as st

from delian.label import Label, Marking, Reader, bundled_policy
from delian.standards.portion import KINDS, Document, Picture, Portion

NOW = datetime(2026, 11, 21, tzinfo=UTC)
OID = bundled_policy().oid
EU = Reader(OID, "EU", 1)
ALLY = Reader(OID, "FRA", 3)


def label(*audience: str, level: int = 1, restrictive: frozenset[str] = frozenset()) -> Label:
    """A label that *audience* may read at *level*."""
    return Label(Marking(OID, level, frozenset(audience), restrictive), "DELIAN-1", None, NOW)


OPEN = label("EU", "FRA")
CLOSED = label("FRA")
SECRET = label("EU", "FRA", level=3)
VISIBLE_TO_EU = (OPEN, label("EU"), label("EU", "FRA", level=0))
HIDDEN_FROM_EU = (CLOSED, SECRET, label(), label("EU", restrictive=frozenset({"CRYPTO"})))


def document(root: Portion, **changes: str) -> Document:
    """A document around *root*, under a label that everybody here may read."""
    made = Document("doc", "STANAG", "STANAG 9999", "Widgets", "Ed 2", "2.1", root, OPEN)
    return replace(made, **changes)


WORDS = st.text("abc ABC é 日本", max_size=12)


@st.composite
def trees(draw: st.DrawFn) -> Document:
    """A random document whose root the EU reader may see."""
    count = draw(st.integers(1, 14))
    parents = [draw(st.integers(0, i - 1)) if i else 0 for i in range(count)]
    portions = [
        Portion(
            f"p{i}",
            "section" if i == 0 else draw(st.sampled_from(KINDS)),
            draw(WORDS),
            "".join(
                draw(WORDS) + (f"[[p{draw(st.integers(0, 20))}]]" if draw(st.booleans()) else "")
                for _ in range(2)
            ),
            OPEN if i == 0 else draw(st.sampled_from((*VISIBLE_TO_EU, *HIDDEN_FROM_EU, None))),
            rows=((draw(WORDS),),) if draw(st.booleans()) else (),
            picture=Picture("image/png", b"x") if draw(st.booleans()) else None,
        )
        for i in range(count)
    ]

    def built(i: int) -> Portion:
        below = tuple(built(k) for k in range(i + 1, count) if parents[k] == i)
        return replace(portions[i], children=below)

    return document(built(0))
