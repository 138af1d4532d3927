"""Why: one paper of this node, who signed it, where it stands in the ledger, what came of it.

May touch: the desk and the public rooms. It answers from this node's own papers alone.
"""

from dataclasses import dataclass
from datetime import datetime

from delian.adapters.store import Stored
from delian.approve.decision import Agreed
from delian.approve.proposal import Proposal
from delian.approve.voices import to_plain
from delian.crypto.armor import to_base64
from delian.crypto.dsse import Envelope, signers
from delian.crypto.merkle import check_inclusion, leaf_hash
from delian.nodes.desk import Desk
from delian.nodes.node_status import reason
from delian.nodes.release_view import ReleaseView
from delian.terms.encode import Digest, digest
from delian.terms.errors import DelianError, InputError

LEAST_DIGITS = 6


class NotFoundError(InputError):
    """This node holds no paper of that digest, or more than one begins so."""

    code = "not-found"


@dataclass(frozen=True, slots=True)
class Explained:
    """One paper of a node.

    Args:
        paper: Digest of the file.
        content: Digest of what is signed; it is the id of a proposal.
        kind: What kind of paper.
        round_id: Its round.
        who: Who brought it.
        signed_by: Key ids whose signatures hold, all copies together.
        ledger: Entry, size, root and inclusion proof, checked; None if it has no entry.
        proposal: What it came to and by what evidence, for a proposal.
    """

    paper: Digest
    content: Digest
    kind: str
    round_id: str
    who: str
    signed_by: tuple[str, ...]
    ledger: dict[str, object] | None
    proposal: dict[str, object] | None

    def to_plain(self) -> dict[str, object]:
        """The answer for ``--json``."""
        return {
            "paper": self.paper,
            "content": self.content,
            "kind": self.kind,
            "round": self.round_id,
            "who": self.who,
            "signed_by": list(self.signed_by),
            "ledger": self.ledger,
            "proposal": self.proposal,
        }


def explain(desk: Desk, wanted: str, now_utc: datetime) -> Explained:
    """What this node knows of the paper *wanted*.

    Args:
        desk: Whose papers.
        wanted: First digits, six or more, of the digest of a file or of what is signed in it.
        now_utc: One reading of the node's clock.

    Raises:
        NotFoundError: there is none, or there are several.
        TamperedError: the ledger does not hold.
    """
    short = wanted.removeprefix("sha256:")
    if len(short) < LEAST_DIGITS:
        raise NotFoundError("a digest is named by six digits or more")
    start = f"sha256:{short}"
    found: dict[Digest, Stored] = {}
    for paper in desk.store.documents():
        names = {paper.digest}
        if paper.kind != "contribution":
            names.add(digest(Envelope.from_wire(paper.body).payload))
        for name in names:
            if name.startswith(start):
                found.setdefault(name, paper)
    if len(found) != 1:
        raise NotFoundError(f"{len(found)} papers here begin so", hint="see 'delian ledger list'")
    paper = next(iter(found.values()))
    content, held = paper.digest, None
    keyids: tuple[str, ...] = (f"{paper.who}/contribute",)
    if paper.kind != "contribution":
        envelope = Envelope.from_wire(paper.body)
        content, view = digest(envelope.payload), _view(desk, paper.round_id, now_utc)
        gathered = desk.gathered(content) or envelope
        keyids = signers(gathered, view.membership.resolve)
        proposal = view.proposals.get(content)
        held = None if proposal is None else _came_to(view, proposal, now_utc)
    return Explained(
        paper.digest, content, paper.kind, paper.round_id, paper.who, keyids,
        _entry(desk, paper.digest), held,
    )  # fmt: skip


def _view(desk: Desk, round_id: str, now_utc: datetime) -> ReleaseView:
    """The round again from its papers; those that do not fit this view are passed over."""
    view = ReleaseView(desk, round_id)
    for paper in desk.store.documents(round_id=round_id):
        if paper.kind == "contribution":
            continue
        try:
            view.take(Envelope.from_wire(paper.body), now_utc)
        except DelianError:
            continue
    return view


def _entry(desk: Desk, name: Digest) -> dict[str, object] | None:
    ledger = desk.ledger()
    for entry in ledger.read():
        if entry.digest == name:
            now, path = ledger.checkpoint(), ledger.prove_entry(entry.sequence)
            check_inclusion(leaf_hash(entry.to_wire()), entry.sequence, now.size, path, now.root)
            return {
                "origin": now.origin,
                "sequence": entry.sequence,
                "size": now.size,
                "root": to_base64(now.root),
                "path": [to_base64(step) for step in path],
            }
    return None


def _came_to(view: ReleaseView, proposal: Proposal, now_utc: datetime) -> dict[str, object]:
    decision = view.decision(proposal, now_utc)
    evidence = list(decision.evidence) if isinstance(decision, Agreed) else []
    checks = view.desk.store.note(f"checks/{proposal.id}")
    return {
        "matter": proposal.matter,
        "subject": proposal.subject,
        "state": type(decision).__name__.lower(),
        "why": reason(decision),
        "evidence": [{"nation": c.nation, "key": c.keyid} for c in evidence],
        "voices": [to_plain(v) for v in view.voices.values() if v.said.is_about(proposal)],
        "own_checks": None if checks is None else checks.decode(),
    }
