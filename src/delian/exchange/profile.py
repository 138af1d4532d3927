"""Our policy profile: what an offer's rules mean, and a decision with its reasons.

May touch: ``label`` and values. Nothing is allowed that no rule permits; what this node does not
understand never allows; what names a marking is shown to nobody who does not meet that marking
(``docs/security/policy.md``).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import reduce

from delian.exchange.answer import Answer, Finding
from delian.exchange.odrl import Compound, Condition, Constraint, Policy, Rule
from delian.exchange.profile_terms import (
    CATEGORY,
    LABEL,
    MARKING_OPERANDS,
    NAMESPACE,
    NO,
    RELEASABILITY,
    YES,
    Atom,
    Context,
    Group,
    Node,
    compile_condition,
    read_label,
    texts,
)
from delian.label.marking import Marking, Reader, join
from delian.terms.errors import InputError

__all__ = [
    "Answer",
    "Compiled",
    "Context",
    "Finding",
    "circle_of",
    "compile_policy",
    "decide",
]

USE = "use"
# What a counterparty may owe; a duty outside of this list is not understood.
# obtainConsent is owed by us: a person at the provider decides (``delian exchange decide``).
DUTIES = frozenset(("attribute", "inform", "delete", "obtainConsent", NAMESPACE + "verify"))
# What may be forbidden besides the use itself; it binds the counterparty after the transfer.
RESTRAINTS = frozenset(
    ("distribute", "derive", "modify", "reproduce", "sell", "commercialize", "sublicense")
)


@dataclass(frozen=True, slots=True)
class _Rule:
    name: str
    action: str
    nodes: tuple[Node, ...]
    strange: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Circle:
    """Who may know of an offer.

    Args:
        marking: The join of every marking that the offer names; None where it names none.
        is_closed: Nobody may: its markings cannot be judged together.
        assignee: The one party it is made for, or None.
    """

    marking: Marking | None
    is_closed: bool
    assignee: str | None

    def admits(self, context: Context) -> bool:
        """May the asker know that the offer exists?

        Guarantees:
            Whoever sees the offer meets every marking that its text names, as one reader.
        """
        if self.is_closed or self.assignee not in (None, context.participant):
            return False
        marking = self.marking
        if marking is None:
            return True
        return any(_admits(marking, reader) for reader in context.readers)


@dataclass(frozen=True, slots=True)
class Compiled:
    """An offer, ready to be decided for many askers."""

    circle: Circle
    permissions: tuple[_Rule, ...]
    prohibitions: tuple[_Rule, ...]
    obligations: tuple[Finding, ...]
    promises: tuple[str, ...]

    def decide(self, context: Context, action: str = USE) -> Answer:
        """The decision; see :func:`decide`."""
        is_visible = self.circle.admits(context)
        findings = [*self._against(context, action), *self.obligations]
        if not is_visible:
            findings.append(Finding("policy", "", "a marking that admits the asker", False))
        is_granted, reasons = self._grant(context, action)
        if is_granted and not findings:
            return Answer(True, promises=self.promises)
        return Answer(False, tuple(dict.fromkeys([*findings, *reasons])), is_visible)

    def _against(self, context: Context, action: str) -> Iterator[Finding]:
        for rule in self.prohibitions:
            yield from rule.strange
            if rule.action not in (action, USE):
                continue
            if any(_weigh(rule.nodes, context, reader) != NO for reader in _readers(context)):
                words = "; ".join(_words(node) for node in rule.nodes)
                public = all(_is_public(node) for node in rule.nodes)
                yield Finding(rule.name, words, "proof that this ban does not apply", public)

    def _grant(self, context: Context, action: str) -> tuple[bool, list[Finding]]:
        findings: list[Finding] = []
        for rule in self.permissions:
            if rule.action != action:
                continue
            for reader in _readers(context):
                if not rule.strange and _weigh(rule.nodes, context, reader) == YES:
                    return True, []
                findings.extend(rule.strange)
                for node in rule.nodes:
                    findings.extend(_lacking(node, rule.name, context, reader))
        if not findings:
            findings.append(Finding("policy", "", f"a permission to {action}", True))
        return False, findings


def decide(policy: Policy, context: Context, action: str = USE) -> Answer:
    """May the asker do *action* under *policy*?

    Guarantees:
        Allowed exactly where one permission is met for sure, no prohibition is left open, and
        every duty is understood; equal to an evaluator that the tests restate. More claims never
        turn allowed into refused, prohibitions and ``xone`` apart
        (``tests/property/test_exchange_profile.py``).
    """
    return compile_policy(policy).decide(context, action)


def circle_of(policy: Policy) -> Circle:
    """Who may know of *policy*."""
    rules = (*policy.permissions, *policy.prohibitions, *policy.obligations)
    atoms = [c for rule in rules for c in _constraints(_all_conditions(rule))]
    marking, is_closed = _marking_of([a for a in atoms if a.left in MARKING_OPERANDS])
    return Circle(marking, is_closed, policy.assignee)


def compile_policy(policy: Policy) -> Compiled:
    """*policy* in the form that decides quickly; it depends on nothing but the policy."""
    circle = circle_of(policy)
    oid = circle.marking.policy if circle.marking else None
    return Compiled(
        circle,
        _rules(policy.permissions, "permission", frozenset((USE,)), oid),
        _rules(policy.prohibitions, "prohibition", RESTRAINTS | {USE}, oid),
        tuple(
            f
            for i, rule in enumerate(policy.obligations)
            for f in _strange_duty(rule, f"obligation[{i}]")
        ),
        _promises(policy),
    )


def _admits(marking: Marking, reader: Reader) -> bool:
    """``may_read`` without its reasons: a catalogue asks it for every offer.

    Guarantees:
        The same answer for every pair (``tests/property/test_exchange_profile.py``).
    """
    return (
        reader.affiliation in marking.audience
        and reader.level >= marking.level
        and reader.policy == marking.policy
        and marking.restrictive <= reader.holds
    )


def _rules(
    rules: tuple[Rule, ...], side: str, actions: frozenset[str], oid: str | None
) -> tuple[_Rule, ...]:
    made = []
    for i, rule in enumerate(rules):
        name = f"{side}[{i}]"
        strange = [f for d in rule.duties for f in _strange_duty(d, f"{name}.duty")]
        if rule.action not in actions:
            strange.append(
                Finding(name, "", f"an action that this node knows: {rule.action}", True)
            )
        nodes = tuple(compile_condition(c, oid) for c in rule.constraints)
        made.append(_Rule(name, rule.action, nodes, tuple(strange)))
    return tuple(made)


def _strange_duty(rule: Rule, name: str) -> Iterator[Finding]:
    if rule.action not in DUTIES:
        yield Finding(name, "", f"a duty that this node knows: {rule.action}", True)
    for constraint in _constraints(rule.constraints):
        atom = compile_condition(constraint, None)
        if isinstance(atom, Atom) and not atom.is_understood:
            yield Finding(name, atom.text, atom.missing, atom.is_public)


def _promises(policy: Policy) -> tuple[str, ...]:
    owed = [*policy.obligations, *(d for p in policy.permissions for d in p.duties)]
    lines = [f"to {_phrase(rule)}" for rule in owed]
    lines += [f"not to {_phrase(rule)}" for rule in policy.prohibitions if rule.action != USE]
    return tuple(dict.fromkeys(lines))


def _phrase(rule: Rule) -> str:
    words = "; ".join(_words(compile_condition(c, None)) for c in rule.constraints)
    action = rule.action.removeprefix(NAMESPACE)
    return f"{action} ({words})" if words else action


def _all_conditions(rule: Rule) -> Iterator[Condition]:
    yield from rule.constraints
    for duty in rule.duties:
        yield from duty.constraints


def _constraints(conditions: Iterable[Condition]) -> Iterator[Constraint]:
    for condition in conditions:
        if isinstance(condition, Compound):
            yield from _constraints(condition.parts)
        else:
            yield condition


def _marking_of(atoms: list[Constraint]) -> tuple[Marking | None, bool]:
    """The join of all markings named, and whether they cannot be joined: then nobody sees it."""
    if not atoms:
        return None, False
    try:
        labels = [read_label(a.right) for a in atoms if a.left == LABEL]
        named = {policy for policy, _ in labels}
        audiences = [texts(a.right) for a in atoms if a.left == RELEASABILITY]
        held = [texts(a.right) for a in atoms if a.left == CATEGORY]
        if len(named) != 1 or not audiences:
            return None, True
        oid = named.pop()
        narrow = frozenset[str]().union(*held)
        parts = [Marking(oid, level, audiences[0], narrow) for _, level in labels]
        parts += [Marking(oid, 0, audience) for audience in audiences]
        return reduce(join, parts), False
    except (InputError, ValueError):
        return None, True


def _readers(context: Context) -> tuple[Reader | None, ...]:
    return context.readers or (None,)


def _weigh(nodes: tuple[Node, ...], context: Context, reader: Reader | None) -> int:
    return min((node.weigh(context, reader) for node in nodes), default=YES)


def _lacking(node: Node, rule: str, context: Context, reader: Reader | None) -> Iterator[Finding]:
    if node.weigh(context, reader) == YES:
        return
    if isinstance(node, Atom):
        yield Finding(rule, node.text, node.missing, node.is_public)
        return
    before = sum(part.weigh(context, reader) == YES for part in node.parts)
    if node.kind == "xone" and before:
        missing = "exactly one of these" if before > 1 else "proof that only one of these holds"
        yield Finding(rule, _words(node), missing, _is_public(node))
        return
    for part in node.parts:
        yield from _lacking(part, rule, context, reader)


def _words(node: Node) -> str:
    if isinstance(node, Group):
        return f"{node.kind}({'; '.join(_words(p) for p in node.parts)})"
    return node.text


def _is_public(node: Node) -> bool:
    return all(map(_is_public, node.parts)) if isinstance(node, Group) else node.is_public
