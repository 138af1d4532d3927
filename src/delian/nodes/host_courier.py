"""A host's papers by files: manifests and sealed parts in, arrivals and tables out.

A host that gets files only still needs links to its two peers; ``delian host run`` runs the round.
"""

from collections.abc import Sequence
from pathlib import Path

from delian.nodes.courier import Parcel, Taken, export, take_in
from delian.nodes.desk import Desk
from delian.nodes.host import Host
from delian.nodes.host_parts import HandedParts, is_part


def carry_in(home: Path, parcels: Sequence[Parcel]) -> Taken:
    """Hand files to the host in *home*; a running ``delian host run`` sees them, too."""
    host = Host.open(home)
    parts = HandedParts(host.desk, host.office)
    host.office = parts
    mine = [p for p in parcels if is_part(p.data)]
    for parcel in mine:
        parts.keep(parcel.data)
    papers = [p for p in parcels if not is_part(p.data)]
    taken = take_in(papers, host.desk.store, host.receive)
    return Taken((*(p.name for p in mine), *taken.taken), taken.later, taken.refused)


def carry_out(home: Path, folder: Path, *, again: bool = False) -> tuple[str, ...]:
    """Write what waits in the outbox into *folder*; the files' names."""
    return export(Desk.open(home), folder, again=again)
