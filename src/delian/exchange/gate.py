"""Compiled offers, kept by name: one node decides on the same offers again and again.

May touch: values.
"""

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from delian.exchange.odrl import Policy
from delian.exchange.profile import Compiled, circle_of, compile_policy
from delian.exchange.profile_terms import Context

Made = TypeVar("Made")


class _Kept(Generic[Made]):
    """What was made of offers, by their names; of the same name and other rules, made anew."""

    __slots__ = ("_kept", "_make", "_most")

    def __init__(self, make: Callable[[Policy], Made], most: int) -> None:
        self._kept: dict[str, tuple[Policy, Made]] = {}
        self._make, self._most = make, most

    def of(self, policy: Policy) -> Made:
        found = self._kept.get(policy.id)
        if found is not None and (found[0] is policy or found[0] == policy):
            return found[1]
        made = self._make(policy)
        if found is None and len(self._kept) >= self._most:
            del self._kept[next(iter(self._kept))]
        self._kept[policy.id] = (policy, made)
        return made


class Gate:
    """Compiled offers by name, so that a page of a catalogue compiles nothing twice.

    Args:
        most: Offers that it remembers; the oldest go first.
    """

    __slots__ = ("_circles", "_compiled")

    def __init__(self, most: int = 20_000) -> None:
        self._circles = _Kept(circle_of, most)
        self._compiled = _Kept(compile_policy, most)

    def compiled(self, policy: Policy) -> Compiled:
        """The compiled form of *policy*."""
        return self._compiled.of(policy)

    def visible(self, policies: Iterable[Policy], context: Context) -> tuple[Policy, ...]:
        """Those of *policies* that the asker may know of, in their order."""
        return tuple([p for p in policies if self._circles.of(p).admits(context)])
