"""The edition of a document that one recipient may see, as if nothing else had ever existed.

May touch: values. Whatever this room hands to a recipient is made from a :class:`Cut`, and a cut
is made from visible content alone: hidden portions, their number, order, names, references and
sizes leave no trace (``docs/security/non-interference.md``).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from delian.label import Marking, Reader, join, may_read
from delian.standards.errors import NotSharedError
from delian.standards.portion import REFERENCE, Document, Picture, Portion, label_of, walk

_HEADED = "section"
_COUNTED = ("table", "figure")


@dataclass(frozen=True, slots=True)
class Reference:
    """A place in a text that refers to another portion of the same cut; None: to none that is."""

    portion_id: str | None


Piece = str | Reference


@dataclass(frozen=True, slots=True)
class Shown:
    """One visible portion.

    Args:
        id: Internal name, to compare two cuts; no output holds it.
        kind: As in the document.
        number: Made for this cut: "2.1" of a section, "3" of the third table; "" for the rest.
        title: Heading or caption.
        text: Words and references, in order.
        rows: Cells of a table.
        language: Of the words.
        picture: Of a figure.
        marking: Who else may see it.
        children: Visible portions below, those of hidden portions in between included.
    """

    id: str
    kind: str
    number: str
    title: str
    text: tuple[Piece, ...]
    rows: tuple[tuple[tuple[Piece, ...], ...], ...]
    language: str
    picture: Picture | None
    marking: Marking
    children: tuple["Shown", ...] = ()


@dataclass(frozen=True, slots=True)
class Cut:
    """What one recipient may see of one document at one moment.

    Args:
        kind: Of the document.
        number: As published.
        title: As published.
        edition: As promulgated.
        marking: The least marking that covers everything in the cut.
        root: The visible tree.
    """

    kind: str
    number: str
    title: str
    edition: str
    marking: Marking
    root: Shown

    def walk(self) -> Iterator[tuple[Shown, int]]:
        """Every visible portion in reading order, with its depth."""
        waiting = [(self.root, 0)]
        while waiting:
            shown, depth = waiting.pop()
            yield shown, depth
            waiting.extend((child, depth + 1) for child in reversed(shown.children))

    def numbers(self) -> dict[str, str]:
        """Where each visible portion stands, as a reference to it reads: "2.1", "table 3".

        A portion without a number of its own stands in the nearest section above it; "" is the
        document itself.
        """
        found: dict[str, str] = {}
        above: list[str] = []
        for shown, depth in self.walk():
            del above[depth:]
            own = f"{shown.kind} {shown.number}" if shown.kind in _COUNTED else shown.number
            found[shown.id] = own or (above[-1] if above else "")
            above.append(found[shown.id])
        return found


def cut(document: Document, reader: Reader, now_utc: datetime) -> Cut:
    """The edition of *document* for *reader* at *now_utc*; succession dates are applied.

    Guarantees:
        Two documents that differ only in what *reader* may not see give equal cuts
        (``tests/property/test_standards_non_interference.py``).

    Raises:
        NotSharedError: the reader may not see the root portion, hence nothing.
    """
    judge = _Judge(document, reader, now_utc)
    visible = {p.id for p, _ in walk(document.root) if judge.allows(p)}
    if document.root.id not in visible:
        raise NotSharedError
    maker = _Maker(visible, judge)
    root = maker.shown(document.root, "")
    return Cut(
        document.kind, document.number, document.title, document.edition, maker.marking, root
    )


class _Judge:
    """Who may see what, each label decided once."""

    def __init__(self, document: Document, reader: Reader, now_utc: datetime) -> None:
        self._document, self._reader, self._now = document, reader, now_utc
        # By identity: the document keeps its labels alive; to hash one costs more than a verdict.
        self._known: dict[int, tuple[bool, Marking]] = {}

    def _decided(self, portion: Portion) -> tuple[bool, Marking]:
        known = self._known.get(id(portion.label))
        if known is None:
            marking = label_of(self._document, portion, self._now).marking
            known = self._known[id(portion.label)] = (
                may_read(self._reader, marking).allowed,
                marking,
            )
        return known

    def allows(self, portion: Portion) -> bool:
        return self._decided(portion)[0]

    def marking(self, portion: Portion) -> Marking:
        return self._decided(portion)[1]


class _Maker:
    """Numbers and copies what is visible, in reading order."""

    def __init__(self, visible: set[str], judge: _Judge) -> None:
        self._visible, self._judge = visible, judge
        self._counted = dict.fromkeys(_COUNTED, 0)
        self._marking: Marking | None = None
        self._last: Marking | None = None

    @property
    def marking(self) -> Marking:
        """Least marking over everything copied so far."""
        if self._marking is None:
            raise NotSharedError
        return self._marking

    def shown(self, portion: Portion, number: str) -> Shown:
        """The copy of a visible portion, with everything visible below it."""
        marking = self._judge.marking(portion)
        if self._marking is None:
            self._marking = marking
        elif marking is not self._last:
            self._marking = join(self._marking, marking)
        self._last = marking
        if portion.kind in self._counted:
            self._counted[portion.kind] += 1
            number = str(self._counted[portion.kind])
        children, sections = [], 0
        for child in self._visible_below(portion):
            place = ""
            if child.kind == _HEADED:
                sections += 1
                is_below = portion.kind == _HEADED and number
                place = f"{number}.{sections}" if is_below else str(sections)
            children.append(self.shown(child, place))
        return Shown(
            portion.id,
            portion.kind,
            number,
            portion.title,
            self._pieces(portion.text),
            tuple(tuple(self._pieces(cell) for cell in row) for row in portion.rows),
            portion.language,
            portion.picture,
            marking,
            tuple(children),
        )

    def _visible_below(self, portion: Portion) -> Iterator[Portion]:
        """Nearest visible portions below; a hidden one steps aside for what it holds."""
        waiting = list(reversed(portion.children))
        while waiting:
            child = waiting.pop()
            if child.id in self._visible:
                yield child
            else:
                waiting.extend(reversed(child.children))

    def _pieces(self, text: str) -> tuple[Piece, ...]:
        """Words and references; one to a hidden portion is like one to a portion that never was."""
        if "[[" not in text:
            return (text,) if text else ()
        parts = REFERENCE.split(text)
        pieces: list[Piece] = []
        for place, part in enumerate(parts):
            if place % 2:
                pieces.append(Reference(part if part in self._visible else None))
            elif part:
                pieces.append(part)
        return tuple(pieces)
