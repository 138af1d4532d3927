"""A release with a whole label, as the exchange offers it: on top of the release room's world."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache

from delian.label.bundled import bundled_policy
from delian.label.label import Label
from delian.label.marking import Marking
from delian.release.bundle import release_folder
from delian.release.package import Edition, render
from delian.release.repository import withdraw
from delian.release.withdrawal import file_name, withdraw_release
from tests.release_world import (
    MARKING,
    NOW,
    OFFICE,
    VALID,
    Released,
    World,
    draw_table,
    finish,
    frame_of,
    make_statement,
    roster_of,
    terms_of,
)

NATIONS = ("BEL", "FRA", "ITA", "NLD")


def label_for(*audience: str, level: int = 1) -> Label:
    """A label of the bundled policy."""
    marking = Marking(bundled_policy().oid, level, frozenset(audience))
    return Label(marking, "DELIAN-1", None, datetime(2026, 11, 1, tzinfo=UTC))


@lru_cache(maxsize=4)
def labelled_release(*, is_withdrawn: bool = False, audience: str = "INDUSTRY") -> Released:
    """A small release whose statement carries a whole label."""
    roster = roster_of(NATIONS)
    label = label_for(audience).to_plain()
    terms = terms_of(NATIONS, roster, frame_of(6, 2, 1), label=label)
    world = World(NATIONS, roster, terms, draw_table(terms, NATIONS, 1))
    package = render(world.table, world.terms, Edition(1, MARKING))
    made = finish(world, make_statement(world, package), package)
    return _withdrawn(made) if is_withdrawn else made


def _withdrawn(made: Released) -> Released:
    """The same release after one nation took it back: no longer listed, the paper beside it."""
    paper = withdraw_release(
        made.statement, "FRA", made.world.officer("FRA"), "an error was found", NOW
    ).to_wire()
    papers = {file_name(made.statement, "FRA"): paper}
    repository = withdraw(made.repository, made.statement.release_id, papers, OFFICE, VALID)
    folder = release_folder(made.papers, repository) | {
        f"withdrawals/{name}": data for name, data in papers.items()
    }
    return replace(made, repository=repository, folder=folder)
