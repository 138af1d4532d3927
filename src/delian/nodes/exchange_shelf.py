"""The catalogue in memory: datasets in the order of their identifiers, each ready to be sent."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from delian.exchange.catalogue import Dataset, matches, to_service
from delian.exchange.catalogue_filter import Cursor
from delian.exchange.catalogue_pages import Page, turn
from delian.exchange.plain import to_bytes
from delian.exchange.reactions import Participant
from delian.exchange.words import CONTEXT
from delian.nodes.exchange_ports import Visibility


@dataclass(frozen=True, slots=True)
class Shelved:
    """A dataset and its JSON."""

    dataset: Dataset
    raw: bytes

    @property
    def id(self) -> str:
        """Its identifier."""
        return self.dataset.id


class DatasetShelf:
    """What is published; the port of :func:`delian.exchange.catalogue_pages.turn`."""

    def __init__(self) -> None:
        self._by_id: dict[str, Shelved] = {}
        self._ids: list[str] = []

    def __len__(self) -> int:
        return len(self._ids)

    def fill(self, datasets: Iterable[Dataset]) -> None:
        """Begin with *datasets*."""
        self._by_id = {d.id: Shelved(d, to_bytes(d.to_plain())) for d in datasets}
        self._ids = sorted(self._by_id)

    def put(self, dataset: Dataset) -> None:
        """Publish, in place of one of the same name."""
        if dataset.id not in self._by_id:
            insort(self._ids, dataset.id)
        self._by_id[dataset.id] = Shelved(dataset, to_bytes(dataset.to_plain()))

    def take(self, name: str) -> None:
        """Withdraw."""
        if self._by_id.pop(name, None) is not None:
            del self._ids[bisect_left(self._ids, name)]

    def ids(self) -> tuple[str, ...]:
        """Every identifier, in order."""
        return tuple(self._ids)

    def get(self, name: str) -> Dataset | None:
        """The dataset *name*."""
        found = self._by_id.get(name)
        return None if found is None else found.dataset

    def after(self, place: str | None, count: int) -> list[Shelved]:
        """At most *count* that follow *place*."""
        start = 0 if place is None else bisect_right(self._ids, place)
        return [self._by_id[i] for i in self._ids[start : start + count]]

    def before(self, place: str, count: int) -> list[Shelved]:
        """At most *count* that precede *place*, nearest first."""
        stop = bisect_left(self._ids, place)
        return [self._by_id[i] for i in reversed(self._ids[max(0, stop - count) : stop])]

    def named(self, ids: tuple[str, ...]) -> list[Shelved]:
        """Those with these identifiers."""
        return [self._by_id[i] for i in sorted(set(ids)) if i in self._by_id]

    def page(self, cursor: Cursor, who: Participant, visibility: Visibility) -> Page[Shelved]:
        """The page at *cursor*, as *who* may see it."""
        wanted = cursor.filter

        partly: dict[str, Shelved] = {}

        def admits(shelved: Shelved) -> bool:
            seen = visibility.shown(shelved.dataset, who)
            if seen is None or (wanted.conditions and not matches(seen, wanted)):
                return False
            if seen is not shelved.dataset:
                partly[seen.id] = Shelved(seen, to_bytes(seen.to_plain()))
            return True

        page = turn(self, cursor, admits)
        if not partly:
            return page
        return replace(page, datasets=tuple(partly.get(s.id, s) for s in page.datasets))


def catalog_bytes(
    catalog_id: str, participant: str, address: str, shown: Iterable[Shelved]
) -> bytes:
    """The catalogue that holds *shown*, joined from JSON that is ready."""
    head: dict[str, Any] = {
        "@context": [CONTEXT],
        "@id": catalog_id,
        "@type": "Catalog",
        "participantId": participant,
        "service": [to_service(f"{catalog_id}:service", address)],
    }
    body = b",".join(shelved.raw for shelved in shown)
    start = to_bytes(head)
    return start[:-1] + b',"dataset":[' + body + b"]}" if body else start
