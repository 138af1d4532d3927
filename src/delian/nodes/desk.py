"""What every node has: its keys, its roster, its store and its ledger, and how papers are filed.

A paper is one file: a DSSE envelope or a contribution. Papers that several sign are kept once,
with all signatures that came so far.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from delian.adapters.files import Blobs, read_bytes, write_bytes
from delian.adapters.store import Store
from delian.approve.mandate import Mandate
from delian.approve.membership import Membership, check_first, check_successor
from delian.crypto.dsse import Envelope, document_type, sign, signers
from delian.crypto.ledger import Ledger
from delian.crypto.seal import SealPrivate
from delian.crypto.sign import PrivateKey, PublicKey
from delian.nodes.settings import Settings, load
from delian.terms.encode import Digest, digest
from delian.terms.errors import InputError, UnavailableError
from delian.terms.party import PURPOSES, Kind

STATEMENT_TYPE = "application/vnd.in-toto+json"
_PREFIX, _SUFFIX = "application/vnd.delian.", ".v1+json"


class UnknownPaperError(InputError):
    """The file is not one that this node takes."""

    code = "unknown-paper"


class KeyMissingError(UnavailableError):
    """A key file is not in the node's home."""

    code = "key-missing"


def kind_of(envelope: Envelope) -> str:
    """What kind of paper an envelope holds.

    Raises:
        UnknownPaperError: none of ours.
    """
    if envelope.payload_type == STATEMENT_TYPE:
        return "statement"
    if envelope.payload_type.startswith(_PREFIX) and envelope.payload_type.endswith(_SUFFIX):
        return envelope.payload_type[len(_PREFIX) : -len(_SUFFIX)]
    raise UnknownPaperError("the envelope holds no paper of Delian")


@dataclass(slots=True)
class Desk:
    """The common part of a node.

    Args:
        home: Its folder.
        settings: From ``node.toml``.
        store: Its database.
        blobs: Its larger files.
        membership: The newest roster that was checked from the pinned one on.
        keys: Purpose to private key.
        seal: The key that opens sealed shares; hosts only.
        earlier: The rosters before, oldest first: a round is read with the one in its terms.
    """

    home: Path
    settings: Settings
    store: Store
    blobs: Blobs
    membership: Membership
    keys: Mapping[str, PrivateKey] = field(repr=False)
    seal: SealPrivate | None = field(default=None, repr=False)
    earlier: tuple[Membership, ...] = ()
    _ledger: tuple[Ledger | None, int] = field(default=(None, 0), repr=False)
    _papers: dict[Digest, Envelope] = field(default_factory=dict, repr=False)
    _papers_at: int = 0

    @classmethod
    def open(cls, home: Path, environ: Mapping[str, str] | None = None) -> "Desk":
        """The desk in *home*.

        Raises:
            DelianError: settings, roster or keys are missing or do not hold.
        """
        settings = load(home, environ=os.environ if environ is None else environ)
        store = Store(home / "state.db")
        memberships = known_memberships(home, settings.roster_digest)
        membership = memberships[-1]
        party = membership.roster.party(settings.code)
        keys: dict[str, PrivateKey] = {}
        for purpose in PURPOSES[party.kind]:
            path = home / "keys" / f"{purpose}.key"
            if purpose not in ("host-seal", "host-tls") and path.exists():
                keys[purpose] = PrivateKey.from_secret_bytes(read_bytes(path, max_bytes=65536))
        seal = None
        if party.kind is Kind.HOST:
            seal = SealPrivate.from_secret_bytes(
                read_bytes(home / "keys" / "host-seal.key", max_bytes=65536)
            )
        return cls(
            home, settings, store, Blobs(home / "blobs"), membership, keys, seal, memberships[:-1]
        )

    @property
    def code(self) -> str:
        """This party's code."""
        return self.settings.code

    def key(self, purpose: str) -> PrivateKey:
        """The private key for *purpose*.

        Raises:
            KeyMissingError: not in this home.
        """
        if purpose not in self.keys:
            raise KeyMissingError(
                f"this home holds no {purpose} key", hint="see 'delian keys restore'"
            )
        return self.keys[purpose]

    def key_under(self, purpose: str, version: int) -> PrivateKey:
        """Our key for *purpose* as roster *version* lists it; replaced keys lie in ``keys/old``."""
        for number in range(version, self.membership.roster.version):
            path = self.home / "keys" / "old" / str(number) / f"{purpose}.key"
            if path.exists():
                return PrivateKey.from_secret_bytes(read_bytes(path, max_bytes=65536))
        return self.key(purpose)

    def say_ready(self) -> None:
        """Leave a mark that this node is at work; whoever supervises it may wait for it."""
        write_bytes(self.home / "ready", b"at work\n")

    def file(self, kind: str, round_id: str, who: str, body: bytes) -> bool:
        """Keep a paper and enter it in the ledger; False if it was here already."""
        with self.store.step():
            name, new = self.store.add(kind, round_id, who, body)
            if new:
                self.ledger().append(kind, name, who=who, round_id=round_id)
        return new

    def ledger(self) -> Ledger:
        """This node's ledger, as it stands now.

        Kept between calls; opened anew after a step that was rolled back, because what it
        remembered of that step never happened.
        """
        known, rollbacks = self._ledger
        if known is None or rollbacks != self.store.rollbacks:
            known = Ledger.open(self.store, f"delian/{self.code}")
            self._ledger = (known, self.store.rollbacks)
        elif known.size != len(self.store):
            known.catch_up()
        return known

    def issue(self, kind: str, round_id: str, body: bytes) -> Digest:
        """File a paper of our own and queue it for sending, in one step."""
        with self.store.step():
            self.file(kind, round_id, self.code, body)
            name = digest(body)
            self.store.queue(name)
        return name

    def signed(self, kind: str, payload: bytes, purpose: str) -> Envelope:
        """*payload* as a paper of *kind*, signed with our key for *purpose*."""
        kind_type = STATEMENT_TYPE if kind == "statement" else document_type(kind)
        return sign(kind_type, payload, {f"{self.code}/{purpose}": self.key(purpose)})

    def gather(self, envelope: Envelope, extra: Mapping[str, PublicKey] | None = None) -> Envelope:
        """Add the signatures of *envelope* to those that came before over the same payload.

        Only signatures that hold under our roster are kept, so a forged one can neither
        take the place of a true one nor swell the file.

        Args:
            envelope: From anywhere.
            extra: Keys outside the roster that may sign too: those of running mandates.
        """
        name = digest(envelope.payload)
        with self.store.step():
            note = self.gathered(name)
            known = note or Envelope(envelope.payload_type, envelope.payload, ())
            have = {s.keyid for s in known.signatures}
            new = tuple(s for s in envelope.signatures if s.keyid not in have)
            valid = self._holding(replace(envelope, signatures=new), extra or {})
            merged = replace(known, signatures=known.signatures + valid.signatures)
            if note is None or valid.signatures:
                self.store.remember(f"signed/{name}", merged.to_wire())
                self._papers[name] = merged
        return merged

    def first_signer(self, envelope: Envelope) -> str:
        """The key id of the first signature that holds, or "?"."""
        for signature in envelope.signatures:
            if self._holding(replace(envelope, signatures=(signature,)), {}).signatures:
                return signature.keyid
        return "?"

    def gathered(self, payload_digest: Digest) -> Envelope | None:
        """The paper with this payload and all signatures so far."""
        if self._papers_at != self.store.rollbacks:
            self._papers.clear()  # what a rolled back step had gathered was never kept
            self._papers_at = self.store.rollbacks
        if payload_digest not in self._papers:
            known = self.store.note(f"signed/{payload_digest}")
            if known is None:
                return None
            self._papers[payload_digest] = Envelope.from_wire(known)
        return self._papers[payload_digest]

    def stand_in_key(self, mandate: Mandate) -> PrivateKey:
        """The key that was made for *mandate* and for nothing else."""
        return PrivateKey.from_secret_bytes(read_bytes(self._stand_in_file(mandate.key)))

    def make_stand_in_key(self) -> PublicKey:
        """Make the key for one mandate to come; its holder writes the public half into it."""
        key = PrivateKey.generate("ed25519")
        write_bytes(self._stand_in_file(key.public), key.to_secret_bytes(), secret=True)
        return key.public

    def _stand_in_file(self, public: PublicKey) -> Path:
        name = digest(public.to_wire().encode()).removeprefix("sha256:")[:32]
        return self.home / "keys" / f"stand-in-{name}.key"

    def membership_of(self, roster: Digest) -> Membership | None:
        """The roster of this digest, or None if this home does not hold it."""
        known = (self.membership, *self.earlier)
        return next((m for m in known if m.roster.digest == roster), None)

    def _holding(self, envelope: Envelope, extra: Mapping[str, PublicKey]) -> Envelope:
        valid: set[str] = set()
        for known in (self.membership, *self.earlier):
            valid |= set(signers(envelope, partial(_resolve, extra, known)))
        kept = tuple(s for s in envelope.signatures if s.keyid in valid)
        return Envelope(envelope.payload_type, envelope.payload, kept)


def _resolve(extra: Mapping[str, PublicKey], known: Membership, keyid: str) -> PublicKey | None:
    return extra.get(keyid) or known.resolve(keyid)


def known_memberships(home: Path, pinned: Digest) -> tuple[Membership, ...]:
    """Every roster in the home, oldest first, each checked from the pinned one on."""
    first = read_bytes(home / "rosters" / "1.json", max_bytes=64 * 1024 * 1024)
    known = [check_first(Envelope.from_wire(first), pinned)]
    while (path := home / "rosters" / f"{len(known) + 1}.json").exists():
        known.append(check_successor(known[-1].roster, Envelope.from_wire(read_bytes(path))))
    return tuple(known)


def keep_roster(home: Path, envelope: Envelope, before: Membership) -> Membership:
    """Take a successor roster into the home."""
    membership = check_successor(before.roster, envelope)
    write_bytes(home / "rosters" / f"{membership.roster.version}.json", envelope.to_wire())
    return membership
