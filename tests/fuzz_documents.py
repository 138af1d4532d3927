"""Genuine documents of every kind, to be damaged by ``./start campaign fuzz``."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from delian.approve import voices
from delian.approve.mandate import Mandate, StandInYes
from delian.approve.withdrawal import Withdrawal
from delian.contribute.absence import Absence
from delian.contribute.arrival import verdict_on
from delian.contribute.closing import Absent, ClosingList, Entry, Why
from delian.contribute.receipt import Receipt
from delian.contribute.sheet import make_sheet
from delian.contribute.split import Sent, contribute
from delian.crypto import ledger
from delian.crypto.tdf_origin import Origin
from delian.label import (
    DELIAN_LEAGUE,
    NATO_LIKE,
    Label,
    Marking,
    Originator,
    Succession,
    bundled_policy,
    to_xml,
)
from delian.label.equivalence import Equivalence
from delian.label.stanag5636 import to_json
from delian.protect.record import Code, OpeningRecord
from delian.release.currency import Seen, Versions
from delian.release.statement import build_statement
from delian.terms.encode import canonical
from tests import contribute_world, release_world
from tests.silence_world import ENDS, OPENED, TERMS, World, seeded

ROUND = contribute_world.make_world()
POLICY = bundled_policy(NATO_LIKE)
CHECKPOINT = ledger.Checkpoint("delian/SEC", 3, bytes(32))


def spoken() -> dict[str, bytes]:
    """One genuine voice of every kind."""
    proposal = World(4).propose()
    said = voices.Said.about(proposal, "NAA", OPENED)
    chair = voices.Said.about(proposal, "SEC", OPENED)
    made: list[voices.Voice] = [
        voices.Objection(said, "because"),
        voices.ProcedureRejection(said, "because"),
        voices.TimeRequest(said, "because"),
        voices.EarlyAssent(said, ""),
        voices.Reservation(said, "because"),
        voices.Amendment(said, "so", TERMS),
        voices.Extension(chair, "more", 1, ENDS + timedelta(hours=1)),
    ]
    return {voice.kind: voice.to_wire() for voice in made}


def contributed() -> Sent:
    """A contribution of one nation, as it leaves its machine."""
    agreed = contribute_world.agree(ROUND)
    sheet = make_sheet(ROUND.terms, "AAA", list(range(len(ROUND.terms.frame.cells))))
    lot = contribute_world.seeded("fuzz")
    return contribute(sheet, agreed, ROUND.keys["AAA/contribute"], 1, lot)


def of_the_round() -> Iterator[bytes]:
    """Manifest, verdict, receipt, absence, closing list."""
    sent = contributed()
    verdict = verdict_on(sent.manifest, "alpha")
    signed = verdict.signed(ROUND.keys["alpha/host-sign"])
    yield sent.manifest.to_wire()
    yield sent.manifest.signed(ROUND.keys["AAA/contribute"]).to_wire()
    yield verdict.to_wire()
    yield Receipt("R1", TERMS, "AAA", 1, sent.manifest.digest, (signed,) * 3).to_wire()
    yield Absence("R1", ROUND.terms.digest, "DDD", 1).to_wire()
    entries = (Entry("AAA", 1, sent.manifest.digest),)
    absent = (Absent("BBB", next(w for w in Why if w is not Why.STATED)),)
    yield ClosingList("R1", ROUND.terms.digest, entries, absent, (TERMS,)).to_wire()


def of_the_release() -> Iterator[bytes]:
    """Table, statement, labels."""
    world = release_world.world()
    yield canonical(world.table.to_plain())
    yield build_statement(
        {"table.csv": b"a"},
        world.terms,
        world.table,
        release_id="2026-A-e1",
        edition=1,
        previous=None,
        marking=release_world.MARKING,
        silence_ends_utc=ENDS,
        checkpoint=CHECKPOINT.to_text(),
    ).to_wire()


def of_memory() -> Iterator[bytes]:
    """What machines keep for themselves: an opening record, versions seen; and an agreement."""
    terms = ROUND.terms
    cells = tuple(sorted(c for c in terms.frame.cells if c.item == "RADAR"))
    codes = {"RADAR": Code("kEUR", "EUR-2026", 32, ("",), "disjoint", ())}
    record = OpeningRecord(
        "R1", terms.digest, TERMS, terms.rule, ("AAA",), codes, cells, (cells[:2],), (cells[2:4],)
    )
    yield canonical(record.to_plain())
    versions = Versions(1, 2, 3, 4)
    yield Seen({("League", "industry"): versions}).to_wire()
    home = bundled_policy(DELIAN_LEAGUE)
    words = {"NATO RESTRICTED": "DELIAN RESTRICTED"}
    yield Equivalence(
        POLICY.oid,
        home.oid,
        "Letter 1",
        OPENED,
        ENDS,
        words,
        {"NATO": "DELIAN-1"},
        {"FRA": "FRA"},
        {},
    ).to_wire()


def label() -> Label:
    """A label with one reader beside the owner's members."""
    members = POLICY.context("NATO").members
    writer = Originator("rfc822Name", "staff@example.org")
    later = Label(Marking(POLICY.oid, 1, members), "NATO", None, OPENED)
    succession = Succession(ENDS, later)
    return Label(
        Marking(POLICY.oid, 2, members | {"JPN"}), "NATO", writer, OPENED, ENDS, succession
    )


def documents() -> list[bytes]:
    """All of them, and every object inside of them."""
    mandate = Mandate("r", TERMS, "NAA", "NAB", seeded("m").public, ENDS)
    world = World(4)
    found = [
        world.propose(mandates=(mandate.id,), checkpoint=CHECKPOINT.to_text()).to_wire(),
        world.consent().to_wire(),
        mandate.to_wire(),
        StandInYes("r", TERMS, mandate.id, "NAA").to_wire(),
        Withdrawal("r", TERMS, "NAA", 1, OPENED, "why").to_wire(),
        ledger.Entry(0, "terms", TERMS, "SEC", "r", TERMS).to_wire(),
        CHECKPOINT.to_wire(),
        canonical(ROUND.terms.to_plain()),
        canonical(ROUND.roster.to_plain()),
        POLICY.to_wire(),
        label().to_wire(),
        Origin(TERMS, TERMS, None, bytes(96)).to_wire(),
        *spoken().values(),
        *of_the_round(),
        *of_the_release(),
        *of_memory(),
    ]
    return list(dict.fromkeys([*found, *(part for wire in found for part in _inside(wire))]))


def labels() -> tuple[bytes, bytes]:
    """The label as XML and as JSON of the two standards."""
    return to_xml(label(), POLICY), to_json(
        replace(label(), succession=None, originator=None, review_utc=None), POLICY
    )


def texts() -> list[bytes]:
    """Keys and other one-line texts."""
    host = next(iter(ROUND.seals.values()))
    return [
        seeded("k").public.to_wire().encode(),
        host.public.to_wire().encode(),
        CHECKPOINT.to_text().encode(),
        b"5 working days",
        b"72 hours",
    ]


def _inside(wire: bytes) -> list[bytes]:
    """The first object at every place of a document, as a document of its own."""
    found: dict[tuple[str, ...], bytes] = {}
    waiting: list[tuple[tuple[str, ...], Any]] = [((), json.loads(wire))]
    while waiting:
        place, here = waiting.pop()
        if isinstance(here, dict):
            found.setdefault(place, canonical(here))
            waiting += [((*place, key), value) for key, value in here.items()]
        elif isinstance(here, list):
            waiting += [((*place, "[]"), value) for value in here[:2]]
    return list(found.values())
