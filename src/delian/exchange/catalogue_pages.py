"""Which datasets stand on a page: a walk over the shelf from where the page before it ended.

May touch: values; the shelf is a port that the node hands in.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

from delian.exchange.catalogue_filter import Cursor

MAX_LOOKS = 2000


class _Named(Protocol):
    @property
    def id(self) -> str: ...


D = TypeVar("D", bound=_Named)


class Shelf(Protocol[D]):
    """Where published datasets lie, in the order of their identifiers."""

    def after(self, place: str | None, count: int) -> list[D]:
        """At most *count* datasets whose identifiers follow *place*, in ascending order."""
        ...

    def before(self, place: str, count: int) -> list[D]:
        """At most *count* datasets whose identifiers precede *place*, in descending order."""
        ...

    def named(self, ids: tuple[str, ...]) -> list[D]:
        """The datasets with these identifiers, in ascending order."""
        ...


@dataclass(frozen=True, slots=True)
class Page(Generic[D]):
    """What stands on a page, and where its neighbors begin."""

    datasets: tuple[D, ...]
    next: Cursor | None
    previous: Cursor | None


def turn(shelf: Shelf[D], cursor: Cursor, admits: Callable[[D], bool]) -> Page[D]:
    """The page at *cursor*.

    Args:
        shelf: Where the datasets lie.
        cursor: Where the page begins.
        admits: Whether the asker may know of a dataset and its filter asks for it.

    Guarantees:
        All pages in a row show everything that was there throughout exactly once, and nothing
        twice, whatever is published or withdrawn meanwhile. No page looks at more than
        ``MAX_LOOKS`` datasets: one that finds little ends early and names the next
        (``tests/property/test_exchange_catalogue.py``).
    """
    wanted = cursor.filter
    if wanted.ids is not None:
        found = [d for d in shelf.named(wanted.ids) if admits(d)]
        return Page(tuple(found[wanted.skip : wanted.skip + wanted.limit]), None, None)
    if cursor.before is not None:
        return _backward(shelf, cursor, cursor.before, admits)
    return _forward(shelf, cursor, admits)


def _forward(shelf: Shelf[D], cursor: Cursor, admits: Callable[[D], bool]) -> Page[D]:
    limit, skip = cursor.filter.limit, cursor.filter.skip
    shown: list[D] = []
    place, looks, is_more = cursor.after, 0, True
    while is_more and len(shown) < limit and looks < MAX_LOOKS + skip:
        batch = shelf.after(place, limit + 1)
        is_more = len(batch) > limit
        for dataset in batch[:limit]:
            looks += 1
            place = dataset.id
            if admits(dataset):
                if skip:
                    skip -= 1
                    continue
                shown.append(dataset)
                if len(shown) == limit:
                    is_more = is_more or dataset is not batch[-1]
                    break
    rest = replace(cursor.filter, skip=0)
    following = Cursor(rest, after=place) if is_more else None
    first = shown[0].id if shown else place
    is_later = (cursor.after is not None or cursor.filter.skip) and first is not None
    return Page(tuple(shown), following, Cursor(rest, before=first) if is_later else None)


def _backward(shelf: Shelf[D], cursor: Cursor, before: str, admits: Callable[[D], bool]) -> Page[D]:
    limit = cursor.filter.limit
    shown: list[D] = []
    place, looks, is_more = before, 0, True
    while is_more and len(shown) < limit and looks < MAX_LOOKS:
        batch = shelf.before(place, limit + 1)
        is_more = len(batch) > limit
        for dataset in batch[:limit]:
            looks += 1
            place = dataset.id
            if admits(dataset):
                shown.append(dataset)
                if len(shown) == limit:
                    is_more = is_more or dataset is not batch[-1]
                    break
    shown.reverse()
    last = shown[-1].id if shown else None
    following = Cursor(cursor.filter, after=last) if last is not None else Cursor(cursor.filter)
    return Page(tuple(shown), following, Cursor(cursor.filter, before=place) if is_more else None)
