"""Is this node in good health? Clock, links, certificates, disk, keys, ledger.

May touch: the desk, the network adapters and the operating system. It changes nothing.
"""

import shutil
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from delian.adapters.clock import Clock
from delian.adapters.http_client import OfficeClient
from delian.nodes.desk import Desk
from delian.nodes.keyring import list_keys
from delian.nodes.pins import certificate_pem
from delian.terms.encode import parse_utc
from delian.terms.errors import DelianError, UnavailableError
from delian.terms.party import SIGNING, Kind

MOST_SECONDS_OFF = 120
LEAST_DAYS = 30
LEAST_FREE_BYTES = 1024**3
PEER_SECONDS = 5.0


class NotWellError(UnavailableError):
    """Something that this node needs is down; the answer says what."""

    code = "not-well"


@dataclass(frozen=True, slots=True)
class Finding:
    """One examination.

    Args:
        what: What was looked at.
        is_well: Whether it is as it must be.
        detail: What was found.
    """

    what: str
    is_well: bool
    detail: str

    def to_plain(self) -> dict[str, object]:
        """The finding for ``--json``."""
        return {"what": self.what, "ok": self.is_well, "detail": self.detail}

    def line(self) -> str:
        """The finding for a person."""
        return f"{'ok  ' if self.is_well else 'DOWN'}  {self.what}: {self.detail}"


def examine(home: Path, machine: Clock) -> tuple[Finding, ...]:
    """Look at everything the node in *home* needs.

    Args:
        home: Its home.
        machine: The machine's clock, for certificates; the office is asked with the node's own.
    """
    desk = Desk.open(home)
    examined: list[tuple[str, Callable[[], tuple[bool, str]]]] = [
        ("keys", lambda: _keys(home)),
        ("key files", lambda: _modes(home)),
        ("ledger", lambda: (True, f"{desk.ledger().size} entries, every link holds")),
        ("disk", lambda: _disk(home)),
        ("trouble", lambda: _trouble(desk)),
    ]
    if desk.settings.office:
        examined.append(("office and clock", lambda: _office(desk)))
    now_utc = machine.now_utc()
    examined += [(f"certificate of {c}", _dated(desk, c, now_utc)) for c in _certified(desk)]
    peers = desk.settings.peer_addresses()
    examined += [(f"link to {code}", _link(address)) for code, address in peers.items()]
    return tuple(_look(what, how) for what, how in examined)


def _look(what: str, how: Callable[[], tuple[bool, str]]) -> Finding:
    try:
        return Finding(what, *how())
    except DelianError as error:
        return Finding(what, False, error.message)


def _keys(home: Path) -> tuple[bool, str]:
    wrong = [f"{k.name} {k.state}" for k in list_keys(home) if k.state not in ("in use", "next")]
    return not wrong, ", ".join(wrong) or "all here, as on the card"


def _modes(home: Path) -> tuple[bool, str]:
    files = [*(home / "keys").rglob("*.key")]
    open_to = sorted(f.name for f in files if f.stat().st_mode & 0o077)
    return not open_to, f"others can read {', '.join(open_to)}" if open_to else "the owner's alone"


def _disk(home: Path) -> tuple[bool, str]:
    free = shutil.disk_usage(home).free
    return free >= LEAST_FREE_BYTES, f"{free // 1024**2} MiB free"


def _trouble(desk: Desk) -> tuple[bool, str]:
    rounds = sorted(desk.store.notes("trouble/"))
    names = ", ".join(name.removeprefix("trouble/") for name in rounds)
    return True, f"noted in {names}: see 'delian status'" if rounds else "none noted"


def _office(desk: Desk) -> tuple[bool, str]:
    client = _session(desk)
    try:
        theirs = parse_utc(client.status()["now"])
    finally:
        client.close()
    off = abs(theirs - desk.settings.clock().now_utc())
    real = desk.settings.clock().real_seconds(off)
    return real <= MOST_SECONDS_OFF, f"it answers; the clocks differ by {real:.0f} s"


def _session(desk: Desk) -> OfficeClient:
    roster, code = desk.membership.roster, desk.settings.office_code
    pem = certificate_pem(roster.party(code).keys.get("office-tls", "")).decode("ascii")
    purpose = SIGNING[roster.party(desk.code).kind]
    keyid = f"{desk.code}/{purpose}"
    return OfficeClient(desk.settings.office, pem, code, keyid, desk.key(purpose), 10.0)


def _certified(desk: Desk) -> list[str]:
    """Parties whose certificate this node relies on: its own, the office, a host's peers."""
    roster = desk.membership.roster
    wanted = {desk.code, desk.settings.office_code, *desk.settings.peer_addresses()}
    kinds = (Kind.HOST, Kind.INSTITUTION)
    return [p.code for p in roster.parties if p.code in wanted and p.kind in kinds]


def _dated(desk: Desk, code: str, now_utc: datetime) -> Callable[[], tuple[bool, str]]:
    def look() -> tuple[bool, str]:
        keys = desk.membership.roster.party(code).keys
        text = keys.get("host-tls") or keys.get("office-tls", "")
        ends = x509.load_pem_x509_certificate(certificate_pem(text)).not_valid_after_utc
        left = (ends - now_utc.astimezone(UTC)) // timedelta(days=1)
        return left >= LEAST_DAYS, f"valid for {left} days"

    return look


def _link(address: tuple[str, int]) -> Callable[[], tuple[bool, str]]:
    """A host listens only while a round runs: a refused connection shows that it is there."""

    def look() -> tuple[bool, str]:
        name = f"{address[0]}:{address[1]}"
        try:
            socket.create_connection(address, PEER_SECONDS).close()
        except ConnectionRefusedError:
            return True, f"{name} is reached; it listens while a round runs"
        except OSError:
            return False, f"{name} cannot be reached"
        return True, f"{name} listens"

    return look
