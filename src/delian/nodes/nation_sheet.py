"""The officer's two answers to a round: the sheet, or a signed word that there will be none."""

from dataclasses import dataclass
from pathlib import Path

from delian.adapters.files import write_bytes
from delian.contribute.absence import KIND as ABSENCE
from delian.contribute.check import CheckedSheet
from delian.nodes.nation import CONTRIBUTION, Nation
from delian.nodes.release_view import ReleaseView
from delian.terms.encode import Digest


@dataclass(frozen=True, slots=True)
class Given:
    """What was given to a round.

    Args:
        round_id: The round.
        number: Of the sheet or statement; a higher one replaces a lower one.
        digest: Of the file.
        road: "agent" where the agent sends it, or the file that a courier carries.
    """

    round_id: str
    number: int
    digest: Digest
    road: str

    def to_plain(self) -> dict[str, object]:
        """The answer for ``--json``."""
        return {
            "round": self.round_id,
            "number": self.number,
            "digest": self.digest,
            "road": self.road,
        }

    def lines(self, what: str) -> tuple[str, ...]:
        """The answer for a person."""
        road = "the agent sends it" if self.road == "agent" else f"give {self.road} to the courier"
        return (
            f"{what} number {self.number} for round {self.round_id}: {self.digest}",
            f"{road}; it is unconfirmed until the receipt is back (delian status)",
        )


def give_sheet(nation: Nation, view: ReleaseView, checked: CheckedSheet, out: Path | None) -> Given:
    """Seal a checked sheet, and queue it for the agent or write it to *out*."""
    with nation.desk.store.step():
        number = nation.contribute(view, checked)
        return _on_its_way(nation, view, CONTRIBUTION, number, out)


def give_absence(nation: Nation, view: ReleaseView, out: Path | None) -> Given:
    """Sign that this nation takes no part, and queue it for the agent or write it to *out*."""
    with nation.desk.store.step():
        number = nation.state_absence(view)
        return _on_its_way(nation, view, ABSENCE, number, out)


def _on_its_way(
    nation: Nation, view: ReleaseView, kind: str, number: int, out: Path | None
) -> Given:
    paper = nation.desk.store.documents(kind, view.round_id)[-1]
    if out is not None:
        write_bytes(out, paper.body)
        nation.desk.store.mark_sent(paper.digest)
    return Given(view.round_id, number, paper.digest, "agent" if out is None else str(out))
