"""The secretariat by files: the feed of one reader out, anybody's papers in."""

from collections.abc import Callable, Sequence
from pathlib import Path

from delian.adapters.http_client import OfficeAwayError
from delian.contribute.manifest import Manifest
from delian.crypto.dsse import Envelope
from delian.nodes.courier import Parcel, Taken, parcel_of, take_in, write_parcels
from delian.nodes.desk import Desk
from delian.nodes.secretariat import SHEET, Secretariat
from delian.nodes.secretariat_orders import office_session
from delian.terms.errors import InputError
from delian.terms.party import Kind


def carry_in(home: Path, parcels: Sequence[Parcel]) -> Taken:
    """Hand files to the secretariat: through its door where it runs, or straight into its home."""
    desk = Desk.open(home)
    client = office_session(desk)
    try:
        client.status()
    except (OfficeAwayError, InputError):
        office = Secretariat.open(home)
        taken = take_in(parcels, desk.store, lambda data: office.receive(data, desk.code))
        office.act()
        return taken
    else:
        send: Callable[[bytes], object] = client.send
        return take_in(parcels, desk.store, send)
    finally:
        client.close()


def carry_out(home: Path, folder: Path, reader: str, *, again: bool = False) -> tuple[str, ...]:
    """Write what *reader* has not been given yet into *folder*; the files' names.

    Args:
        home: The secretariat's.
        folder: Where the files go.
        reader: A nation or a host; a host gets its sealed parts beside the papers.
        again: Everything from the beginning.
    """
    office = Secretariat.open(home)
    office.act()
    store, note = office.desk.store, f"carried/{reader}"
    after = 0 if again else int(store.note(note) or b"0")
    party = office.desk.membership.roster.party(reader)
    parcels: list[Parcel] = []
    last = after
    for seq, name, kind, body in office.feed(reader, after):
        parcels.append(parcel_of(seq, kind, name, body))
        if kind == SHEET and party.kind is Kind.HOST:
            parcels.append(_part(office, reader, seq, body))
        last = seq
    names = write_parcels(folder, parcels)
    store.remember(note, str(last).encode())
    return names


def _part(office: Secretariat, reader: str, seq: int, body: bytes) -> Parcel:
    name = Manifest.from_wire(Envelope.from_wire(body).payload).digest
    return parcel_of(seq, "part", name, office.blob(reader, f"contribution/{name}"))
