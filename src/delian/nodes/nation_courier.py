"""A nation's node by files alone: papers in, whatever is due done, papers out."""

from collections.abc import Sequence
from pathlib import Path

from delian.nodes.courier import Parcel, Taken, export, take_in
from delian.nodes.desk import Desk
from delian.nodes.nation import Nation


def carry_in(home: Path, parcels: Sequence[Parcel]) -> Taken:
    """Hand files to the node in *home* and let it do what is due."""
    nation = Nation.open(home)
    taken = take_in(parcels, nation.desk.store, nation.receive)
    nation.act()
    return taken


def carry_out(home: Path, folder: Path, *, again: bool = False) -> tuple[str, ...]:
    """Do what is due and write what waits in the outbox into *folder*; the files' names."""
    nation = Nation.open(home)
    nation.act()
    return export(nation.desk, folder, again=again)


def act_once(home: Path) -> None:
    """Do what is due, once; for a machine that wakes its agent by a timer."""
    Nation.open(home).act()


def outbox(home: Path) -> int:
    """How many papers wait to be sent."""
    return len(Desk.open(home).store.unsent())
