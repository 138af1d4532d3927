"""How a partnership begins: each party makes its own keys and a card; the cards make the roster.

A private key is made on the machine that uses it and never leaves it. May touch: keys, files,
certificates. ``docs/howto/first-hour.md`` walks through it.
"""

import shutil
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path

from delian.adapters.certificates import make_certificate
from delian.adapters.files import read_bytes, write_bytes
from delian.approve.membership import check_first, sign_roster
from delian.crypto.dsse import Envelope
from delian.crypto.seal import SealPrivate
from delian.crypto.sign import PrivateKey, PublicKey
from delian.nodes.settings import save
from delian.terms.encode import Digest, canonical, parse
from delian.terms.errors import RefusedError
from delian.terms.party import PURPOSES, SIGNING, Kind, Party, Roster

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
    joined: date,
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
        elif purpose == "host-tls":
            public[purpose] = _certificate(folder, code).to_wire()
        else:
            key = PrivateKey.generate(algorithm)
            write_bytes(folder / f"{purpose}.key", key.to_secret_bytes(), secret=True)
            public[purpose] = key.public.to_wire()
    if role == "secretariat":
        _certificate(folder, code)
    party = Party(code, kind, name, organisation, public, joined)
    write_bytes(home / "card.json", canonical(party.to_plain()))
    return party


def read_card(data: bytes) -> Party:
    """The party on a card."""
    return Party.from_plain(parse(data, max_bytes=65536))


def first_roster(partnership: str, cards: Iterable[Party]) -> Roster:
    """The first roster over all cards."""
    return Roster(partnership, 1, tuple(sorted(cards, key=lambda p: p.code)))


def sign_in(home: Path, roster: Roster, code: str) -> Envelope:
    """This party's signature under *roster*, with the key in its home.

    Raises:
        RefusedError: the roster does not hold this party's own card.
    """
    card = read_card(read_bytes(home / "card.json"))
    if card.code != code or roster.party(code) != card:
        raise RefusedError("the roster does not hold this party's own card", hint="refuse to sign")
    purpose = SIGNING[card.kind]
    key = PrivateKey.from_secret_bytes(read_bytes(home / "keys" / f"{purpose}.key"))
    return sign_roster(roster, f"{code}/{purpose}", key)


def settle(home: Path, envelope: Envelope, pinned: Digest, values: Mapping[str, str | int]) -> None:
    """Put the checked first roster and the settings into a home; the node can start then.

    Raises:
        DelianError: the roster is not the pinned one or not fully signed.
    """
    check_first(envelope, pinned)
    write_bytes(home / "rosters" / "1.json", envelope.to_wire())
    write_bytes(home / "node.toml", save(home, {**values, "roster_digest": pinned}).encode())


def pin_office(home: Path, certificate: Path) -> None:
    """Accept exactly this certificate of the secretariat."""
    home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(certificate, home / "office.pem")


def _certificate(folder: Path, code: str) -> PublicKey:
    """A TLS key and certificate in *folder*; the public key goes onto the card."""
    certificate, secret, public = make_certificate(f"{code.lower()}.delian.internal")
    write_bytes(folder / "tls.pem", certificate)
    write_bytes(folder / "tls.key", secret, secret=True)
    return public
