"""What a nation or the chair can say while silence runs. Each voice is one signed document.

May touch: DSSE and this room's document form. Every voice names the proposal and the subject it
speaks about, so that it counts for nothing else. A nation speaks with its officer key; only the
chair extends.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, TypeAlias

from delian.approve.document import (
    DocumentFormError,
    begin,
    check_signed,
    code,
    finish,
    moment,
    name,
    prose,
    sign_document,
    spell,
)
from delian.approve.proposal import MAX_EXTENSIONS, Proposal
from delian.crypto.dsse import Envelope, Resolve, document_type
from delian.crypto.sign import PrivateKey
from delian.terms.encode import Digest, Fields, digest, is_digest, utc_text


@dataclass(frozen=True, slots=True)
class Said:
    """Who spoke about what, and when by the speaker's own clock.

    Args:
        round_id: The round.
        proposal: The proposal's id.
        subject: The digest of the exact bytes the proposal is about.
        speaker: Code of the nation, or of the chair for an extension.
        at_utc: When it was said.
    """

    round_id: str
    proposal: Digest
    subject: Digest
    speaker: str
    at_utc: datetime

    def __post_init__(self) -> None:
        name(self.round_id, "round")
        code(self.speaker)
        moment(self.at_utc)
        if not is_digest(self.proposal) or not is_digest(self.subject):
            raise DocumentFormError("a voice names its proposal and subject by sha256 digest")

    @classmethod
    def about(cls, proposal: Proposal, speaker: str, at_utc: datetime) -> "Said":
        """The head of a voice about *proposal*."""
        return cls(proposal.round_id, proposal.id, proposal.subject, speaker, at_utc)

    def is_about(self, proposal: Proposal) -> bool:
        """Does this speak about exactly *proposal*?"""
        return (self.round_id, self.proposal, self.subject) == (
            proposal.round_id,
            proposal.id,
            proposal.subject,
        )


@dataclass(frozen=True, slots=True)
class _Spoken:
    """What all voices share: the head, one text, and their one spelling."""

    kind: ClassVar[str]
    purpose: ClassVar[str] = "officer"
    text_name: ClassVar[str] = "reason"
    needs_text: ClassVar[bool] = True

    said: Said
    text: str

    def __post_init__(self) -> None:
        if self.needs_text or self.text:
            prose(self.text, self.text_name)

    @property
    def keyid(self) -> str:
        """The key that must sign this voice."""
        return f"{self.said.speaker}/{self.purpose}"

    @property
    def id(self) -> Digest:
        """The digest of the voice's own bytes."""
        return digest(self.to_wire())

    def _more(self) -> dict[str, object]:
        return {}

    def to_wire(self) -> bytes:
        """The voice as canonical JSON."""
        fields: dict[str, object] = {
            "round": self.said.round_id,
            "proposal": self.said.proposal,
            "subject": self.said.subject,
            "speaker": self.said.speaker,
            "at": utc_text(self.said.at_utc),
            self.text_name: self.text,
            **self._more(),
        }
        return spell(self.kind, **fields)

    def signed(self, key: PrivateKey) -> Envelope:
        """The voice, signed with the speaker's key."""
        return sign_document(self.kind, self, self.keyid, key)


@dataclass(frozen=True, slots=True)
class Objection(_Spoken):
    """A nation breaks silence and says why."""

    kind: ClassVar[str] = "objection"


@dataclass(frozen=True, slots=True)
class ProcedureRejection(_Spoken):
    """A nation refuses that this matter is decided by silence at all, early in the period."""

    kind: ClassVar[str] = "procedure-rejection"


@dataclass(frozen=True, slots=True)
class TimeRequest(_Spoken):
    """A nation asks the chair for more time. Only the chair can give it."""

    kind: ClassVar[str] = "time-request"


@dataclass(frozen=True, slots=True)
class EarlyAssent(_Spoken):
    """A nation says yes before the end. The period stays as long as it is."""

    kind: ClassVar[str] = "early-assent"
    text_name: ClassVar[str] = "remark"
    needs_text: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class Reservation(_Spoken):
    """A statement to be kept beside the decision; it stops nothing."""

    kind: ClassVar[str] = "reservation"
    text_name: ClassVar[str] = "reservation"


@dataclass(frozen=True, slots=True)
class Amendment(_Spoken):
    """A nation would agree to something else. It breaks silence as an objection does.

    Args:
        wanted: The digest of the bytes the nation would agree to, or None if it only says how.
    """

    kind: ClassVar[str] = "amendment"
    text_name: ClassVar[str] = "amendment"

    wanted: Digest | None = None

    def __post_init__(self) -> None:
        prose(self.text, self.text_name)
        if self.wanted is not None and not is_digest(self.wanted):
            raise DocumentFormError("an amendment names the wanted bytes by sha256 digest")

    def _more(self) -> dict[str, object]:
        return {"wanted": self.wanted}


@dataclass(frozen=True, slots=True)
class Extension(_Spoken):
    """The chair lets silence last longer.

    Args:
        number: 1 for the first extension of this proposal.
        until_utc: The new last moment.
    """

    kind: ClassVar[str] = "extension"
    purpose: ClassVar[str] = "sign"

    number: int
    until_utc: datetime

    def __post_init__(self) -> None:
        prose(self.text, self.text_name)
        moment(self.until_utc)
        if not 1 <= self.number <= MAX_EXTENSIONS:
            raise DocumentFormError("the number of an extension is out of range")

    def _more(self) -> dict[str, object]:
        return {"number": self.number, "until": utc_text(self.until_utc)}


Voice: TypeAlias = (
    Objection | ProcedureRejection | TimeRequest | EarlyAssent | Reservation | Amendment | Extension
)
_PLAIN_KINDS: tuple[
    type[Objection | ProcedureRejection | TimeRequest | EarlyAssent | Reservation], ...
] = (Objection, ProcedureRejection, TimeRequest, EarlyAssent, Reservation)
KINDS: tuple[str, ...] = (
    *(known.kind for known in _PLAIN_KINDS),
    Amendment.kind,
    Extension.kind,
)


def from_wire(kind: str, payload: bytes) -> Voice:
    """The voice of *kind* in *payload*, its signature not looked at.

    Raises:
        InputError: not such a voice in its canonical spelling.
    """
    if kind not in KINDS:
        raise DocumentFormError("unknown kind of voice")
    f = begin(payload, kind)
    said = Said(
        f.text("round"), f.digest("proposal"), f.digest("subject"), f.text("speaker"), f.utc("at")
    )
    voice = _rest(kind, said, f)
    finish(f, voice, payload)
    return voice


def _rest(kind: str, said: Said, f: Fields) -> Voice:
    if kind == Amendment.kind:
        wanted = f.digest("wanted") if f.has("wanted") else None
        return Amendment(said, f.text(Amendment.text_name), wanted)
    if kind == Extension.kind:
        return Extension(said, f.text("reason"), f.whole("number"), f.utc("until"))
    known = next(one for one in _PLAIN_KINDS if one.kind == kind)
    return known(said, f.text(known.text_name))


def hear(envelope: Envelope, resolve: Resolve) -> Voice:
    """The voice in *envelope*, signed by the key its speaker must use.

    Args:
        envelope: From anywhere.
        resolve: The pinned roster.

    Raises:
        DelianError: not a voice, malformed, of an unknown speaker, or not signed by it.
    """
    found = [kind for kind in KINDS if envelope.payload_type == document_type(kind)]
    if not found:
        raise DocumentFormError("the envelope holds no voice")
    voice = from_wire(found[0], envelope.payload)
    check_signed(envelope, voice.kind, voice.keyid, resolve)
    return voice


def to_plain(voice: Voice) -> dict[str, Any]:
    """The voice for a report: who, when, what, and its text."""
    return {
        "kind": voice.kind,
        "speaker": voice.said.speaker,
        "at": utc_text(voice.said.at_utc),
        "text": voice.text,
        "digest": voice.id,
    }
