"""A small partnership with keys, terms and sheets for the tests of ``contribute`` and its users."""

import io
import zipfile
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from hashlib import shake_128

from delian.approve.consent import STATEMENT_TYPE, count_consents
from delian.approve.decision import decide
from delian.approve.durations import Duration
from delian.approve.proposal import Proposal
from delian.contribute.agreed import agreed_terms
from delian.crypto.dsse import sign
from delian.crypto.seal import SealPrivate
from delian.crypto.sign import PrivateKey, PublicKey
from delian.terms.encode import canonical
from delian.terms.frame import CellKey, Frame, Item
from delian.terms.party import Kind, Party, Roster
from delian.terms.round_terms import Calendar, RoundTerms, Rule

NATIONS = ("AAA", "BBB", "CCC", "DDD")
HOSTS = ("alpha", "bravo", "charlie")
UNTIL = datetime(2026, 12, 1, tzinfo=UTC)
BEFORE = datetime(2026, 11, 30, tzinfo=UTC)
AFTER = datetime(2026, 12, 2, tzinfo=UTC)


def seeded(label):
    """A stream of bytes that is the same in every run."""
    state = {"n": 0}

    def randbytes(n):
        state["n"] += 1
        return shake_128(f"{label}/{state['n']}".encode()).digest(n)

    return randbytes


@dataclass(frozen=True)
class World:
    terms: RoundTerms
    roster: Roster
    keys: dict
    seals: dict


def frame(years=(2027, 2028, 2029), width_bits=32, empty=()):
    names = {"en": "Shell, 155 mm", "fr": "Obus de 155 mm"}
    items = (
        Item("AMMO-155", names, "pieces", width_bits),
        Item("RADAR", {"en": "Radar", "fr": "Radar"}, "kEUR", width_bits, price_basis="EUR-2026"),
        Item("4711", {"en": "Truck", "fr": "Camion"}, "pieces", width_bits),
    )
    return Frame(items, years, ("T1", "T2"), empty=frozenset(empty))


@cache
def keyring(algorithm="ed25519"):
    keys, seals = {}, {}
    for number, code in enumerate((*NATIONS, "ZZZ")):
        for place, purpose in enumerate(("contribute", "agent", "officer")):
            seed = bytes([number + 1, place + 1] * 16)
            kind = algorithm if purpose == "contribute" else "ed25519"
            keys[f"{code}/{purpose}"] = PrivateKey.from_seed(kind, seed)
    keys["SEC/sign"] = PrivateKey.from_seed("ed25519", b"s" * 32)
    for number, code in enumerate(HOSTS):
        keys[f"{code}/host-sign"] = PrivateKey.from_seed("ed25519", bytes([200 + number]) * 32)
        seals[code] = SealPrivate.generate()
    return keys, seals


def make_roster(keys, seals, shared_organisation=False):
    def publics(code, purposes):
        return {p: keys[f"{code}/{p}"].public.to_wire() for p in purposes}

    day = date(2020, 1, 1)
    parties = [
        Party(c, Kind.ALLY, c, "gov " + c, publics(c, ("contribute", "agent", "officer")), day)
        for c in (*NATIONS, "ZZZ")
    ]
    parties.append(
        Party("SEC", Kind.INSTITUTION, "Secretariat", "SEC", publics("SEC", ("sign",)), day)
    )
    for code in HOSTS:
        held = publics(code, ("host-sign",)) | {"host-seal": seals[code].public.to_wire()}
        run_by = "one" if shared_organisation else "org " + code
        parties.append(Party(code, Kind.HOST, code, run_by, held, day))
    return Roster("League", 1, tuple(parties))


def make_world(frame_=None, round_id="R1", algorithm="ed25519", shared_organisation=False, **more):
    keys, seals = keyring(algorithm)
    roster = make_roster(keys, seals, shared_organisation)
    calendar = Calendar(UNTIL, 24, 24, datetime(2027, 12, 1, tzinfo=UTC))
    terms = RoundTerms(
        round_id,
        "Needs",
        roster.version,
        roster.digest,
        "SEC",
        NATIONS,
        HOSTS,
        frame_ or frame(),
        more.pop("rule", Rule()),
        calendar,
        "industry",
        **more,
    )
    return World(terms, roster, keys, seals)


def fill(xlsx, figures, column="H"):
    """The template with *figures* typed in from row 3 on; None leaves a cell empty."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(xlsx)) as old, zipfile.ZipFile(out, "w") as new:
        for entry in old.infolist():
            data = old.read(entry)
            if entry.filename == "xl/worksheets/sheet1.xml":
                text = data.decode()
                for row, figure in enumerate(figures, 3):
                    start = text.index(f'<c r="{column}{row}"')
                    stop = text.index("/>", start)
                    if figure is not None:
                        value = f"><v>{figure}</v></c>"
                        text = text[:start] + text[start:stop] + value + text[stop + 2 :]
                data = text.encode()
            new.writestr(entry, data)
    return out.getvalue()


def cell(text):
    return CellKey.parse(text)


def agree(world, nations=NATIONS):
    """The agreed terms of *world*: a proposal, silence, and every agent's signature."""
    proposal, consents = proposed(world, nations)
    later = proposal.silence_ends_utc + timedelta(seconds=1)
    return agreed_terms(world.terms, world.roster, decide(proposal, (), consents, later))


def proposed(world, nations=NATIONS):
    payload = canonical(world.terms.to_plain())
    proposal = Proposal.open(
        "terms",
        payload,
        round_id=world.terms.round_id,
        nations=nations,
        chair="SEC",
        opened_utc=datetime(2026, 11, 1, tzinfo=UTC),
        silence=Duration(24, "hours"),
        reject_window=Duration(1, "hours"),
        holidays=(),
        extension_limit=0,
        roster_version=1,
        terms=None,
    )
    signers = {f"{n}/agent": world.keys[f"{n}/agent"] for n in nations}
    envelope = sign(STATEMENT_TYPE, payload, signers)

    def resolve(keyid):
        wire = world.roster.key(keyid)
        return None if wire is None else PublicKey.from_wire(wire)

    return proposal, count_consents(envelope, nations, resolve)
