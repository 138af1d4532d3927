"""What one recipient gets next of one document: prepared, put to the nations, sent, withdrawn.

May touch: values. The exact bytes of :func:`subject` are what the nations agree to under silence;
each nation's agent prepares the tranche again from the document and compares (:func:`check`).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from delian.label import Marking, Reader
from delian.standards.cut import Cut, cut
from delian.standards.edition import to_html, to_markdown
from delian.standards.errors import NotSharedError
from delian.standards.pad import STEPS, pad
from delian.standards.portion import Document, label_of, walk
from delian.standards.redline import Redline, redline
from delian.standards.redline import to_html as redline_html
from delian.standards.redline import to_markdown as redline_markdown
from delian.terms.encode import Digest, Plain, canonical, digest
from delian.terms.errors import InputError, RefusedError, TamperedError

FORMAT = "delian-tranche"


class NothingNewError(RefusedError):
    """The recipient would get what she has."""

    code = "nothing-new"


class TrancheDiffersError(TamperedError):
    """A tranche is not what the document gives for this recipient."""

    code = "tranche-differs"


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who gets tranches.

    Args:
        code: Of the party.
        reader: What its label allows.
        steps: Agreed sizes of files, in bytes, ascending.
    """

    code: str
    reader: Reader
    steps: tuple[int, ...] = STEPS


@dataclass(frozen=True, slots=True)
class Tranche:
    """One tranche as it is agreed to and sent.

    Args:
        recipient: Code of the party.
        number: Of the document, as published.
        serial: Counts this recipient's tranches of this document, from 1; nothing else counts.
        previous: Digest of the subject of the tranche before, None for the first.
        marking: Least marking that covers all files.
        files: Name to bytes, each padded to an agreed step.
    """

    recipient: str
    number: str
    serial: int
    previous: Digest | None
    marking: Marking
    files: Mapping[str, bytes]

    @property
    def subject(self) -> bytes:
        """The exact bytes of a proposal about this tranche."""
        files: dict[str, Plain] = {name: digest(self.files[name]) for name in sorted(self.files)}
        marking: dict[str, Plain] = {
            "policy": self.marking.policy,
            "level": self.marking.level,
            "audience": [*sorted(self.marking.audience)],
            "restrictive": [*sorted(self.marking.restrictive)],
        }
        return canonical(
            {
                "format": FORMAT,
                "version": 1,
                "recipient": self.recipient,
                "number": self.number,
                "serial": self.serial,
                "previous": self.previous,
                "marking": marking,
                "files": files,
            }
        )

    @property
    def digest(self) -> Digest:
        """Digest of :attr:`subject`."""
        return digest(self.subject)


@dataclass(frozen=True, slots=True)
class Sent:
    """A tranche that went, with what it was made of; kept by the office, never shown."""

    document: Document
    at_utc: datetime
    tranche: Tranche


@dataclass(frozen=True, slots=True)
class Preview:
    """What would go, for the nations' eyes alone: names of portions.

    Args:
        goes: Visible to the recipient.
        stays: Hidden from the recipient.
        new: Visible now and not in the tranche before.
        gone: In the tranche before and not visible now.
        opens: Hidden now; date from which a succession shows them.
    """

    goes: tuple[str, ...]
    stays: tuple[str, ...]
    new: tuple[str, ...]
    gone: tuple[str, ...]
    opens: tuple[tuple[datetime, str], ...]


def prepare(
    document: Document,
    recipient: Recipient,
    now_utc: datetime,
    words: Callable[[Marking], str],
    previous: Sent | None = None,
) -> Tranche:
    """The next tranche of *document* for *recipient*.

    Args:
        document: With every portion and label.
        recipient: Who gets it.
        now_utc: Succession dates are applied at this moment.
        words: The marking text of a marking.
        previous: The tranche before, None for the first.

    Guarantees:
        A function of what the recipient may see, now and in the tranche before.

    Raises:
        NotSharedError: the recipient may see nothing of the document.
        NothingNewError: it would hold what the recipient has.
    """
    now = cut(document, recipient.reader, now_utc)
    marking = words(now.marking)
    files = {"edition.md": to_markdown(now, marking), "edition.html": to_html(now, marking)}
    if previous is not None:
        files |= _redlined(_differences(previous, now, recipient))
    padded = {name: pad(data, recipient.steps) for name, data in files.items()}
    serial = 1 if previous is None else previous.tranche.serial + 1
    before = None if previous is None else previous.tranche.digest
    return Tranche(recipient.code, document.number, serial, before, now.marking, padded)


def check(
    tranche: Tranche,
    document: Document,
    recipient: Recipient,
    at_utc: datetime,
    words: Callable[[Marking], str],
    previous: Sent | None = None,
) -> None:
    """Prepare the tranche again and compare every byte; an agent does so before it signs.

    Raises:
        TrancheDiffersError: it is another one.
        NotSharedError, NothingNewError: there should be none.
    """
    if prepare(document, recipient, at_utc, words, previous).subject != tranche.subject:
        raise TrancheDiffersError(
            "the tranche is not what the document gives for this recipient",
            hint="compare the edition of the document and the date of the tranche",
        )


def preview(
    document: Document, recipient: Recipient, now_utc: datetime, previous: Sent | None = None
) -> Preview:
    """What would go and what would stay; for the nations, never for the recipient."""
    goes = _names(document, recipient, now_utc)
    before: frozenset[str] = frozenset()
    if previous is not None:
        before = frozenset(_names(previous.document, recipient, previous.at_utc))
    shown = frozenset(goes)
    stays = [p for p, _ in walk(document.root) if p.id not in shown]
    opens: list[tuple[datetime, str]] = []
    for portion in stays:
        late = label_of(document, portion, now_utc).succession
        if late is not None and portion.id in _names(document, recipient, late.when_utc):
            opens.append((late.when_utc, portion.id))
    return Preview(
        goes,
        tuple(p.id for p in stays),
        tuple(name for name in goes if name not in before),
        tuple(sorted(before - shown)),
        tuple(sorted(opens)),
    )


@dataclass(frozen=True, slots=True)
class Received:
    """What one recipient has been sent of everything; answers her questions."""

    tranches: tuple[Tranche, ...]
    withdrawn: Mapping[Digest, str]

    def listing(self) -> tuple[tuple[str, int, str], ...]:
        """Number, serial and "", or the reason of its withdrawal, of every tranche sent."""
        return tuple((t.number, t.serial, self.withdrawn.get(t.digest, "")) for t in self.tranches)

    def newest(self, number: str) -> Tranche:
        """The newest tranche of the document called *number* that is in force.

        Guarantees:
            The answer is made from what was sent alone: hidden, absent and not yet are one.

        Raises:
            NotSharedError: none was sent, or all were withdrawn.
        """
        found = [t for t in self.tranches if t.number == number and t.digest not in self.withdrawn]
        if not found:
            raise NotSharedError
        return max(found, key=lambda t: t.serial)


def received(sent: Iterable[Tranche], recipient: str, withdrawn: Mapping[Digest, str]) -> Received:
    """Everything that was sent to *recipient*, in order of document and serial.

    Raises:
        InputError: two tranches of one document claim the same serial.
    """
    own = sorted((t for t in sent if t.recipient == recipient), key=lambda t: (t.number, t.serial))
    if len({(t.number, t.serial) for t in own}) != len(own):
        raise InputError("two tranches of one document have the same serial")
    return Received(
        tuple(own), {t.digest: withdrawn[t.digest] for t in own if t.digest in withdrawn}
    )


def _names(document: Document, recipient: Recipient, at_utc: datetime) -> tuple[str, ...]:
    try:
        return tuple(s.id for s, _ in cut(document, recipient.reader, at_utc).walk())
    except NotSharedError:
        return ()


def _differences(previous: Sent, now: Cut, recipient: Recipient) -> Redline:
    found = redline(cut(previous.document, recipient.reader, previous.at_utc), now)
    if not found.changes and all(words.side == "same" for words in found.head):
        raise NothingNewError(
            "the recipient has all of this already",
            hint="nothing that she may see has changed since the tranche before",
        )
    return found


def _redlined(found: Redline) -> dict[str, bytes]:
    return {
        "redline.md": redline_markdown(found),
        "redline.html": redline_html(found),
        "redline.json": found.to_bytes() + b"\n",
    }
