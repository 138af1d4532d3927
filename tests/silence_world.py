"""A small alliance for tests of the silence procedure: fixed keys, fixed clock, no disk."""

import hashlib
from datetime import UTC, datetime, timedelta

from delian.approve.durations import Duration
from delian.approve.proposal import Proposal
from delian.crypto.dsse import Envelope, Signature, pae
from delian.crypto.sign import PrivateKey, PublicKey

STATEMENT_TYPE = "application/vnd.in-toto+json"
OPENED = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ENDS = OPENED + timedelta(hours=72)
SUBJECT = b'{"_type":"https://in-toto.io/Statement/v1"}'
TERMS = "sha256:" + "7" * 64


def seeded(name: str, algorithm: str = "ed25519") -> PrivateKey:
    return PrivateKey.from_seed(algorithm, hashlib.sha256(name.encode()).digest())


class World:
    """Nations N00 ... with an agent and an officer key each, and a chair SEC."""

    def __init__(self, size: int = 3) -> None:
        self.nations = tuple(f"N{chr(65 + i // 26)}{chr(65 + i % 26)}" for i in range(size))
        names = [f"{n}/{purpose}" for n in self.nations for purpose in ("agent", "officer")]
        self.keys = {name: seeded(name) for name in [*names, "SEC/sign"]}

    def resolve(self, keyid: str) -> PublicKey | None:
        key = self.keys.get(keyid)
        return None if key is None else key.public

    def propose(self, subject: bytes = SUBJECT, **changes: object) -> Proposal:
        fields: dict[str, object] = {
            "round_id": "round-1",
            "nations": self.nations,
            "chair": "SEC",
            "opened_utc": OPENED,
            "silence": Duration(72, "hours"),
            "reject_window": Duration(24, "hours"),
            "holidays": (),
            "extension_limit": 2,
            "roster_version": 1,
            "terms": TERMS,
        }
        fields.update(changes)
        return Proposal.open("release", subject, **fields)  # type: ignore[arg-type]

    def consent(self, nations: tuple[str, ...] | None = None, subject: bytes = SUBJECT) -> Envelope:
        message = pae(STATEMENT_TYPE, subject)
        made = tuple(
            Signature(f"{n}/agent", self.keys[f"{n}/agent"].sign(message))
            for n in (self.nations if nations is None else nations)
        )
        return Envelope(STATEMENT_TYPE, subject, made)
