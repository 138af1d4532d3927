"""What an officer does at the nation's own machine: speak, review, withdraw, send a sheet.

The officer's key signs; the agent's key is never used here. A voice is kept in the nation's own
store first, so that its agent stays silent even if the secretariat never passes the voice on.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from delian.adapters.clock import Clock
from delian.approve.mandate import MANDATE_KIND, Mandate
from delian.approve.proposal import Proposal
from delian.approve.voices import (
    EarlyAssent,
    Objection,
    ProcedureRejection,
    Reservation,
    Said,
    TimeRequest,
)
from delian.crypto.dsse import Envelope
from delian.crypto.sign import PublicKey
from delian.nodes.nation import Nation
from delian.nodes.nation_checks import load_figures
from delian.nodes.office_line import office_client
from delian.nodes.release_view import ReleaseView
from delian.release.agent_check import Review, review
from delian.release.withdrawal import withdraw_release
from delian.terms.encode import Digest
from delian.terms.errors import InputError, NotYetError, RefusedError, UnavailableError
from delian.terms.round_terms import RoundTerms

VOICES = {
    "object": Objection,
    "reject-procedure": ProcedureRejection,
    "ask-time": TimeRequest,
    "assent": EarlyAssent,
    "reserve": Reservation,
}


class NoProposalError(NotYetError):
    """Nothing has been put to this nation, or not what was asked for."""

    code = "no-proposal"


@dataclass(slots=True)
class Officer:
    """An officer at the node of her nation.

    Args:
        nation: The node, opened beside its running agent.
    """

    nation: Nation

    @classmethod
    def at(cls, home: Path, clock: Clock | None = None) -> "Officer":
        """The officer at the node in *home*; *clock* instead of that in its settings."""
        return cls(Nation.open(home, clock))

    def proposal(self, wanted: str | None = None) -> tuple[ReleaseView, Proposal]:
        """The proposal whose id begins with *wanted*, or the newest.

        Raises:
            NoProposalError: there is none.
        """
        found = [(v, p) for v in self.nation.views.values() for p in v.proposals.values()]
        if wanted:
            short = wanted.removeprefix("sha256:")
            found = [(v, p) for v, p in found if p.id.removeprefix("sha256:").startswith(short)]
        if not found:
            raise NoProposalError("no such proposal has arrived", hint="see 'delian status'")
        return max(found, key=lambda pair: (pair[1].opened_utc, pair[1].id))

    def speak(self, kind: str, text: str, wanted: str | None = None) -> Digest:
        """Say something about a proposal; the digest of the signed voice.

        Raises:
            InputError: an unknown kind, or a reason is missing.
            NoProposalError: there is nothing to speak about.
        """
        if kind not in VOICES:
            raise InputError(f"unknown voice; known are {', '.join(VOICES)}")
        view, proposal = self.proposal(wanted)
        said = Said.about(proposal, self.nation.desk.code, self.nation.clock.now_utc())
        voice = VOICES[kind](said, text)
        envelope = voice.signed(self.nation.desk.key("officer"))
        return self._send(voice.kind, view.round_id, envelope)

    def withdraw(self, reason: str, release: str | None = None) -> tuple[Digest, Envelope]:
        """Take this nation's consent to a release back.

        Args:
            reason: Why; everybody reads it.
            release: Its id or the digest of its statement; the newest that all signed otherwise.
        """
        desk = self.nation.desk
        found = [
            (desk.store.note(f"complete/{name}") is not None, made.silence_ends_utc, name, made)
            for view in self.nation.views.values()
            for name, made in view.statements.items()
            if release in (None, name, made.release_id)
        ]
        if not found:
            raise NoProposalError("no such release is known here")
        statement = max(found, key=lambda one: one[:3])[3]
        envelope = withdraw_release(
            statement,
            desk.code,
            desk.key_under("officer", statement.roster_version),
            reason,
            self.nation.clock.now_utc(),
        )
        return self._send("withdrawal", statement.round_id, envelope), envelope

    def state_absence(self, round_id: str) -> int:
        """Say that this nation takes no part in a round with figures; the statement's number."""
        return self.nation.state_absence(self._view(round_id))

    def give_mandate(
        self, stand_in: str, key: PublicKey, round_id: str, expires_utc: datetime
    ) -> Digest:
        """Let another nation sign for this one in one round.

        Args:
            stand_in: That nation.
            key: Made at its node for this mandate alone (:meth:`Desk.make_stand_in_key`).
            round_id: The only round in which it holds.
            expires_utc: It does not run for a proposal whose silence ends later.
        """
        code, terms = self.nation.desk.code, self._view(round_id).known_terms()
        mandate = Mandate(round_id, terms.digest, code, stand_in, key, expires_utc)
        return self._send(MANDATE_KIND, round_id, mandate.signed(self.nation.desk.key("officer")))

    def _view(self, round_id: str) -> ReleaseView:
        if round_id not in self.nation.views:
            raise NoProposalError("no terms of this round have arrived")
        return self.nation.views[round_id]

    def review(self, wanted: str | None = None) -> tuple[Proposal, Review]:
        """Which of this nation's own figures sit in which block, with what margin."""
        view, proposal = self.proposal(wanted)
        statement = view.statements.get(proposal.subject)
        if statement is None:
            raise RefusedError("this proposal is not about a release")
        figures = load_figures(self.nation.desk, view.round_id)
        if figures is None:
            raise NotYetError("this nation sent no sheet in this round")
        return proposal, review(view.tables[statement.table_digest], figures)

    def terms(self, round_id: str | None = None) -> RoundTerms:
        """The terms of a round, or of the newest one."""
        views = [v for v in self.nation.views.values() if round_id in (None, v.round_id)]
        if not views:
            raise NoProposalError("no terms have arrived")
        return max((v.known_terms() for v in views), key=lambda t: t.calendar.sheets_until)

    def _send(self, kind: str, round_id: str, envelope: Envelope) -> Digest:
        desk = self.nation.desk
        name = desk.issue(kind, round_id, envelope.to_wire())
        if desk.settings.office:
            client = office_client(desk, "officer")
            try:
                client.send(envelope.to_wire())
                desk.store.mark_sent(name)
            except UnavailableError:
                return name  # it stays in the outbox; the agent sends it when it can
            finally:
                client.close()
        return name
