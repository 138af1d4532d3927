"""The marking decision compiled to one machine operation.

May touch: nothing but values. A marking becomes the set of things a reader must not lack, a
reader the set of things it lacks; reading is allowed if and only if the two are disjoint:

* one bit per level: the marking demands every level up to its own, the reader lacks those above;
* one bit per category: the marking demands its own, the reader lacks those it does not hold;
* one bit per affiliation: the marking demands *not* to be anyone outside its audience, and the
  reader "lacks" exactly at its own affiliation;
* one bit for strangers: every marking demands it, only an unknown affiliation lacks it.

So ``join`` is ``|``, ``meet`` is ``&`` and ``a <= b`` is ``not a & ~b``.
"""

from collections.abc import Iterable, Sequence

from delian.label.errors import LabelValueError, PolicyMismatchError
from delian.label.marking import MAX_LEVEL, Marking, Reader


class Alphabet:
    """Numbers the affiliations and categories of one policy once, for many decisions.

    Args:
        policy: Object identifier all markings and readers must stand under.
        affiliations: Every affiliation that a marking may name.
        categories: Every restrictive category that a marking may name.
    """

    __slots__ = ("_category", "_everyone", "_place", "_stranger", "policy")

    def __init__(
        self, policy: str, affiliations: Iterable[str], categories: Iterable[str] = ()
    ) -> None:
        self.policy = policy
        self._stranger = 1 << (MAX_LEVEL + 1)
        first = MAX_LEVEL + 2
        names = sorted(set(affiliations))
        self._place = {name: 1 << (first + i) for i, name in enumerate(names)}
        first += len(names)
        held = sorted(set(categories))
        self._category = {name: 1 << (first + i) for i, name in enumerate(held)}
        self._everyone = sum(self._place.values())

    def demands(self, marking: Marking) -> int:
        """*marking* as one number.

        Raises:
            PolicyMismatchError: the marking stands under another policy.
            LabelValueError: it names what this alphabet does not number.
        """
        self._own(marking.policy)
        try:
            audience = sum(self._place[name] for name in marking.audience)
            categories = sum(self._category[name] for name in marking.restrictive)
        except KeyError as error:
            raise LabelValueError("the marking names a value outside of the alphabet") from error
        levels = (2 << marking.level) - 1
        return levels | self._stranger | (self._everyone & ~audience) | categories

    def lacks(self, reader: Reader) -> int:
        """*reader* as one number; an affiliation the alphabet does not number reads nothing.

        Raises:
            PolicyMismatchError: the reader is cleared under another policy.
        """
        self._own(reader.policy)
        levels = ((2 << MAX_LEVEL) - 1) & ~((2 << reader.level) - 1)
        place = self._place.get(reader.affiliation, self._stranger)
        categories = sum(bit for name, bit in self._category.items() if name not in reader.holds)
        return levels | place | categories

    def _own(self, policy: str) -> None:
        if policy != self.policy:
            raise PolicyMismatchError("the alphabet belongs to another policy")


def permits(demands: int, lacks: int) -> bool:
    """May the reader read? One operation on numbers from one :class:`Alphabet`.

    Guarantees:
        Equal to :func:`delian.label.marking.may_read` (``tests/property/test_label_decide.py``).
    """
    return not demands & lacks


def readable(lacks: int, demands: Sequence[int]) -> list[int]:
    """Positions in *demands* that the reader may read, in order."""
    return [at for at, demand in enumerate(demands) if not demand & lacks]
