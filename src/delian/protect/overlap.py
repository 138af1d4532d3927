"""Which item codes speak of overlapping quantities, from the declared relations.

A code covers itself, the codes declared a part of it, and, where it is a sum, its summands.
Two codes overlap when what they cover has something in common.
"""

from collections.abc import Iterable, Mapping

from delian.protect.record import Code


def covered_codes(codes: Iterable[Mapping[str, Code]]) -> dict[str, frozenset[str]]:
    """For each code everything it covers, itself included.

    Args:
        codes: The codes of every frame that counts, the newest among them.
    """
    inside: dict[str, set[str]] = {}
    for frame in codes:
        for name, code in frame.items():
            inside.setdefault(name, set())
            for other in code.related:
                inside.setdefault(other, set())
                whole, part = (other, name) if code.relation == "part-of" else (name, other)
                inside[whole].add(part)
    return {name: _reach(name, inside) for name in inside}


def overlapping(name: str, covered: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Every other code that has something in common with *name*."""
    mine = covered.get(name, frozenset({name}))
    return frozenset(o for o, theirs in covered.items() if o != name and mine & theirs)


def _reach(name: str, inside: Mapping[str, set[str]]) -> frozenset[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        code = waiting.pop()
        if code not in found:
            found.add(code)
            waiting += inside.get(code, ())
    return frozenset(found)
