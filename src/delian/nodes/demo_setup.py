"""Sets the demonstration's stage: homes, keys, the signed roster, the signed root, the terms.

Every role on one machine, under one organization for all hosts: this shows how it works, it gives
no confidentiality, and the terms say so.
"""

import shutil
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from delian.adapters.clock import PacedClock, ScaledClock, pace_bytes
from delian.adapters.files import write_bytes
from delian.contribute.template import template_csv
from delian.crypto.dsse import Envelope
from delian.label.bundled import bundled_policy
from delian.label.label import Label
from delian.label.marking import Marking
from delian.nodes import demo_world as world
from delian.nodes.genesis import (
    first_roster,
    make_party,
    plan_root,
    settle,
    sign_in,
    sign_root_in,
)
from delian.release.repository import join_roots
from delian.terms.encode import canonical, utc_text
from delian.terms.errors import RefusedError
from delian.terms.frame import CellKey, Frame
from delian.terms.party import Roster
from delian.terms.round_terms import Calendar, RoundTerms, Rule

HOSTS = ("alpha", "bravo", "charlie")
OFFICE = "SEC"
AUDIENCE = "industry"
PARTNERS = ("JPN",)
RULE = Rule(min_contributors=3, p_percent=15, count_bands=(3, 6, 11))
CLOCK_FACTOR = 3600.0  # an hour a second; the play moves it forward where nobody works
DAYS_BACK = 40
ROOT_DAYS = 800
MARK = "delian-demo.txt"


class FolderTakenError(RefusedError):
    """The folder for the demonstration holds something else."""

    code = "folder-taken"


@dataclass(frozen=True, slots=True)
class Stage:
    """Where everything of one demonstration lies.

    Args:
        out: The folder.
        codes: Nations, ascending.
        roster: Signed by everybody in it.
        clock: Scaled, labeled so on screen.
        frame: Items, years, tiers.
        address: Of the secretariat.
        seed: Draws the invented figures.
        needs: Round id to nation to figures; invented.
    """

    out: Path
    codes: tuple[str, ...]
    roster: Roster
    clock: PacedClock
    frame: Frame
    address: str
    seed: int
    needs: dict[str, Mapping[str, Mapping[CellKey, int]]] = field(repr=False)

    def home(self, code: str) -> Path:
        """The home of one party."""
        return self.out / "homes" / code

    @property
    def root(self) -> Path:
        """The trusted root file, outside of every release folder."""
        return self.out / "root.json"

    def forward(self, span: timedelta) -> None:
        """Move the clock of all roles forward."""
        moved = (self.clock.now_utc() - self.clock.base.now_utc() + span).total_seconds()
        write_bytes(self.clock.pace, pace_bytes(moved))


def set_stage(out: Path, *, seed: int, nations: int, cells: int) -> Stage:
    """Make folder, keys, roster and root; nothing runs yet.

    Raises:
        FolderTakenError: *out* holds something that is no earlier demonstration.
        InputError: too few nations or too many cells.
    """
    frame = world.frame(cells)
    chosen = world.nations(nations)
    out = out.absolute()
    _clear(out)
    origin = datetime.fromtimestamp(time.time() - DAYS_BACK * 86400).astimezone()
    pace = out / "homes" / "pace"
    write_bytes(pace, pace_bytes(0.0))
    started = time.monotonic()
    clock = PacedClock(ScaledClock(origin, started, CLOCK_FACTOR), pace)
    roster = _parties(out, chosen, clock.now_utc())
    ports = _free_ports(len(HOSTS) + 1)
    stage = Stage(
        out, tuple(c for c, _, _ in chosen), roster, clock, frame,
        f"https://127.0.0.1:{ports[-1]}", seed, {},
    )  # fmt: skip
    _settle(stage, started, ports)
    root = plan_root(stage.home(OFFICE), roster, clock.now_utc() + timedelta(days=ROOT_DAYS))
    signed = join_roots(root, [sign_root_in(stage.home(c), root) for c in stage.codes])
    for path in (stage.root, stage.home(OFFICE) / "root.json"):
        write_bytes(path, signed)
    return stage


def make_terms(stage: Stage, number: int, opens: datetime) -> RoundTerms:
    """The terms of the *number*th round, opening at *opens*."""
    policy = bundled_policy()
    label = Label(
        marking=Marking(
            policy=policy.oid,
            level=policy.level("UNCLASSIFIED").rank,
            audience=frozenset((*_members(), *PARTNERS, "INDUSTRY")),
        ),
        context="DELIAN-1",
        originator=None,
        created_utc=opens.replace(microsecond=0),
        review_utc=opens.replace(microsecond=0) + timedelta(days=365 * 5),
    )
    return RoundTerms(
        round_id=f"DEMO-{number}",
        title=f"Capability targets, round {number} (invented figures)",
        roster_version=stage.roster.version,
        roster_digest=stage.roster.digest,
        chair=OFFICE,
        nations=stage.codes,
        hosts=HOSTS,
        frame=stage.frame,
        rule=RULE,
        calendar=Calendar(
            sheets_until=opens.replace(microsecond=0) + timedelta(days=7),
            terms_silence_hours=48,
            release_silence_hours=48,
            retain_until=opens.replace(microsecond=0) + timedelta(days=365),
        ),
        audience=AUDIENCE,
        label=label.to_plain(),
        least_present=max(3, len(stage.codes) // 2),
        max_openings=2,
        demonstration=True,
    )


def write_sheets(stage: Stage, terms: RoundTerms) -> None:
    """Every nation's invented sheet: in the open folder for judges, and at its own node."""
    for code in stage.codes:
        data = fill_sheet(terms, code, stage.needs[terms.round_id][code])
        write_bytes(stage.out / "sheets" / f"{terms.round_id}-{code}.csv", data)
        write_bytes(stage.home(code) / "sheets" / f"{terms.round_id}.csv", data, secret=True)


def fill_sheet(terms: RoundTerms, nation: str, figures: Mapping[CellKey, int]) -> bytes:
    """The template of *nation* with its figures filled in."""
    lines = template_csv(terms, nation).decode("utf-8").splitlines()
    filled = lines[:2]
    for line, cell in zip(lines[2:], terms.frame.cells, strict=True):
        filled.append(f"{line}{figures.get(cell, 0)}")
    return ("\r\n".join(filled) + "\r\n").encode("utf-8")


def _members() -> tuple[str, ...]:
    return tuple(code for code, _, _ in world.NATIONS)


def _clear(out: Path) -> None:
    if out.exists() and any(out.iterdir()):
        if not (out / MARK).exists():
            raise FolderTakenError(
                f"{out.name} is not empty and no earlier demonstration",
                hint="give another folder with --out",
            )
        shutil.rmtree(out)
    out.mkdir(parents=True, exist_ok=True)
    write_bytes(out / MARK, b"This folder was made by a demonstration; the next one replaces it.\n")


def _parties(out: Path, chosen: tuple[tuple[str, str, int], ...], now_utc: datetime) -> Roster:
    homes = out / "homes"
    cards = [
        make_party(homes / code, "nation", code, name, name, now_utc) for code, name, _ in chosen
    ]
    for code in HOSTS:
        name = f"compute host {code}"
        cards.append(make_party(homes / code, "host", code, name, "demonstration", now_utc))
    name = "secretariat of the Delian League"
    cards.append(make_party(homes / OFFICE, "secretariat", OFFICE, name, "Delian League", now_utc))
    return first_roster("Delian League", cards)


def _settle(stage: Stage, started: float, ports: list[int]) -> None:
    """The roster signed by all, and everybody's settings."""
    envelope: Envelope | None = None
    everybody = (*stage.codes, *HOSTS, OFFICE)
    for code in everybody:
        one = sign_in(stage.home(code), stage.roster, code)
        envelope = one if envelope is None else envelope.added(one)
    if envelope is None:
        raise RefusedError("a partnership needs parties")
    write_bytes(stage.out / "roster.dsse.json", envelope.to_wire())
    shared: dict[str, str | int] = {
        "office": stage.address,
        "poll_seconds": 2,
        "clock_origin": utc_text(stage.clock.base.origin_utc),
        "clock_started": repr(started),
        "clock_factor": repr(CLOCK_FACTOR),
        "clock_pace": str(stage.clock.pace),
    }
    listen = {code: f"127.0.0.1:{port}" for code, port in zip(HOSTS, ports, strict=False)}
    for code in everybody:
        values: dict[str, str | int] = {**shared, "code": code, "role": "nation"}
        if code in HOSTS:
            peers = ",".join(f"{c}={a}" for c, a in listen.items() if c != code)
            values |= {"role": "host", "listen": listen[code], "peers": peers}
        elif code == OFFICE:
            listen_at = stage.address.removeprefix("https://")
            values |= {"role": "secretariat", "listen": listen_at, "office": stage.address}
        settle(stage.home(code), envelope, stage.roster.digest, values)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def terms_file(stage: Stage, terms: RoundTerms) -> Path:
    """The terms as a file, for a person to read and for processes to warm up with."""
    path = stage.out / f"terms-{terms.round_id}.json"
    write_bytes(path, canonical(terms.to_plain()))
    return path
