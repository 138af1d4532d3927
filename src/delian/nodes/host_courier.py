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

    def receive(data: bytes) -> None:
        (parts.keep if is_part(data) else host.receive)(data)

    return take_in(parcels, host.desk.store, receive)


def carry_out(home: Path, folder: Path, *, again: bool = False) -> tuple[str, ...]:
    """Write what waits in the outbox into *folder*; the files' names."""
    return export(Desk.open(home), folder, again=again)
