"""Papers as files: what leaves a node on a memory stick, and what comes in by one.

Every step of a round is one file that any node takes from any road. May touch: a node's store and
its outbox; which node it is, the ``*_courier`` modules know.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from delian.adapters.files import read_bytes, write_bytes
from delian.adapters.store import Store
from delian.nodes.desk import Desk
from delian.terms.encode import Digest, digest
from delian.terms.errors import DelianError, NotYetError, UnavailableError

MAX_PAPER_BYTES = 512 * 1024 * 1024
CONTRIBUTION = "contribution"


@dataclass(frozen=True, slots=True)
class Parcel:
    """One file that travels.

    Args:
        name: Sorts in the order in which the files must be read.
        data: Its bytes.
    """

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of the files that came in.

    Args:
        taken: Names of those that were taken.
        later: Names of those that wait for another paper or for their time.
        refused: Names of the others, each with the reason.
    """

    taken: tuple[str, ...]
    later: tuple[str, ...]
    refused: tuple[tuple[str, DelianError], ...]


def parcel_of(number: int, kind: str, name: Digest, data: bytes) -> Parcel:
    """A file whose name tells its place and its kind, and nothing about what is in it."""
    suffix = "delian" if kind in (CONTRIBUTION, "part") else "dsse.json"
    return Parcel(f"{number:08d}-{kind}-{name.removeprefix('sha256:')[:16]}.{suffix}", data)


def outgoing(desk: Desk, *, again: bool = False) -> tuple[Parcel, ...]:
    """What this node has to send, oldest first; with *again* also what was sent before."""
    papers = desk.store.outbox() if again else desk.store.unsent()
    return tuple(parcel_of(p.seq, p.kind, p.digest, p.body) for p in papers)


def write_parcels(folder: Path, parcels: Iterable[Parcel]) -> tuple[str, ...]:
    """Write the files into *folder*; their names."""
    folder.mkdir(parents=True, exist_ok=True)
    names: list[str] = []
    for parcel in parcels:
        write_bytes(folder / parcel.name, parcel.data)
        names.append(parcel.name)
    return tuple(names)


def export(desk: Desk, folder: Path, *, again: bool = False) -> tuple[str, ...]:
    """Write what waits in the outbox into *folder* and call it sent, once it lies there."""
    parcels = outgoing(desk, again=again)
    names = write_parcels(folder, parcels)
    with desk.store.step():
        for parcel in parcels:
            desk.store.mark_sent(digest(parcel.data))
    return names


def read_parcels(paths: Sequence[Path]) -> tuple[Parcel, ...]:
    """The files, and those in folders, in the order of their names."""
    files = [f for p in paths for f in (sorted(p.iterdir()) if p.is_dir() else [p])]
    kept = [f for f in files if f.is_file() and not f.name.startswith(".")]
    return tuple(Parcel(f.name, read_bytes(f, max_bytes=MAX_PAPER_BYTES)) for f in kept)


def take_in(parcels: Sequence[Parcel], store: Store, receive: Callable[[bytes], object]) -> Taken:
    """Hand files to a node until no more of them can be taken.

    Args:
        parcels: In any order; one that needs another waits for it.
        store: Remembers those that come too early, as the pump does.
        receive: The node's own way in; it verifies.

    Raises:
        UnavailableError: the node cannot work now; nothing is lost, give the files again.
    """
    waiting = [*parcels, *(Parcel(n, body) for n, body in store.notes("later/").items())]
    taken: list[str] = []
    refused: list[tuple[str, DelianError]] = []
    moved = True
    while moved and waiting:
        moved, early = False, []
        for parcel in waiting:
            try:
                receive(parcel.data)
            except NotYetError:
                early.append(parcel)
                continue
            except UnavailableError:
                raise
            except DelianError as error:
                refused.append((parcel.name, error))
            else:
                taken.append(parcel.name)
                moved = True
            store.forget(f"later/{digest(parcel.data)}")
        waiting = early
    for parcel in waiting:
        store.remember(f"later/{digest(parcel.data)}", parcel.data)
    return Taken(tuple(taken), tuple(p.name for p in waiting), tuple(refused))
