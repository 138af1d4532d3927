"""An append-only ledger of what happened, without any quantity, and its signed checkpoints.

May touch: the Merkle tree, DSSE, and a store that a node hands in. An entry names a document
by digest, who brought it, and in which round; it holds no figure, no size and no time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from delian.crypto.armor import from_base64, to_base64
from delian.crypto.dsse import Envelope, document_type, sign, verify
from delian.crypto.merkle import (
    HASH_BYTES,
    check_consistency,
    leaf_hash,
    prove_consistency,
    prove_inclusion,
    root,
)
from delian.crypto.sign import PrivateKey, PublicKey
from delian.terms.encode import Digest, Fields, canonical, digest, is_digest, parse
from delian.terms.errors import InputError, NotYetError, TamperedError

ENTRY_FORMAT = "delian-ledger-entry"
CHECKPOINT_FORMAT = "delian-checkpoint"
CHECKPOINT_TYPE = document_type("checkpoint")
MAX_ENTRY_BYTES = 4096
MAX_NAME_CHARS = 200
MAX_ENTRIES = 2**40
NO_ENTRY: Digest = "sha256:" + "0" * 64


class LedgerFormError(InputError):
    """The bytes are not a ledger entry or a checkpoint."""

    code = "ledger-form"


class LedgerError(TamperedError):
    """A ledger was altered, cut off or split into two stories."""

    code = "ledger"


class LedgerMovedError(NotYetError):
    """Another writer appended to the store; open the ledger again and repeat the step."""

    code = "ledger-moved"


def _name(text: str, what: str) -> str:
    if not 0 < len(text) <= MAX_NAME_CHARS or not text.isprintable():
        raise LedgerFormError(f"the {what} of an entry is a printable text")
    return text


@dataclass(frozen=True, slots=True)
class Entry:
    """One event.

    Args:
        sequence: 0 for the first entry.
        kind: What happened, for example "terms", "receipt", "objection".
        digest: The document that says so.
        who: A party code or key id.
        round: The round's id.
        previous: The digest of the entry before, or ``NO_ENTRY`` for the first.
    """

    sequence: int
    kind: str
    digest: Digest
    who: str
    round: str
    previous: Digest

    def __post_init__(self) -> None:
        if not 0 <= self.sequence < MAX_ENTRIES:
            raise LedgerFormError("the sequence of an entry is out of range")
        if not is_digest(self.digest) or not is_digest(self.previous):
            raise LedgerFormError("an entry names documents by sha256 digest")
        for text, what in ((self.kind, "kind"), (self.who, "party"), (self.round, "round")):
            _name(text, what)

    def to_wire(self) -> bytes:
        """The entry as canonical JSON."""
        return canonical(
            {
                "format": ENTRY_FORMAT,
                "version": 1,
                "sequence": self.sequence,
                "kind": self.kind,
                "digest": self.digest,
                "who": self.who,
                "round": self.round,
                "previous": self.previous,
            }
        )

    @classmethod
    def from_wire(cls, data: bytes) -> "Entry":
        """Read what :meth:`to_wire` writes, and nothing that is spelled otherwise.

        Raises:
            InputError: anything else.
        """
        fields = Fields(parse(data, max_bytes=MAX_ENTRY_BYTES, max_depth=2), "ledger entry")
        fields.form(ENTRY_FORMAT)
        entry = cls(
            sequence=fields.whole("sequence"),
            kind=fields.text("kind"),
            digest=fields.digest("digest"),
            who=fields.text("who"),
            round=fields.text("round"),
            previous=fields.digest("previous"),
        )
        fields.end()
        if entry.to_wire() != data:
            raise LedgerFormError("the entry is not in its canonical spelling")
        return entry


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The size and root of one ledger: what a party commits to having seen.

    Args:
        origin: The ledger's name, one printable line ("delian/SEC").
        size: Number of entries.
        root: 32 bytes.
    """

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        _name(self.origin, "origin")
        if not 0 <= self.size <= MAX_ENTRIES or len(self.root) != HASH_BYTES:
            raise LedgerFormError("a checkpoint is origin, size and a 32-byte root")

    def to_text(self) -> str:
        """Three lines: origin, size, base64 root. Source: C2SP tlog-checkpoint, note text."""
        return f"{self.origin}\n{self.size}\n{to_base64(self.root)}\n"

    @classmethod
    def from_text(cls, text: str) -> "Checkpoint":
        """Read what :meth:`to_text` writes.

        Raises:
            InputError: anything else.
        """
        lines = text.split("\n")
        if len(lines) != 4 or lines[3] or not lines[1].isascii() or not lines[1].isdigit():
            raise LedgerFormError("a checkpoint has three lines: origin, size, root")
        if len(lines[1]) > 13 or str(int(lines[1])) != lines[1]:
            raise LedgerFormError("the size of a checkpoint is a plain number")
        return cls(lines[0], int(lines[1]), from_base64(lines[2], max_bytes=HASH_BYTES))

    def to_wire(self) -> bytes:
        """The checkpoint as a canonical JSON document around its text form."""
        return canonical({"format": CHECKPOINT_FORMAT, "version": 1, "note": self.to_text()})

    @classmethod
    def from_wire(cls, data: bytes) -> "Checkpoint":
        """Read what :meth:`to_wire` writes.

        Raises:
            InputError: anything else.
        """
        fields = Fields(parse(data, max_bytes=MAX_ENTRY_BYTES, max_depth=2), "checkpoint")
        fields.form(CHECKPOINT_FORMAT)
        checkpoint = cls.from_text(fields.text("note"))
        fields.end()
        if checkpoint.to_wire() != data:
            raise LedgerFormError("the checkpoint is not in its canonical spelling")
        return checkpoint

    def signed(self, keyid: str, key: PrivateKey) -> Envelope:
        """The checkpoint as a DSSE document of its ledger's keeper."""
        return sign(CHECKPOINT_TYPE, self.to_wire(), {keyid: key})

    @classmethod
    def from_envelope(cls, envelope: Envelope, keyid: str, public: PublicKey) -> "Checkpoint":
        """The checkpoint that *public* signed.

        Raises:
            TamperedError: not signed so.
            InputError: signed, but no checkpoint.
        """
        return cls.from_wire(verify(envelope, keyid, public, CHECKPOINT_TYPE))

    def check_follows(self, older: "Checkpoint", path: Sequence[bytes]) -> None:
        """Return if this checkpoint's ledger begins with all entries of *older*.

        Raises:
            LedgerError: another origin, or fewer entries than before.
            ProofError: another history.
        """
        if self.origin != older.origin or self.size < older.size:
            raise LedgerError("the checkpoint does not continue the one seen before")
        check_consistency(older.size, older.root, self.size, self.root, path)


class EntryStore(Protocol):
    """Where a node keeps entries: append one, read a range, count."""

    def __len__(self) -> int:
        """How many entries there are."""
        ...

    def append(self, entry: bytes) -> None:
        """Keep *entry* durably after all others, or raise and keep nothing."""
        ...

    def read(self, start: int, stop: int) -> Sequence[bytes]:
        """The entries in [start, stop)."""
        ...


@dataclass(slots=True, eq=False)
class Ledger:
    """One party's ledger, checked from its first entry when it is opened.

    Made by :meth:`open`. One writer at a time; a second one is noticed, not served.

    Guarantees:
        Every checkpoint continues every earlier one (``tests/property/test_crypto_laws.py``).
    """

    origin: str
    _store: EntryStore = field(repr=False)
    _leaves: list[bytes] = field(default_factory=list, repr=False)
    _last: Digest = NO_ENTRY

    @classmethod
    def open(cls, store: EntryStore, origin: str) -> "Ledger":
        """The ledger in *store*, every entry and link checked.

        Raises:
            LedgerError: an entry is malformed, missing, moved or does not name its predecessor.
        """
        ledger = cls(_name(origin, "origin"), store)
        for start in range(0, len(store), 1024):
            for data in store.read(start, min(start + 1024, len(store))):
                ledger._take(data)
        if len(ledger._leaves) != len(store):
            raise LedgerError("the ledger's store gives fewer entries than it counts")
        return ledger

    def catch_up(self) -> None:
        """Take in the entries that another writer has appended, each checked.

        Raises:
            LedgerError: the store is shorter than before, or the chain is broken.
        """
        if len(self._store) < self.size:
            raise LedgerError("the ledger's store has lost entries")
        for data in self._store.read(self.size, len(self._store)):
            self._take(data)

    def _take(self, data: bytes) -> None:
        try:
            entry = Entry.from_wire(data)
        except InputError as error:
            raise LedgerError("a ledger entry is malformed") from error
        if entry.sequence != len(self._leaves) or entry.previous != self._last:
            raise LedgerError("the chain of ledger entries is broken")
        self._leaves.append(leaf_hash(data))
        self._last = digest(data)

    @property
    def size(self) -> int:
        """Number of entries."""
        return len(self._leaves)

    def append(self, kind: str, document: Digest, *, who: str, round_id: str) -> Entry:
        """Add one event and return it; it is kept before this returns.

        Raises:
            LedgerFormError: a field is not allowed; nothing is kept.
            LedgerMovedError: another writer has appended; nothing is kept.
        """
        if len(self._store) != self.size:
            raise LedgerMovedError("the ledger has a newer entry", hint="repeat the step")
        entry = Entry(self.size, kind, document, who, round_id, self._last)
        data = entry.to_wire()
        self._store.append(data)
        self._leaves.append(leaf_hash(data))
        self._last = digest(data)
        return entry

    def read(self, start: int = 0, stop: int | None = None) -> tuple[Entry, ...]:
        """The entries in [start, stop), compared with the hashes taken when they came in.

        Raises:
            LedgerError: the store gives other bytes than before.
        """
        end = self.size if stop is None else min(stop, self.size)
        wires = self._store.read(start, end)
        if [leaf_hash(wire) for wire in wires] != self._leaves[start:end]:
            raise LedgerError("the ledger's store gives other entries than before")
        return tuple(Entry.from_wire(wire) for wire in wires)

    def checkpoint(self) -> Checkpoint:
        """The ledger's present size and root."""
        return Checkpoint(self.origin, self.size, root(self._leaves))

    def prove_entry(self, sequence: int) -> tuple[bytes, ...]:
        """The inclusion proof of one entry in the present checkpoint."""
        return prove_inclusion(sequence, self._leaves)

    def prove_since(self, older_size: int) -> tuple[bytes, ...]:
        """The proof that the present checkpoint continues the one of *older_size* entries."""
        return prove_consistency(older_size, self._leaves)

    def check(self, seen: Checkpoint) -> None:
        """Return if *seen* is a checkpoint this ledger really had.

        Raises:
            LedgerError: another origin, more entries than there are, or another root.
        """
        if seen.origin != self.origin or seen.size > self.size:
            raise LedgerError("the ledger is shorter than a checkpoint of it, or another ledger")
        if root(self._leaves[: seen.size]) != seen.root:
            raise LedgerError("the ledger tells another story than a checkpoint of it")
