"""An invented alliance for the tests and the bench of the release room: keys, terms, a table.

Nothing here comes from the code under test: keys are seeded, the table is drawn by lot.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from random import Random

from delian.crypto.dsse import Envelope, document_type, sign
from delian.crypto.ledger import Checkpoint
from delian.crypto.sign import PrivateKey
from delian.release.agent_check import OPENED_TYPE
from delian.release.bundle import release_files, release_folder
from delian.release.package import Edition, render
from delian.release.repository import (
    OfficeKeys,
    Repository,
    RootPlan,
    RosterPin,
    Validity,
    make_root,
    open_repository,
    publish,
    sign_root,
)
from delian.release.statement import PAYLOAD_TYPE, Statement, build_statement
from delian.terms.encode import canonical
from delian.terms.frame import Frame, Item
from delian.terms.party import Kind, Party, Roster
from delian.terms.round_terms import Calendar, RoundTerms, Rule
from delian.terms.table import Block, State, Table

CODES = (
    *("ALB", "BEL", "BGR", "CAN", "HRV", "CZE", "DNK", "EST", "FIN", "FRA", "DEU", "GRC", "HUN"),
    *("ISL", "ITA", "LVA", "LTU", "LUX", "MNE", "NLD", "MKD", "NOR", "POL", "PRT", "ROU", "SVK"),
    *("SVN", "ESP", "SWE", "TUR", "GBR", "USA"),
)
ALLY_KEYS = ("agent", "contribute", "officer")
HOSTS = ("alpha", "bravo", "charlie")
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MARKING = "DELIAN UNCLASSIFIED Releasable to INDUSTRY"


def key(name: str) -> PrivateKey:
    """The private key that *name* determines."""
    return PrivateKey.from_seed("ed25519", sha256(name.encode()).digest())


@dataclass(frozen=True)
class World:
    """Who there is."""

    nations: tuple[str, ...]
    roster: Roster
    terms: RoundTerms
    table: Table

    def agents(self, codes: Sequence[str] | None = None) -> dict[str, PrivateKey]:
        return {f"{c}/agent": key(f"{c}/agent") for c in codes or self.nations}

    def officer(self, code: str) -> PrivateKey:
        return key(f"{code}/officer")

    def officers(self) -> dict[str, PrivateKey]:
        return {c: self.officer(c) for c in self.nations}

    @property
    def hosts(self) -> dict[str, PrivateKey]:
        return {f"{h}/host-sign": key(f"{h}/host-sign") for h in HOSTS}

    @property
    def chair(self) -> PrivateKey:
        return key("SEC/sign")


def roster_of(nations: Sequence[str]) -> Roster:
    def public(code: str, purposes: Sequence[str]) -> dict[str, str]:
        return {p: key(f"{code}/{p}").public.to_wire() for p in purposes}

    since = date(2020, 1, 1)
    parties = [
        Party(
            c,
            Kind.ALLY,
            c.title(),
            f"Nation {c}",
            public(c, ("agent", "contribute", "officer")),
            since,
        )
        for c in nations
    ]
    parties += [
        Party(h, Kind.HOST, h, f"Org {h}", public(h, ("host-sign", "host-seal", "host-tls")), since)
        for h in HOSTS
    ]
    parties.append(
        Party("SEC", Kind.INSTITUTION, "Secretariat", "Sec", public("SEC", ("sign",)), since)
    )
    return Roster("Test alliance", 1, tuple(sorted(parties, key=lambda p: p.code)))


def frame_of(items: int, years: int, tiers: int) -> Frame:
    names = ("Artillery shell", "Air defence missile", "Counter-drone jammer", "Field radio")
    fr = ("Obus d'artillerie", "Missile anti-aerien", "Brouilleur", "Radio de campagne")
    made = tuple(
        Item(
            f"IT{n:02d}",
            {"en": f"{names[n // 3 % 4]} {n % 3 + 1}", "fr": f"{fr[n // 3 % 4]} {n % 3 + 1}"},
            "pieces" if n // 6 % 2 == 0 else "kEUR",
            32,
            price_basis="" if n // 6 % 2 == 0 else "EUR-2026",
        )
        for n in range(items)
    )
    span = tuple(range(2027, 2027 + years))
    windows = tuple(span[n : n + 3] for n in range(0, years, 3)) if years > 3 else ()
    families = {
        f"Family {n // 3 + 1}": tuple(f"IT{m:02d}" for m in range(n, min(n + 3, items)))
        for n in range(0, items, 3)
    }
    names_of = list(families)
    groups = {f"Group {n // 2 + 1}": tuple(names_of[n : n + 2]) for n in range(0, len(names_of), 2)}
    return Frame(made, span, tuple(f"T{n + 1}" for n in range(tiers)), windows, families, groups)


def terms_of(nations: Sequence[str], roster: Roster, frame: Frame, **changes: object) -> RoundTerms:
    fields: dict[str, object] = {
        "round_id": "2026-A",
        "title": "Munitions and sensors 2027-2036",
        "roster_version": roster.version,
        "roster_digest": roster.digest,
        "chair": "SEC",
        "nations": tuple(nations),
        "hosts": HOSTS,
        "frame": frame,
        "rule": Rule(3, 15, count_bands=(3, 5, 9)),
        "calendar": Calendar(NOW - timedelta(days=10), 24, 24, NOW + timedelta(days=900)),
        "audience": "industry",
        "label": {"format": "delian-label", "level": 1, "audience": ["INDUSTRY"]},
        "demonstration": True,
    }
    fields.update(changes)
    return RoundTerms(**fields)  # type: ignore[arg-type]


def draw_table(terms: RoundTerms, nations: Sequence[str], seed: int, edition: int = 1) -> Table:
    """Blocks drawn by lot: an antichain of the terms' tree, the rest withheld."""
    lot = Random(seed)
    frame = terms.frame
    levels = terms.forest.levels
    blocks: list[Block] = []
    held: set[int] = set()

    def visit(level: int, place: int) -> None:
        node = levels[level][place]
        if level == 0:
            if lot.random() < 0.75:
                show(node.leaves)
            else:
                held.update(node.leaves)
        elif lot.random() < (0.0, 0.22, 0.06, 0.2, 0.1)[min(level, 4)]:
            show(node.leaves)
        else:
            for child in node.children:
                visit(level - 1, child)

    def show(leaves: Sequence[int]) -> None:
        cells = tuple(sorted(frame.cells[i] for i in leaves))
        low, high = lot.choice(((3, 4), (5, 8), (9, None)))
        state = State.NEW if edition == 1 else lot.choice(tuple(State))
        total = sum(lot.randrange(2_000, 40_000) for _ in leaves)
        blocks.append(Block(cells, total, low, high, state, terms.round_id))

    for place in range(len(levels[-1])):
        visit(len(levels) - 1, place)
    run = sha256(str(seed).encode()).hexdigest()
    absent = tuple(sorted(nations)[-1:])
    return Table(
        terms.round_id,
        terms.digest,
        "sha256:" + sha256(b"list").hexdigest(),
        run[:32],
        "sha256:" + sha256(b"netlist").hexdigest(),
        tuple(sorted(set(nations) - set(absent))),
        absent,
        tuple(sorted(blocks, key=lambda b: b.cells[0])),
        tuple(sorted(frame.cells[i] for i in held)),
    )


@lru_cache(maxsize=8)
def world(
    nations: int = 32, items: int = 24, years: int = 10, tiers: int = 3, seed: int = 1
) -> World:
    codes = tuple(sorted(CODES[:nations]))
    roster = roster_of(codes)
    terms = terms_of(codes, roster, frame_of(items, years, tiers))
    return World(codes, roster, terms, draw_table(terms, codes, seed))


@dataclass(frozen=True)
class Released:
    """One finished release and everything it was made of."""

    world: World
    statement: Statement
    package: Mapping[str, bytes]
    envelope: Envelope
    hosts: Envelope
    papers: Mapping[str, bytes]
    root: bytes
    repository: Repository
    folder: Mapping[str, bytes]


OFFICE = OfficeKeys(key("SEC/repository-targets"), key("SEC/repository-online"))
VALID = Validity.until(NOW + timedelta(days=400))


def root_plan(w: World, version: int = 1, **changes: object) -> RootPlan:
    fields: dict[str, object] = {
        "partnership": w.roster.partnership,
        "version": version,
        "expires_utc": NOW + timedelta(days=1000),
        "nations": {c: w.officer(c).public for c in w.nations},
        "targets": OFFICE.targets.public,
        "online": OFFICE.online.public,
        "rosters": {w.roster.version: RosterPin(w.roster.digest)},
    }
    fields.update(changes)
    return RootPlan(**fields)  # type: ignore[arg-type]


def signed_root(w: World, **changes: object) -> bytes:
    return sign_root(make_root(root_plan(w, **changes)), w.officers().values())


def make_statement(w: World, package: Mapping[str, bytes], **changes: object) -> Statement:
    fields: dict[str, object] = {
        "release_id": f"{w.terms.round_id}-e1",
        "edition": 1,
        "previous": None,
        "marking": MARKING,
        "silence_ends_utc": NOW - timedelta(hours=1),
        "checkpoint": Checkpoint("delian/SEC", 7, b"\x07" * 32).to_text(),
    }
    fields.update(changes)
    return build_statement(package, w.terms, w.table, **fields)  # type: ignore[arg-type]


def host_envelope(w: World) -> Envelope:
    return sign(OPENED_TYPE, w.table.bytes, w.hosts)


def finish(
    w: World,
    statement: Statement,
    package: Mapping[str, bytes],
    *,
    envelope: Envelope | None = None,
    hosts: Envelope | None = None,
    extra: Mapping[str, bytes] | None = None,
    root: bytes | None = None,
    audience: str | None = None,
    office: OfficeKeys = OFFICE,
    validity: Validity = VALID,
    roster: Roster | None = None,
    terms: Envelope | None = None,
) -> Released:
    """Publish a release, however odd its parts are: for tests that must be refused later."""
    envelope = envelope or sign(PAYLOAD_TYPE, statement.to_wire(), w.agents())
    hosts = hosts or host_envelope(w)
    terms = terms or sign(
        document_type("terms"), canonical(w.terms.to_plain()), {"SEC/sign": w.chair}
    )
    papers = release_files(
        package, statement=envelope, hosts=hosts, terms=terms, roster=roster or w.roster
    )
    papers = {**papers, **(extra or {})}
    root = root or signed_root(w)
    repository = open_repository((root,), audience or w.terms.audience, office, validity)
    repository = publish(repository, statement.release_id, papers, office, validity)
    folder = release_folder(papers, repository)
    return Released(w, statement, package, envelope, hosts, papers, root, repository, folder)


def released_from(w: World) -> Released:
    package = render(w.table, w.terms, Edition(1, MARKING))
    return finish(w, make_statement(w, package), package)


@lru_cache(maxsize=4)
def released(nations: int = 32, items: int = 24, years: int = 10, tiers: int = 3) -> Released:
    return released_from(world(nations, items, years, tiers))
