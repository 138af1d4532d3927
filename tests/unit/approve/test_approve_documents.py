"""Proposals, voices, withdrawals, mandates: one spelling, the right signer, nothing else."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from delian.approve import voices
from delian.approve.document import DocumentFormError, UnknownKeyError
from delian.approve.durations import Duration
from delian.approve.mandate import Mandate, StandInYes
from delian.approve.proposal import Proposal
from delian.approve.voices import (
    Amendment,
    EarlyAssent,
    Extension,
    Objection,
    ProcedureRejection,
    Reservation,
    Said,
    TimeRequest,
    hear,
)
from delian.approve.withdrawal import Withdrawal, withdrawn_by
from delian.crypto.dsse import Envelope, Signature, document_type, sign
from delian.terms.encode import canonical, digest
from delian.terms.errors import InputError, TamperedError
from tests.silence_world import ENDS, OPENED, SUBJECT, TERMS, World, seeded

WORLD = World(3)
PROPOSAL = WORLD.propose()
SAID = Said.about(PROPOSAL, "NAA", OPENED)
CHAIR_SAID = Said.about(PROPOSAL, "SEC", OPENED)
VOICES: list[voices.Voice] = [
    Objection(SAID, "we need the two blocks merged\nfirst"),
    ProcedureRejection(SAID, "this needs a meeting"),
    TimeRequest(SAID, "our ministry is closed"),
    EarlyAssent(SAID, ""),
    EarlyAssent(SAID, "gladly"),
    Reservation(SAID, "we read 'window' as a calendar year"),
    Amendment(SAID, "merge 2031 into 2030", None),
    Amendment(SAID, "use this", digest(b"other")),
    Extension(CHAIR_SAID, "asked by three nations", 1, ENDS + timedelta(hours=24)),
]


@pytest.mark.parametrize("voice", VOICES, ids=lambda v: v.kind)
def test_a_voice_travels_and_is_heard(voice: voices.Voice) -> None:
    key = WORLD.keys[voice.keyid]
    envelope = Envelope.from_wire(voice.signed(key).to_wire())
    assert hear(envelope, WORLD.resolve) == voice
    plain = json.loads(voice.to_wire())
    assert plain["format"] == f"delian-{voice.kind}"
    assert plain["version"] == 1
    assert plain["round"] == "round-1"
    shown = voices.to_plain(voice)
    assert shown["digest"] == digest(voice.to_wire())
    assert shown["speaker"] == voice.said.speaker


def test_only_the_speakers_officer_speaks_for_it() -> None:
    voice = VOICES[0]
    kind = document_type(voice.kind)
    for keyid, key in [
        ("NAA/agent", WORLD.keys["NAA/agent"]),
        ("NAB/officer", WORLD.keys["NAB/officer"]),
        ("SEC/sign", WORLD.keys["SEC/sign"]),
        ("NAA/officer", WORLD.keys["NAB/officer"]),
    ]:
        with pytest.raises(TamperedError):
            hear(sign(kind, voice.to_wire(), {keyid: key}), WORLD.resolve)
    good = voice.signed(WORLD.keys["NAA/officer"])
    with pytest.raises(UnknownKeyError):
        hear(good, lambda _: None)
    with pytest.raises(DocumentFormError):
        hear(good.added(sign(kind, voice.to_wire(), {"x": WORLD.keys["SEC/sign"]})), WORLD.resolve)
    relabelled = Envelope(document_type("early-assent"), good.payload, good.signatures)
    with pytest.raises(InputError):
        hear(relabelled, WORLD.resolve)
    with pytest.raises(DocumentFormError):
        hear(Envelope(document_type("proposal"), good.payload, good.signatures), WORLD.resolve)
    assent = EarlyAssent(SAID, "")
    moved = Envelope(
        document_type("objection"),
        voice.to_wire(),
        assent.signed(WORLD.keys["NAA/officer"]).signatures,
    )
    with pytest.raises(TamperedError):
        hear(moved, WORLD.resolve)


def test_only_the_chairs_key_extends() -> None:
    extension = VOICES[-1]
    own = replace(extension, said=SAID)
    with pytest.raises(UnknownKeyError):
        hear(own.signed(WORLD.keys["NAA/officer"]), WORLD.resolve)
    with pytest.raises(TamperedError):
        hear(extension.signed(WORLD.keys["NAA/officer"]), WORLD.resolve)


@pytest.mark.parametrize("text", ["", "  \n ", "x" * 4001, "bell\x07", "\u202eabc"])
def test_a_reason_must_be_there_and_readable(text: str) -> None:
    for kind in (Objection, ProcedureRejection, TimeRequest, Reservation, Amendment):
        with pytest.raises(DocumentFormError):
            kind(SAID, text)
    with pytest.raises(DocumentFormError):
        Extension(CHAIR_SAID, text, 1, ENDS)
    if text:
        with pytest.raises(DocumentFormError):
            EarlyAssent(SAID, text)


def test_broken_values_are_refused() -> None:
    naive = OPENED.replace(tzinfo=None)
    for make in (
        lambda: Said("", SAID.proposal, SAID.subject, "NAA", OPENED),
        lambda: Said("r\n", SAID.proposal, SAID.subject, "NAA", OPENED),
        lambda: Said("r", "x", SAID.subject, "NAA", OPENED),
        lambda: Said("r", SAID.proposal, "x", "NAA", OPENED),
        lambda: Said("r", SAID.proposal, SAID.subject, "N/A", OPENED),
        lambda: Said("r", SAID.proposal, SAID.subject, "NAA", naive),
        lambda: Amendment(SAID, "use this", "other"),
        lambda: Extension(CHAIR_SAID, "x", 0, ENDS),
        lambda: Extension(CHAIR_SAID, "x", 11, ENDS),
        lambda: Extension(CHAIR_SAID, "x", 1, ENDS.replace(tzinfo=None)),
        lambda: Withdrawal("r", "x", "NAA", 1, OPENED, "why"),
        lambda: Withdrawal("r", TERMS, "NAA", 0, OPENED, "why"),
        lambda: Withdrawal("r", TERMS, "NAA", 1, OPENED, ""),
        lambda: Mandate("r", TERMS, "NAA", "NAA", WORLD.keys["SEC/sign"].public, ENDS),
        lambda: Mandate("r", "x", "NAA", "NAB", WORLD.keys["SEC/sign"].public, ENDS),
        lambda: StandInYes("r", "x", TERMS, "NAA"),
    ):
        with pytest.raises(DocumentFormError):
            make()


def _altered(wire: bytes) -> list[bytes]:
    plain = json.loads(wire)
    out = [json.dumps(plain).encode(), wire + b"\n", canonical({**plain, "extra": 1})]
    out += [canonical({**plain, "format": "delian-x"}), canonical({**plain, "version": 2})]
    out += [canonical({k: v for k, v in plain.items() if k != gone}) for gone in plain]
    for name, value in plain.items():
        if isinstance(value, str) and value.endswith("Z"):
            out.append(canonical({**plain, name: value[:-1] + ".000000Z"}))
            out.append(canonical({**plain, name: value[:10] + "Z"}))
            out.append(canonical({**plain, name: value[:-1] + "+01:00Z"}))
        if isinstance(value, str) and value.startswith("sha256:"):
            out.append(canonical({**plain, name: value.upper()}))
    return out


def _documents() -> list[tuple[str, bytes, object]]:
    key = seeded("stand-in")
    found: list[tuple[str, bytes, object]] = [
        ("proposal", PROPOSAL.to_wire(), Proposal.from_wire),
        (
            "withdrawal",
            Withdrawal("r", TERMS, "NAA", 1, OPENED, "why").to_wire(),
            Withdrawal.from_wire,
        ),
        (
            "mandate",
            Mandate("r", TERMS, "NAA", "NAB", key.public, ENDS).to_wire(),
            Mandate.from_wire,
        ),
        ("yes", StandInYes("r", TERMS, TERMS, "NAA").to_wire(), StandInYes.from_wire),
    ]
    for voice in VOICES:
        kind = voice.kind
        found.append((kind, voice.to_wire(), lambda b, kind=kind: voices.from_wire(kind, b)))
    return found


@pytest.mark.parametrize(("name", "wire", "parser"), _documents(), ids=lambda v: str(v)[:12])
def test_every_document_has_one_spelling(name: str, wire: bytes, parser: object) -> None:
    assert callable(parser)
    assert parser(wire).to_wire() == wire
    for other in _altered(wire):
        with pytest.raises(InputError):
            parser(other)


def test_a_proposal_is_the_chairs_and_of_this_chair() -> None:
    envelope = PROPOSAL.signed(WORLD.keys["SEC/sign"])
    assert Proposal.from_envelope(envelope, WORLD.resolve, chair="SEC") == PROPOSAL
    assert PROPOSAL.id == digest(PROPOSAL.to_wire())
    assert PROPOSAL.subject == digest(SUBJECT)
    with pytest.raises(DocumentFormError):
        Proposal.from_envelope(envelope, WORLD.resolve, chair="OTH")
    forged = Envelope(envelope.payload_type, envelope.payload, (Signature("SEC/sign", bytes(64)),))
    with pytest.raises(TamperedError):
        Proposal.from_envelope(forged, WORLD.resolve, chair="SEC")
    self_made = WORLD.propose(chair="NAA").signed(WORLD.keys["NAA/officer"])
    with pytest.raises(DocumentFormError):
        Proposal.from_envelope(self_made, WORLD.resolve, chair="SEC")


def test_an_amending_proposal_names_the_old_one_and_starts_its_own_clock() -> None:
    later = OPENED + timedelta(hours=70)
    amended = WORLD.propose(b"other bytes", opened_utc=later, amends=PROPOSAL)
    assert amended.amends == PROPOSAL.id
    assert amended.silence_ends_utc - amended.opened_utc == timedelta(hours=72)
    assert amended.subject != PROPOSAL.subject


def test_a_proposal_of_terms_or_a_roster() -> None:
    terms = Proposal.open(
        "terms",
        b"{}",
        round_id="r",
        nations=("NAB", "NAA"),
        chair="SEC",
        opened_utc=OPENED,
        silence=Duration(5, "working days"),
        reject_window=Duration(9999, "hours"),
        holidays=(),
        extension_limit=0,
        roster_version=1,
        terms=None,
    )
    assert terms.terms == terms.subject == digest(b"{}")
    assert terms.nations == ("NAA", "NAB")
    assert terms.reject_until_utc == terms.silence_ends_utc
    with pytest.raises(DocumentFormError):
        replace(terms, terms=TERMS)
    roster = replace(terms, matter="roster", terms=None)
    assert Proposal.from_wire(roster.to_wire()) == roster
    with pytest.raises(DocumentFormError):
        replace(roster, terms=TERMS)
    with pytest.raises(DocumentFormError):
        replace(terms, matter="release", terms=None)


@pytest.mark.parametrize(
    "changes",
    [
        {"matter": "war"},
        {"round_id": ""},
        {"subject": "sha256:0"},
        {"nations": ()},
        {"nations": ("NAB", "NAA")},
        {"nations": ("NAA", "NAA")},
        {"nations": ("N A",)},
        {"chair": ""},
        {"silence_ends_utc": OPENED},
        {"reject_until_utc": OPENED - timedelta(seconds=1)},
        {"reject_until_utc": ENDS + timedelta(seconds=1)},
        {"opened_utc": OPENED.replace(tzinfo=None)},
        {"extension_limit": 11},
        {"extension_limit": -1},
        {"roster_version": 0},
        {"terms": None},
        {"checkpoint": "delian/SEC\n1\nAAAA\n"},
        {"amends": "x"},
        {"mandates": (TERMS, TERMS)},
        {"mandates": ("x",)},
    ],
)
def test_broken_proposals_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises((InputError, TypeError)) as caught:
        replace(PROPOSAL, **changes)  # type: ignore[arg-type]
    assert caught.type is not TypeError


def test_a_withdrawal_needs_one_officer_of_the_roster() -> None:
    made = Withdrawal("r", digest(SUBJECT), "NAB", 1, ENDS, "figures were wrong")
    envelope = made.signed(WORLD.keys["NAB/officer"])
    assert Withdrawal.from_envelope(envelope, WORLD.resolve) == made
    assert made.id == digest(envelope.payload)
    with pytest.raises(TamperedError):
        Withdrawal.from_envelope(made.signed(WORLD.keys["NAB/agent"]), WORLD.resolve)
    foreign = replace(made, nation="XXX")
    assert withdrawn_by(digest(SUBJECT), [made, made, foreign], WORLD.nations) == ("NAB",)
    assert withdrawn_by(digest(b"other"), [made], WORLD.nations) == ()
