"""A round with its releases, as the nations and the secretariat see it; hosts never hold this."""

from collections.abc import Callable
from dataclasses import dataclass, field

from delian.crypto.dsse import Envelope
from delian.nodes.round_view import OtherRoundError, RoundView, signed_by
from delian.release.statement import Statement, read_statement
from delian.terms.encode import Digest, digest

STATEMENT = "statement"


@dataclass(slots=True)
class ReleaseView(RoundView):
    """A round view that also takes release statements."""

    statements: dict[Digest, Statement] = field(default_factory=dict)

    def _handlers(self) -> dict[str, Callable[[Envelope], None]]:
        return {**RoundView._handlers(self), STATEMENT: self._take_statement}  # noqa: SLF001 - slots dataclasses lack super()

    def _take_statement(self, envelope: Envelope) -> None:
        terms = self.known_terms()
        signed_by(envelope, f"{terms.chair}/sign", self.membership)
        statement = read_statement(envelope.payload)
        if statement.round_id != self.round_id or statement.terms_digest != terms.digest:
            raise OtherRoundError("the statement belongs to another round")
        self.statements[digest(envelope.payload)] = statement
        self.desk.gather(envelope, extra=self.stand_in_keys())
