"""A decision on an offer, with its reasons: all of them for us, the public ones for the asker.

May touch: nothing but values.
"""

from dataclasses import dataclass

NOT_OPEN = "there is no such offer for you"


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason against.

    Args:
        rule: Where it stands: ``permission[0]``, ``prohibition[1]``, ``policy``.
        constraint: The condition in words, or "".
        missing: What the asker lacks.
        is_public: May the counterparty be told?
    """

    rule: str
    constraint: str
    missing: str
    is_public: bool

    def to_text(self) -> str:
        """The finding as one line."""
        place = f"{self.rule}: {self.constraint}" if self.constraint else self.rule
        return f"{place}: missing: {self.missing}"

    def to_plain(self) -> dict[str, str | bool]:
        """The finding as members of JSON."""
        return {
            "rule": self.rule,
            "constraint": self.constraint,
            "missing": self.missing,
            "public": self.is_public,
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """A decision with its reasons.

    Args:
        allowed: The outcome.
        findings: Why not; empty where allowed.
        is_visible: May the asker know that the offer exists?
        promises: What the counterparty undertakes by agreeing, one line each.
    """

    allowed: bool
    findings: tuple[Finding, ...] = ()
    is_visible: bool = True
    promises: tuple[str, ...] = ()

    @property
    def public_reasons(self) -> tuple[str, ...]:
        """What the counterparty is told.

        Leaks:
            Where the asker may not know of the offer, one sentence that is the same for every
            offer; else every finding, none of which then concerns a marking.
        """
        if self.allowed:
            return ()
        if not self.is_visible:
            return (NOT_OPEN,)
        return tuple(f.to_text() for f in self.findings if f.is_public) or (NOT_OPEN,)
