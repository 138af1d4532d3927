"""Try to undo our own releases: how closely can any one nation estimate another?

A tool for tests and the demonstration: it needs the true figures, to measure how far the
attacker's upper bound stays above them (``docs/security/attack.md``).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from delian.protect.values import Number, TrueSheets, Value, read_values
from delian.terms.frame import CellKey
from delian.terms.round_terms import Rule
from delian.terms.table import Table

OUTSIDER = "outsider"
_MOST_FINDINGS = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """The closest estimate of one derived quantity.

    Args:
        kind: "value" of an opened total, "change" between two opened values of one block, or
            "difference" between totals over nested or overlapping cells.
        where: The totals it was derived from.
        insider: Who estimates; "outsider" for a reader without a figure.
        target: Whose figure, or change of it, is estimated.
        margin: (upper bound - x) / x.
        margin_with_rule: The same when the insider also uses that chosen blocks passed the rule.
    """

    kind: str
    where: str
    insider: str
    target: str
    margin: Fraction
    margin_with_rule: Fraction


@dataclass(frozen=True, slots=True)
class AttackResult:
    """What the attack achieved over all editions.

    Args:
        worst_margin: Least margin of all findings as a fraction; None if nothing was opened.
        worst_margin_with_rule: The same with the knowledge that chosen blocks passed.
        rule_percent: p of the rule: what *worst_margin* must reach.
        values: Opened totals that were attacked.
        combinations: Changes and differences that were attacked.
        findings: The closest estimates, closest first.
    """

    worst_margin: Fraction | None
    worst_margin_with_rule: Fraction | None
    rule_percent: int
    values: int
    combinations: int
    findings: tuple[Finding, ...]

    @property
    def holds(self) -> bool:
        """Does every margin reach p %?"""
        return self.worst_margin is None or 100 * self.worst_margin >= self.rule_percent

    @property
    def worst_margin_percent(self) -> Fraction | None:
        """:attr:`worst_margin` in percent."""
        return None if self.worst_margin is None else 100 * self.worst_margin

    @property
    def worst_margin_with_rule_percent(self) -> Fraction | None:
        """:attr:`worst_margin_with_rule` in percent."""
        worst = self.worst_margin_with_rule
        return None if worst is None else 100 * worst

    def to_plain(self) -> dict[str, float | int | None]:
        """For ``--json``; margins are rounded down to a hundredth of a percent."""
        return {
            "worst_margin_percent": rounded_down(self.worst_margin_percent),
            "worst_margin_with_rule_percent": rounded_down(self.worst_margin_with_rule_percent),
            "rule_percent": self.rule_percent,
            "values": self.values,
            "combinations": self.combinations,
            "holds": self.holds,
        }


def rounded_down(percent: Fraction | None) -> float | None:
    """A percentage for display, rounded down to two decimals."""
    return None if percent is None else int(percent * 100 // 1) / 100


def attack(
    editions: Sequence[Table],
    sheets: Mapping[str, TrueSheets],
    rule: Rule,
    *,
    opened: Sequence[Table] = (),
) -> AttackResult:
    """Attack all editions together.

    Args:
        editions: What was released, in order.
        sheets: True figures, by round id, for every round that opened a block of the editions.
        rule: Of the terms. Its coalition of one nation is every nation alone, and an outsider.
        opened: The tables that amended editions derive from, where they are known: needed where
            an amendment added up blocks of different rounds that no edition shows alone.

    Guarantees:
        Exact: fractions and whole numbers only. Finds the leak when any one of these is switched
        off: frozen from opening, e in the rule, unit in the key, disjoint codes, the rule on
        |change| (``tests/unit/protect/test_protect_attack_leaks.py``).

    Raises:
        AttackInputError: the sheets did not make these tables.
    """
    nations = sorted({nation for s in sheets.values() for nation in s.figures})
    shown = read_values(editions, sheets, nations, opened)
    values = list({(v.cells, v.opened_in): v for edition in shown for v in edition}.values())
    p = rule.p_percent
    findings = [_finding("value", v.name, v.vector, v.at_least, v.unit, p, nations) for v in values]
    seen: set[frozenset[tuple[str, frozenset[CellKey]]]] = set()
    for whole, parts in _combinations(shown, values):
        key = frozenset((v.opened_in, v.cells) for v in (*whole, *parts))
        if key not in seen:
            seen.add(key)
            findings += _compare(whole, parts, p, nations)
    real = sorted(
        (f for f in findings if f is not None), key=lambda f: (f.margin, f.margin_with_rule)
    )
    return AttackResult(
        worst_margin=min((f.margin for f in real), default=None),
        worst_margin_with_rule=min((f.margin_with_rule for f in real), default=None),
        rule_percent=rule.p_percent,
        values=len(values),
        combinations=len(seen),
        findings=tuple(real[:_MOST_FINDINGS]),
    )


def _finding(
    kind: str,
    where: str,
    vector: Sequence[Number],
    at_least: int,
    unit: Number,
    p_percent: int | None,
    nations: Sequence[str],
) -> Finding | None:
    """The closest estimate of any positive entry by any other nation or an outsider.

    The insider takes his own part off the total, and one unit for every further contributor that
    must exist besides himself and the target.
    """
    total = sum(vector)
    names = ("", "")
    plain: tuple[Number, Number] | None = None
    ruled: tuple[Number, Number] | None = None
    for i, target in enumerate(vector):
        if target <= 0:
            continue
        for name, own in _insiders(vector, i, nations):
            others = max(0, at_least - 1 - (1 if own > 0 else 0))
            bound = (total - own - others * unit, target)
            if plain is None or bound[0] * plain[1] < plain[0] * bound[1]:
                plain, names = bound, (name, nations[i])
            if p_percent is not None:
                passed = (100 * (total - own), (100 + p_percent) * target)
                if ruled is None or passed[0] * ruled[1] < ruled[0] * passed[1]:
                    ruled = passed
    if plain is None:
        return None
    margin = Fraction(plain[0]) / Fraction(plain[1]) - 1
    with_rule = margin if ruled is None else Fraction(ruled[0]) / Fraction(ruled[1]) - 1
    return Finding(kind, where, *names, margin, min(margin, with_rule))


def _insiders(
    vector: Sequence[Number], target: int, nations: Sequence[str]
) -> Iterable[tuple[str, Number]]:
    """Who can do best against *target*: the largest other nation, or one without a figure.

    The bound falls with the insider's own figure, and every contributor has at least one unit, so
    the largest other contributor is the best of all contributors.
    """
    others = [(x, nations[j]) for j, x in enumerate(vector) if j != target and x > 0]
    if others:
        figure, name = max(others)
        yield name, figure
    yield OUTSIDER, 0


def _compare(
    whole: Sequence[Value], parts: Sequence[Value], p_percent: int, nations: Sequence[str]
) -> Iterable[Finding | None]:
    """What is left when *parts*, whose cells are some of *whole*'s, are taken off.

    An attacker who knows one of the two gets the other: the figures of the remaining cells, and
    the change of each part since *whole* was opened. Where *whole* is a sum of codes that has no
    figures for the parts, it is taken as unchanged.
    """
    where = " + ".join(v.name for v in whole) + " less " + " + ".join(v.name for v in parts)
    unit = whole[0].unit
    plus = _column_sums([v.vector for v in whole])
    then = [_figures_then(whole, part, nations) for part in parts]
    known = [row for row in then if row is not None]
    if len(known) < len(then):
        minus = _column_sums([v.vector for v in parts])
        mixed: list[Number] = [max(a - b, b - a) for a, b in zip(plus, minus, strict=True)]
        yield _finding("difference", where, mixed, 0, unit, None, nations)
        return
    minus = _column_sums(known)
    rest: list[Number] = [a - b for a, b in zip(plus, minus, strict=True)]
    yield _finding("difference", where, rest, 0, unit, None, nations)
    for part, row in zip(parts, known, strict=True):
        change: list[Number] = [max(a - b, b - a) for a, b in zip(part.vector, row, strict=True)]
        same = len(whole) == 1 and whole[0].cells == part.cells
        passed = same and (whole[0].reopened or part.reopened)
        yield _finding("change", where, change, 0, unit, p_percent if passed else None, nations)


def _figures_then(
    whole: Sequence[Value], part: Value, nations: Sequence[str]
) -> tuple[Number, ...] | None:
    """Each nation's figure for the part's cells when *whole* was opened."""
    rows = [value.figures_of(part.cells, nations) for value in whole]
    known = [row for row in rows if row is not None]
    return tuple(_column_sums(known)) if len(known) == len(rows) else None


def _column_sums(rows: Sequence[Sequence[Number]]) -> list[Number]:
    return [sum(row[i] for row in rows) for i in range(len(rows[0]))]


def _combinations(
    shown: Sequence[tuple[Value, ...]], values: Sequence[Value]
) -> Iterable[tuple[tuple[Value, ...], tuple[Value, ...]]]:
    """Pairs of sums of totals whose cells are nested: what can be taken off what."""
    by_cell: dict[CellKey, list[int]] = {}
    for number, value in enumerate(values):
        for cell in value.cells:
            by_cell.setdefault(cell, []).append(number)
    for number, whole in enumerate(values):
        touching = {n for cell in whole.cells for n in by_cell[cell]} - {number}
        inside = [n for n in sorted(touching) if values[n].cells <= whole.cells]
        for n in inside:
            if len(values[n].cells) < len(whole.cells) or n > number:
                yield (whole,), (values[n],)
        strict = [values[n] for n in inside if len(values[n].cells) < len(whole.cells)]
        for group in _families(strict, shown):
            if len(group) > 1:
                yield (whole,), group
    for place, one in enumerate(shown):
        for other in shown[place + 1 :]:
            yield from _overlaps(one, other)


def _families(
    inside: Sequence[Value], shown: Sequence[tuple[Value, ...]]
) -> Iterable[tuple[Value, ...]]:
    """Disjoint values that can be taken off together: per edition, and greedily over all."""
    if not inside:
        return
    for edition in shown:
        here = {id(v) for v in edition}
        yield _disjoint([v for v in inside if id(v) in here])
    yield _disjoint(sorted(inside, key=lambda v: -len(v.cells)))
    yield _disjoint(sorted(inside, key=lambda v: -v.shown_in))


def _disjoint(values: Iterable[Value]) -> tuple[Value, ...]:
    taken: set[CellKey] = set()
    kept = []
    for value in values:
        if not taken & value.cells:
            kept.append(value)
            taken |= value.cells
    return tuple(kept)


def _overlaps(
    one: Sequence[Value], other: Sequence[Value]
) -> Iterable[tuple[tuple[Value, ...], tuple[Value, ...]]]:
    """Unions of blocks of two editions that overlap without being nested block by block."""
    owner = {cell: n for n, value in enumerate(other) for cell in value.cells}
    left = list(range(len(one)))
    while left:
        mine, theirs = {left[0]}, set[int]()
        while True:
            cells = {c for n in mine for c in one[n].cells}
            theirs = {owner[c] for c in cells if c in owner}
            reach = {c for n in theirs for c in other[n].cells}
            grown = mine | {n for n in left if one[n].cells & reach}
            if grown == mine:
                break
            mine = grown
        left = [n for n in left if n not in mine]
        ours = tuple(one[n] for n in sorted(mine))
        yours = tuple(other[n] for n in sorted(theirs))
        if len(ours) > 1 and len(yours) > 0:
            a = frozenset(c for v in ours for c in v.cells)
            b = frozenset(c for v in yours for c in v.cells)
            if b <= a:
                yield ours, yours
            elif a <= b:
                yield yours, ours
