"""A paper that shows how the secretariat's ledger grew from one checkpoint to the next.

The secretariat issues one before every proposal; a node that has seen every one of them would
notice a ledger that was rewritten or shows two faces.
"""

from dataclasses import dataclass
from typing import Final

from delian.crypto.armor import from_base64, to_base64
from delian.crypto.ledger import Checkpoint, Ledger
from delian.crypto.merkle import HASH_BYTES
from delian.terms.encode import Fields, canonical, parse

KIND: Final = "ledger-proof"
FORMAT: Final = "delian-ledger-proof"


@dataclass(frozen=True, slots=True)
class LedgerProof:
    """From one checkpoint to a later one.

    Args:
        round_id: The round in which it was issued.
        old: Checkpoint text, or "" for the beginning.
        new: Checkpoint text.
        path: RFC 6962 consistency path.
    """

    round_id: str
    old: str
    new: str
    path: tuple[bytes, ...]

    @classmethod
    def since(cls, ledger: Ledger, old: str, round_id: str) -> "LedgerProof":
        """The proof from *old* to the ledger as it stands."""
        size = Checkpoint.from_text(old).size if old else 0
        path = ledger.prove_since(size) if size else ()
        return cls(round_id, old, ledger.checkpoint().to_text(), tuple(path))

    def check(self, seen: str) -> None:
        """Return if the new checkpoint follows *seen*, the last one this node accepted.

        Raises:
            TamperedError: it does not.
        """
        if seen:
            Checkpoint.from_text(self.new).check_follows(Checkpoint.from_text(seen), self.path)

    def to_wire(self) -> bytes:
        """The proof as canonical JSON."""
        return canonical(
            {
                "format": FORMAT,
                "version": 1,
                "round": self.round_id,
                "old": self.old,
                "new": self.new,
                "path": [to_base64(step) for step in self.path],
            }
        )

    @classmethod
    def from_wire(cls, data: bytes) -> "LedgerProof":
        """Read what :meth:`to_wire` writes."""
        f = Fields(parse(data, max_bytes=65536, max_depth=3), "ledger proof")
        f.form(FORMAT)
        proof = cls(
            f.text("round", max_length=80),
            f.text("old", max_length=1000),
            f.text("new", max_length=1000),
            tuple(from_base64(step, max_bytes=HASH_BYTES) for step in f.texts("path")),
        )
        f.end()
        return proof
