"""What one condition of our policy profile looks at, and how it is weighed.

May touch: ``label`` and values. Weights are of a logic with three values, because a condition that
is not understood, or that the asker gives nothing for, is neither met nor failed: what permits must
be met for sure, and what forbids must be failed for sure.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from delian.exchange.odrl import Compound, Condition, Constraint, Operand
from delian.label.marking import MAX_LEVEL, Reader
from delian.terms.encode import parse_utc, utc_text
from delian.terms.errors import InputError

NAMESPACE = "urn:delian:profile:1:"
LABEL = NAMESPACE + "label"
RELEASABILITY = NAMESPACE + "releasability"
CATEGORY = NAMESPACE + "category"
PURPOSE = NAMESPACE + "purpose"
PARTICIPANT_CLASS = NAMESPACE + "participantClass"
TREATY_KIND = NAMESPACE + "treatyKind"
AGGREGATE_ONLY = NAMESPACE + "aggregateOnly"
DATE_TIME = "dateTime"
COUNT = "count"
MARKING_OPERANDS = frozenset((LABEL, RELEASABILITY, CATEGORY))

NO, UNKNOWN, YES = 0, 1, 2
Weight: TypeAlias = int
MAX_COUNT = 10**9


@dataclass(frozen=True, slots=True)
class Context:
    """Everything that a decision looks at; what is not here cannot matter.

    Args:
        participant: Who asks.
        now_utc: When.
        readers: Clearances that somebody we trust vouches for, one for each affiliation.
        purposes: What the asker is admitted to use things for.
        classes: Kinds of party that the asker is ("manufacturer").
        treaties: Kinds of bond that the asker's side stands in ("ally").
        uses: How often this was used already under the same agreement.
        is_aggregate: Is what is asked for an aggregate, or to be used as one only?
    """

    participant: str
    now_utc: datetime
    readers: tuple[Reader, ...] = ()
    purposes: frozenset[str] = frozenset()
    classes: frozenset[str] = frozenset()
    treaties: frozenset[str] = frozenset()
    uses: int = 0
    is_aggregate: bool = False


Test: TypeAlias = Callable[[Context, Reader | None], Weight]


@dataclass(frozen=True, slots=True)
class Atom:
    """One compiled comparison.

    Args:
        text: The comparison in words.
        missing: What the asker lacks where it is not met.
        test: Weighs a context, acting as one of its readers.
        is_public: May the counterparty be told?
        is_understood: Does this node know operand, operator and value?
    """

    text: str
    missing: str
    test: Test
    is_public: bool = True
    is_understood: bool = True

    def weigh(self, context: Context, reader: Reader | None) -> Weight:
        """NO, UNKNOWN or YES."""
        return self.test(context, reader)


@dataclass(frozen=True, slots=True)
class Group:
    """Compiled conditions under one of the protocol's four compounds."""

    kind: str
    parts: "tuple[Node, ...]"

    def weigh(self, context: Context, reader: Reader | None) -> Weight:
        """NO, UNKNOWN or YES, by the tables of Kleene's logic."""
        weights = [part.weigh(context, reader) for part in self.parts]
        if self.kind == "or":
            return max(weights)
        if self.kind != "xone":
            return min(weights)
        if weights.count(YES) > 1:
            return NO
        if UNKNOWN in weights:
            return UNKNOWN
        return YES if YES in weights else NO


Node: TypeAlias = Atom | Group


def compile_condition(condition: Condition, policy_id: str | None) -> Node:
    """*condition*, ready to be weighed.

    Args:
        condition: As the offer spells it.
        policy_id: The one labelling policy that the offer names, or None.
    """
    if isinstance(condition, Compound):
        return Group(
            condition.kind, tuple(compile_condition(p, policy_id) for p in condition.parts)
        )
    maker = _MAKERS.get((condition.left, condition.operator))
    is_public = condition.left not in MARKING_OPERANDS
    if maker is None:
        known = any(left == condition.left for left, _ in _MAKERS)
        what = f"operator '{condition.operator}' for it" if known else "operand"
        return _foreign(condition, f"this node knows no such {what}", is_public)
    try:
        test, missing = maker(condition.right, policy_id)
    except (InputError, ValueError):
        return _foreign(condition, "this node cannot read the value", is_public)
    return Atom(words_of(condition), missing, test, is_public)


def words_of(condition: Condition) -> str:
    """*condition* as one line for a person."""
    if isinstance(condition, Compound):
        return f"{condition.kind}({'; '.join(words_of(p) for p in condition.parts)})"
    right = condition.right
    shown = ", ".join(map(str, right)) if isinstance(right, tuple) else str(right)
    return f"{condition.left.removeprefix(NAMESPACE)} {condition.operator} {shown}"


def read_label(right: Operand) -> tuple[str, int]:
    """Policy and level of the label operand, ``<object identifier>/<rank>``.

    Raises:
        ValueError: another form.
    """
    policy, slash, level = _one(right).rpartition("/")
    if not slash or not policy or not level.isdecimal() or int(level) > MAX_LEVEL:
        raise ValueError("not a policy and a rank")
    return policy, int(level)


def texts(right: Operand) -> frozenset[str]:
    """One text or a list of them.

    Raises:
        ValueError: something else, or nothing.
    """
    items = right if isinstance(right, tuple) else (right,)
    found = frozenset(_one(item) for item in items)
    if not found:
        raise ValueError("an empty list")
    return found


def _one(right: Operand) -> str:
    if not isinstance(right, str) or not right:
        raise ValueError("expected text")
    return right


def _foreign(condition: Constraint, why: str, is_public: bool) -> Atom:
    return Atom(words_of(condition), why, _unknown, is_public, is_understood=False)


def _unknown(_context: Context, _reader: Reader | None) -> Weight:
    return UNKNOWN


_Made: TypeAlias = tuple[Test, str]


def _label(right: Operand, policy_id: str | None) -> _Made:
    policy, level = read_label(right)

    def test(_context: Context, reader: Reader | None) -> Weight:
        if reader is None or policy_id is None:
            return UNKNOWN
        return YES if reader.policy == policy and reader.level >= level else NO

    return test, f"a clearance of level {level} or more under policy {policy}"


def _releasability(right: Operand, policy_id: str | None) -> _Made:
    audience = texts(right)

    def test(_context: Context, reader: Reader | None) -> Weight:
        if reader is None or policy_id is None:
            return UNKNOWN
        return YES if reader.policy == policy_id and reader.affiliation in audience else NO

    return test, "an affiliation in the audience"


def _category(right: Operand, policy_id: str | None) -> _Made:
    demanded = texts(right)

    def test(_context: Context, reader: Reader | None) -> Weight:
        if reader is None or policy_id is None:
            return UNKNOWN
        return YES if reader.policy == policy_id and demanded <= reader.holds else NO

    return test, f"admission to {', '.join(sorted(demanded))}"


def _claimed(what: str, field: str, *, is_all: bool) -> Callable[[Operand, str | None], _Made]:
    def make(right: Operand, _policy_id: str | None) -> _Made:
        wanted = texts(right)
        words = f" {'and' if is_all else 'or'} ".join(sorted(wanted))

        def test(context: Context, _reader: Reader | None) -> Weight:
            shown: frozenset[str] = getattr(context, field)
            if not shown:
                return UNKNOWN
            return YES if (wanted <= shown if is_all else wanted & shown) else NO

        return test, f"a {what}: {words}"

    return make


def _moment(operator: str) -> Callable[[Operand, str | None], _Made]:
    is_before, may_equal = operator.startswith("lt"), operator.endswith("eq")

    def make(right: Operand, _policy_id: str | None) -> _Made:
        limit = parse_utc(_one(right))

        def test(context: Context, _reader: Reader | None) -> Weight:
            if context.now_utc == limit:
                return YES if may_equal else NO
            return YES if (context.now_utc < limit) is is_before else NO

        missing = "an offer that has not expired" if is_before else "patience"
        return test, f"{missing}: the limit is {utc_text(limit)}"

    return make


def _count(operator: str) -> Callable[[Operand, str | None], _Made]:
    def make(right: Operand, _policy_id: str | None) -> _Made:
        is_number = isinstance(right, int) and not isinstance(right, bool)
        digits = str(right) if is_number else _one(right)
        if not digits.isdecimal() or int(digits) > MAX_COUNT:
            raise ValueError("not a count")
        most = int(digits) - (operator == "lt")

        def test(context: Context, _reader: Reader | None) -> Weight:
            return YES if context.uses < most else NO

        return test, f"a use that is left: {most} are allowed"

    return make


def _aggregate(right: Operand, _policy_id: str | None) -> _Made:
    if right is not True and right != "true":
        raise ValueError("aggregate-only is true or absent")

    def test(context: Context, _reader: Reader | None) -> Weight:
        return YES if context.is_aggregate else NO

    return test, "an undertaking to use it as an aggregate only"


def _sets(what: str, field: str) -> dict[str, Callable[[Operand, str | None], _Made]]:
    one = _claimed(what, field, is_all=False)
    every = _claimed(what, field, is_all=True)
    return {"eq": one, "isA": one, "isAnyOf": one, "isAllOf": every}


_PURPOSES = _sets("purpose", "purposes")
_MAKERS: Mapping[tuple[str, str], Callable[[Operand, str | None], _Made]] = {
    (LABEL, "gteq"): _label,
    (RELEASABILITY, "eq"): _releasability,
    (RELEASABILITY, "isAnyOf"): _releasability,
    (CATEGORY, "eq"): _category,
    (CATEGORY, "isAllOf"): _category,
    **{(left, op): make for left in (PURPOSE, "purpose") for op, make in _PURPOSES.items()},
    **{(PARTICIPANT_CLASS, op): m for op, m in _sets("participant class", "classes").items()},
    **{(TREATY_KIND, op): make for op, make in _sets("treaty kind", "treaties").items()},
    **{(DATE_TIME, op): _moment(op) for op in ("lt", "lteq", "gt", "gteq")},
    **{(COUNT, op): _count(op) for op in ("lt", "lteq")},
    (AGGREGATE_ONLY, "eq"): _aggregate,
}
