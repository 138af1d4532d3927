"""How a partnership begins: each party makes its own keys and a card; the cards make the roster.

A private key is made on the machine that uses it and never leaves it. May touch: keys, files,
certificates. ``docs/howto/first-hour.md`` walks through it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

from delian.adapters.certificates import make_certificate
from delian.adapters.files import read_bytes, write_bytes
from delian.approve.membership import Membership, check_first, sign_roster
from delian.crypto.dsse import Envelope, signers
from delian.crypto.seal import SealPrivate
from delian.crypto.sign import PrivateKey, PublicKey
from delian.nodes.pins import certificate_text
from delian.nodes.settings import save
from delian.release.repository import RootPlan, RosterPin, make_root, sign_root
from delian.terms.encode import Digest, canonical, parse
from delian.terms.errors import RefusedError
from delian.terms.party import PURPOSES, SIGNING, Kind, Party, Roster

CERTIFICATE_DAYS = 3650
MAX_ROSTER_BYTES = 64 * 1024 * 1024
NEXT_CARD = "card-next.json"
SIGNS = ("contribute", "agent", "officer", "sign", "host-sign")
REPOSITORY_KEYS = ("targets", "online")
ROLE_KINDS = {"nation": Kind.ALLY, "host": Kind.HOST, "secretariat": Kind.INSTITUTION}


class HomeTakenError(RefusedError):
    """The folder already is the home of a node."""

    code = "home-taken"


def make_party(
    home: Path,
    role: str,
    code: str,
    name: str,
    organisation: str,
    now_utc: datetime,
    *,
    algorithm: str = "ed25519",
) -> Party:
    """Make the keys of one party in *home* and its card, ``card.json``.

    Raises:
        HomeTakenError: keys are there already; they are never overwritten.
    """
    folder = home / "keys"
    if folder.exists() and any(folder.iterdir()):
        raise HomeTakenError(f"{home} holds keys already", hint="choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    kind = ROLE_KINDS[role]
    public: dict[str, str] = {}
    for purpose in PURPOSES[kind]:
        if purpose == "host-seal":
            seal = SealPrivate.generate()
            write_bytes(folder / "host-seal.key", seal.to_secret_bytes(), secret=True)
            public[purpose] = seal.public.to_wire()
        elif purpose in ("host-tls", "office-tls"):
            public[purpose] = make_certificate_in(folder, code, now_utc)
        else:
            key = PrivateKey.generate(algorithm)
            write_bytes(folder / f"{purpose}.key", key.to_secret_bytes(), secret=True)
            public[purpose] = key.public.to_wire()
    if role == "secretariat":
        for role_key in REPOSITORY_KEYS:
            key = PrivateKey.generate("ed25519")
            path = folder / f"repository-{role_key}.key"
            write_bytes(path, key.to_secret_bytes(), secret=True)
    party = Party(code, kind, name, organisation, public, now_utc.date())
    write_bytes(home / "card.json", canonical(party.to_plain()))
    return party


def read_card(data: bytes) -> Party:
    """The party on a card."""
    return Party.from_plain(parse(data, max_bytes=65536))


def first_roster(partnership: str, cards: Iterable[Party]) -> Roster:
    """The first roster over all cards."""
    return Roster(partnership, 1, tuple(sorted(cards, key=lambda p: p.code)))


def read_roster(data: bytes) -> Roster:
    """The roster in a file, bare or signed; signatures are not looked at."""
    plain = parse(data, max_bytes=MAX_ROSTER_BYTES)
    if isinstance(plain, dict) and "payload" in plain:
        plain = parse(Envelope.from_wire(data).payload, max_bytes=MAX_ROSTER_BYTES)
    return Roster.from_plain(plain)


def sign_in(home: Path, roster: Roster, code: str) -> Envelope:
    """This party's signature under *roster*, with the keys in its home.

    Where the roster holds the next card (:func:`delian.nodes.keyring.rotate`), the new key signs,
    and each old key vouches for the one that takes its place.

    Raises:
        RefusedError: the roster does not hold this party's own card.
    """
    card, following = read_card(read_bytes(home / "card.json")), home / NEXT_CARD
    fresh = read_card(read_bytes(following)) if following.exists() else None
    listed = roster.party(code)
    keys: dict[str, PrivateKey] = {}
    if _is_same(listed, card):
        keys[SIGNING[card.kind]] = _key(home / "keys", SIGNING[card.kind])
    elif fresh is not None and _is_same(listed, fresh):
        signing = SIGNING[fresh.kind]
        changed = [p for p in fresh.keys if fresh.keys[p] != card.keys.get(p) and p in SIGNS]
        keys[signing] = _key(home / "keys" / ("next" if signing in changed else ""), signing)
        for purpose in changed:
            if (home / "keys" / f"{purpose}.key").exists():  # a lost key makes it a recovery
                keys[f"{purpose}@{roster.version - 1}"] = _key(home / "keys", purpose)
    else:
        raise RefusedError("the roster does not hold this party's own card", hint="refuse to sign")
    signed = [sign_roster(roster, f"{code}/{name}", key) for name, key in keys.items()]
    envelope = signed[0]
    for one in signed[1:]:
        envelope = envelope.added(one)
    return envelope


def _is_same(listed: Party, card: Party) -> bool:
    """Is *listed* the party of the card? Days of membership are the roster's to say."""
    return listed == replace(card, joined=listed.joined, left=listed.left)


def _key(folder: Path, purpose: str) -> PrivateKey:
    return PrivateKey.from_secret_bytes(read_bytes(folder / f"{purpose}.key", max_bytes=65536))


def join_signatures(envelopes: Iterable[Envelope]) -> tuple[Envelope, tuple[str, ...]]:
    """One roster with the signatures of all, and the key ids that have not signed yet.

    Raises:
        DelianError: the envelopes do not hold the same roster.
    """
    first, *others = envelopes
    joined = first
    for other in others:
        joined = joined.added(other)
    roster = Roster.from_plain(parse(joined.payload, max_bytes=MAX_ROSTER_BYTES))
    have = set(signers(joined, Membership(roster).resolve))
    return joined, tuple(s for s in roster.signers if s not in have)


def successor_roster(before: Roster, cards: Iterable[Party], leaving: Mapping[str, date]) -> Roster:
    """The roster after *before*: *cards* replace or join, *leaving* names who leaves and when.

    Raises:
        InputError: a party that leaves is not in the roster.
    """
    parties = {p.code: p for p in before.parties}
    for card in cards:
        known = parties.get(card.code)
        parties[card.code] = card if known is None else replace(card, joined=known.joined)
    for code, day in leaving.items():
        parties[code] = replace(before.party(code), left=day)
    ordered = tuple(parties[code] for code in sorted(parties))
    return Roster(before.partnership, before.version + 1, ordered, before.digest)


def plan_root(
    home: Path, roster: Roster, expires_utc: datetime, earlier: Sequence[Membership] = ()
) -> bytes:
    """The unsigned next root of the repositories, made in the secretariat's *home*.

    Two thirds of the nations' officers sign it (:func:`sign_root_in`), for a later root two
    thirds of those that the root before names, too.

    Args:
        home: The secretariat's; its version follows the roots that lie there.
        roster: The newest; its nations' officers sign from now on.
        expires_utc: When it must have been replaced.
        earlier: Every checked roster, oldest first; releases under each of them stay valid.
    """
    keys = {name: _key(home / "keys", f"repository-{name}").public for name in REPOSITORY_KEYS}
    allies = [p for p in roster.of_kind(Kind.ALLY) if p.left is None]
    pins = {m.roster.version: RosterPin(m.roster.digest, m.recovered) for m in earlier}
    plan = RootPlan(
        roster.partnership,
        len(known_roots(home)) + 1,
        expires_utc,
        {p.code: PublicKey.from_wire(p.keys["officer"]) for p in allies},
        keys["targets"],
        keys["online"],
        {roster.version: RosterPin(roster.digest), **pins},
    )
    return make_root(plan)


def known_roots(home: Path) -> tuple[bytes, ...]:
    """Every root of the repositories in the secretariat's *home*, oldest first."""
    found: list[bytes] = []
    path = home / "root.json"
    while path.exists():
        found.append(read_bytes(path))
        path = home / "roots" / f"{len(found) + 1}.json"
    return tuple(found)


def sign_root_in(home: Path, root: bytes) -> bytes:
    """The root with the signature of the officer whose key is in *home*.

    A key that was replaced signs beside the new one: the root before may name it.
    """
    folders = [home / "keys", *sorted((home / "keys" / "old").glob("*"))]
    keys = [_key(folder, "officer") for folder in folders if (folder / "officer.key").exists()]
    return sign_root(root, keys or [_key(home / "keys", "officer")])


def settle(home: Path, envelope: Envelope, pinned: Digest, values: Mapping[str, str | int]) -> None:
    """Put the checked first roster and the settings into a home; the node can start then.

    Raises:
        DelianError: the roster is not the pinned one or not fully signed.
    """
    check_first(envelope, pinned)
    write_bytes(home / "rosters" / "1.json", envelope.to_wire())
    write_bytes(home / "node.toml", save(home, {**values, "roster_digest": pinned}).encode())


def make_certificate_in(folder: Path, code: str, now_utc: datetime) -> str:
    """A TLS key and certificate in *folder*; the certificate goes onto the card."""
    name = f"{code.lower()}.delian.internal"
    certificate, secret = make_certificate(name, now_utc, valid_days=CERTIFICATE_DAYS)
    write_bytes(folder / "tls.pem", certificate)
    write_bytes(folder / "tls.key", secret, secret=True)
    return certificate_text(certificate)
