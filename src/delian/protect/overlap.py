"""Which item codes speak of overlapping quantities, from the declared relations.

A code covers itself, the codes declared a part of it, and, where it is a sum, its summands.
Two codes overlap when what they cover has something in common.
"""

from collections.abc import Iterable, Mapping

from delian.protect.record import Code


class Overlaps:
    """What overlaps what.

    Args:
        frames: The codes of every frame that counts, the newest among them.
    """

    __slots__ = ("_covered", "_covering")

    def __init__(self, frames: Iterable[Mapping[str, Code]]) -> None:
        inside: dict[str, set[str]] = {}
        for frame in frames:
            for name, code in frame.items():
                inside.setdefault(name, set())
                for other in code.related:
                    whole, part = (other, name) if code.relation == "part-of" else (name, other)
                    inside.setdefault(whole, set()).add(part)
                    inside.setdefault(part, set())
        self._covered = {name: _reach(name, inside) for name in inside}
        self._covering: dict[str, set[str]] = {}
        for name, parts in self._covered.items():
            for part in parts:
                self._covering.setdefault(part, set()).add(name)

    def of(self, name: str) -> frozenset[str]:
        """Every other code that has something in common with *name*."""
        parts = self._covered.get(name, frozenset({name}))
        found = {o for part in parts for o in self._covering.get(part, ())}
        return frozenset(found - {name})


def _reach(name: str, inside: Mapping[str, set[str]]) -> frozenset[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        code = waiting.pop()
        if code not in found:
            found.add(code)
            waiting += inside.get(code, ())
    return frozenset(found)
