"""What an offer says and why an answer is what it is, in words.

May touch: values. Everything is said to whoever runs the node; what may leave the house is only
:attr:`delian.exchange.answer.Answer.public_reasons`.
"""

from typing import Any

from delian.exchange.answer import Answer
from delian.exchange.odrl import Policy
from delian.exchange.profile_terms import words_of


def offer_lines(policy: Policy) -> list[str]:
    """What *policy* permits, forbids and asks for, one line for each rule and condition."""
    lines = [f"{policy.kind} {policy.id}"]
    if policy.assignee is not None:
        lines.append(f"  made for {policy.assignee} alone")
    for side, rules in (
        ("may", policy.permissions),
        ("must not", policy.prohibitions),
        ("must", policy.obligations),
    ):
        for rule in rules:
            lines.append(f"  whoever agrees {side} {rule.action}")
            lines += [f"    if {words_of(condition)}" for condition in rule.constraints]
            lines += [f"    and must {duty.action}" for duty in rule.duties]
    if not policy.permissions:
        lines.append("  nothing is permitted")
    elif not any(r.constraints for r in policy.permissions):
        lines.append("  without conditions: open to every participant")
    return lines


def answer_lines(answer: Answer) -> list[str]:
    """The decision with every reason; those that stay inside are marked."""
    if answer.allowed:
        return ["allowed", *(f"  undertakes {promise}" for promise in answer.promises)]
    lines = ["refused" if answer.is_visible else "refused, and the asker may not know of the offer"]
    for finding in answer.findings:
        stays = "" if finding.is_public and answer.is_visible else " (stays inside)"
        lines.append(f"  {finding.to_text()}{stays}")
    lines += [f"  the counterparty is told: {reason}" for reason in answer.public_reasons]
    return lines


def answer_plain(answer: Answer) -> dict[str, Any]:
    """The same as members of JSON."""
    return {
        "allowed": answer.allowed,
        "visible": answer.is_visible,
        "findings": [finding.to_plain() for finding in answer.findings],
        "told": list(answer.public_reasons),
        "promises": list(answer.promises),
    }
