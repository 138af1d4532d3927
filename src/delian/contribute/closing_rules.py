"""Who may close, sign or run which list: pure rules over what each party remembers.

May touch: values of this room. The secretariat builds a list, an agent countersigns one per
round, a host runs one per round and holds the secretariat to what it has receipted.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from delian.contribute.absence import Absence
from delian.contribute.agreed import AgreedTerms
from delian.contribute.arrival import Known
from delian.contribute.closing import (
    TYPE,
    Absent,
    ClosingList,
    Entry,
    Why,
    check_list,
    stated_absences,
)
from delian.contribute.errors import (
    AwaitingError,
    ClosingError,
    DisputedError,
    LockedError,
    SecondListError,
)
from delian.contribute.manifest import Manifest
from delian.crypto.dsse import Envelope, sign
from delian.crypto.sign import PrivateKey
from delian.terms.encode import Digest
from delian.terms.frame import CellKey, Frame


@dataclass(frozen=True, slots=True)
class Latest:
    """The latest word of one nation as the secretariat holds it.

    Args:
        manifest: Its latest sheet, or None.
        is_receipted: Have all three hosts said ok to it?
        is_disputed: Has a host said "not ok" to it?
        absence: A later signed statement of absence, or None.
    """

    manifest: Manifest | None = None
    is_receipted: bool = False
    is_disputed: bool = False
    absence: Envelope | None = None


def build_list(
    agreed: AgreedTerms,
    latest: Mapping[str, Latest],
    now_utc: datetime,
    mandates: Collection[Digest] = (),
) -> ClosingList:
    """The closing list over what has come.

    Args:
        agreed: The agreed terms.
        latest: By nation; a nation that is not there has sent nothing.
        now_utc: One reading of the secretariat's clock.
        mandates: Digests of the round's stand-in mandates.

    Raises:
        AwaitingError: sheets may still come, or a sheet still waits for a host's verdict.
        DisputedError: a host cannot use a nation's latest sheet; the round stops.
        ClosingError: fewer nations than the terms demand.
    """
    if now_utc <= agreed.terms.calendar.sheets_until:
        raise AwaitingError("the round still takes sheets", hint="close after the deadline")
    entries: list[Entry] = []
    absent: list[Absent] = []
    for nation in sorted(agreed.terms.nations):
        word = latest.get(nation, Latest())
        if word.absence is not None:
            absent.append(Absent(nation, Why.STATED, word.absence))
        elif word.manifest is None:
            absent.append(Absent(nation, Why.NO_SHEET))
        elif word.is_disputed:
            raise DisputedError(
                f"a host cannot use the sheet of {nation}",
                hint="the round stops; leaving a nation out needs new terms",
            )
        elif not word.is_receipted:
            raise AwaitingError(f"not every host has checked the sheet of {nation}")
        else:
            entries.append(Entry(nation, word.manifest.number, word.manifest.digest))
    if len(entries) < agreed.terms.least_present:
        raise ClosingError("fewer nations have sent a sheet than the terms demand")
    return ClosingList(
        agreed.terms.round_id,
        agreed.terms.digest,
        tuple(entries),
        tuple(absent),
        tuple(sorted(mandates)),
    )


@dataclass(frozen=True, slots=True)
class HostMemory:
    """What a host has persisted about one round and about all list digests.

    Args:
        receipted: The latest sheet of each nation to which this host said ok.
        disputed: Nations to whose latest sheet it said "not ok".
        lists: Round id to the one list digest that this host has accepted.
    """

    receipted: Mapping[str, Known]
    disputed: Collection[str]
    lists: Mapping[str, Digest]


def check_as_host(envelope: Envelope, agreed: AgreedTerms, memory: HostMemory) -> ClosingList:
    """The list, if this host may run it; the caller persists its digest before it runs.

    Guarantees:
        The host never runs a list that drops or goes back behind a sheet it said ok to, one with
        a sheet that it does not hold, or a second list for one round
        (``tests/unit/contribute/test_contribute_closing.py``).

    Raises:
        ClosingError: a sheet is omitted or numbered lower, or is another one.
        AwaitingError: a listed sheet has not reached this host.
        DisputedError: the list holds a sheet to which this host said "not ok".
        SecondListError: another list was accepted for this round.
        DelianError: as ``closing.check_list``.
    """
    listed = check_list(envelope, agreed)
    _refuse_second(listed, memory.lists)
    stated = stated_absences(listed, agreed)
    for nation in agreed.terms.nations:
        entry, held = listed.entry(nation), memory.receipted.get(nation)
        if entry is None:
            _check_absent(nation, stated.get(nation), held, is_disputed=nation in memory.disputed)
        elif nation in memory.disputed:
            raise DisputedError(f"this host cannot use the sheet of {nation}")
        elif held is None or entry.number > held.number:
            raise AwaitingError(f"the listed sheet of {nation} has not reached this host")
        elif entry.number < held.number or entry.manifest != held.digest:
            raise ClosingError(f"the list goes back behind a sheet of {nation} held here")
    return listed


def _check_absent(
    nation: str, stated: Absence | None, held: Known | None, *, is_disputed: bool
) -> None:
    if stated is not None:
        if held is not None and stated.number <= held.number:
            raise ClosingError(f"the absence of {nation} is older than its sheet held here")
    elif held is not None:
        raise ClosingError(f"the list omits {nation}, whose sheet is held here")
    elif is_disputed:
        raise DisputedError(f"the list leaves out {nation}, whose sheet is in dispute")


def check_as_agent(
    envelope: Envelope,
    agreed: AgreedTerms,
    nation: str,
    sent: Known | None,
    remembered: Mapping[str, Digest],
) -> ClosingList:
    """The list, if the agent of *nation* may countersign it; the caller remembers its digest.

    Args:
        envelope: The list, signed by the secretariat.
        agreed: The agreed terms.
        nation: The agent's own.
        sent: Number and digest of its latest sheet or statement of absence, or None.
        remembered: Round id to the one list digest that this agent has countersigned.

    Raises:
        ClosingError: its own sheet is missing, is an earlier one, or is one it did not send;
            or it is absent and has nothing to countersign.
        SecondListError: it has countersigned another list of this round.
        DelianError: as ``closing.check_list``.
    """
    listed = check_list(envelope, agreed)
    _refuse_second(listed, remembered)
    entry = listed.entry(nation)
    if entry is None:
        hint = "only nations with a sheet in the list countersign it"
        if sent is None:
            raise ClosingError(f"{nation} is absent from this round", hint=hint)
        stated = stated_absences(listed, agreed).get(nation)
        if stated is not None and stated.digest == sent.digest:
            raise ClosingError(f"{nation} has stated its absence", hint=hint)
        raise ClosingError(f"the list leaves out what {nation} sent last")
    if sent is None or (entry.number, entry.manifest) != (sent.number, sent.digest):
        raise ClosingError(f"the list does not hold the sheet that {nation} sent last")
    return listed


def countersign(listed: ClosingList, keyid: str, key: PrivateKey) -> Envelope:
    """A countersignature on *listed*; join it to the others with ``Envelope.added``.

    Args:
        listed: Checked by :func:`check_as_agent`.
        keyid: "FRA/agent", or "FRA/stand-in" under a mandate.
        key: That key.
    """
    return sign(TYPE, listed.to_wire(), {keyid: key})


def _refuse_second(listed: ClosingList, lists: Mapping[str, Digest]) -> None:
    if lists.get(listed.round_id, listed.digest) != listed.digest:
        raise SecondListError(
            "another list was accepted for this round before",
            hint="a rerun uses the same list; a changed one needs a new round",
        )


@dataclass(frozen=True, slots=True)
class OpenRound:
    """A round that has closed and has not ended; its cells are locked."""

    round_id: str
    frame: Frame


def locked_cells(rounds: Iterable[OpenRound]) -> frozenset[CellKey]:
    """Every cell of the given rounds, and those of codes declared parts or sums of theirs."""
    locked: set[CellKey] = set()
    for opened in rounds:
        locked.update(_spanned(opened.frame))
    return frozenset(locked)


def check_unlocked(agreed: AgreedTerms, rounds: Iterable[OpenRound]) -> None:
    """Return if no other closed round that has not ended holds a cell of these terms.

    Raises:
        LockedError: names the round that holds one.
    """
    mine = _spanned(agreed.terms.frame)
    for opened in rounds:
        if opened.round_id != agreed.terms.round_id and mine & _spanned(opened.frame):
            raise LockedError(
                f"round {opened.round_id} has closed with cells of this round and has not ended",
                hint="close this round after that one has ended",
            )


def _spanned(frame: Frame) -> set[CellKey]:
    """The cells of a frame, and the same cells under every related code."""
    spanned = set(frame.cells)
    for item in frame.items:
        if item.related:
            spanned.update(
                CellKey(code, cell.year, cell.tier, cell.cls)
                for cell in frame.cells
                if cell.item == item.code
                for code in item.related
            )
    return spanned
