"""``./start campaign kills``: kill -9 of every role at random moments of many rounds.

Six nations, three hosts and the secretariat run as processes. Each round has item codes of its
own, so that its hosts compute and open; in the middle of it processes are killed and started
again. The round must end released and verified, with nothing lost and nothing opened twice.
"""

import os
import random
import shutil
import signal
import tempfile
import time
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from delian.adapters.files import read_bytes
from delian.crypto.dsse import Envelope
from delian.nodes import demo_setup
from delian.nodes.demo_processes import Roles
from delian.nodes.demo_setup import HOSTS, OFFICE, Stage
from delian.nodes.desk import Desk
from delian.nodes.secretariat_orders import office_session
from delian.protect.record import OpeningRecord
from delian.release.verify import verify
from delian.terms.encode import parse
from delian.terms.errors import NotYetError, RefusedError, UnavailableError
from delian.terms.round_terms import RoundTerms
from delian.terms.table import Table

NATIONS, CELLS = 6, 30
PATIENCE_SECONDS = 150.0
FLEET, CHILD, ALL_HOSTS = "whole fleet", "one nation", "three hosts in turn"
ROLES = (OFFICE, *HOSTS, FLEET, CHILD, ALL_HOSTS)
PHASES = ("terms", "sheets", "closing", "computing", "proposing", "release")
SETTINGS = "connect_seconds = 20\nstall_seconds = 10\n"


def run(budget_seconds: float, seed: int) -> dict[str, Any]:
    """Rounds until the budget is spent; raises on the first that is not as it must be."""
    folder = Path(tempfile.mkdtemp(prefix="delian-kills-"))
    try:
        stage = demo_setup.set_stage(folder / "out", seed=seed, nations=NATIONS, cells=CELLS)
        for code in (OFFICE, *HOSTS, *stage.codes):
            with (stage.home(code) / "node.toml").open("a") as settings:
                settings.write(SETTINGS)
        return Campaign(stage, seed).run(budget_seconds)
    finally:
        shutil.rmtree(folder)


class Campaign:
    """The processes, the rounds that they played, and what was killed.

    Args:
        stage: Homes and addresses.
        seed: Draws figures, moments and victims.
    """

    def __init__(self, stage: Stage, seed: int) -> None:
        self.stage, self.seed = stage, seed
        self.rng = random.Random(seed)
        self.kills: Counter[str] = Counter()
        self.phases: Counter[str] = Counter()
        self.terms: list[RoundTerms] = []
        self.figures: dict[str, dict[Any, int]] = {}
        self.plan: list[tuple[str, float, str]] = []
        self.slowest = 0.0

    def run(self, budget_seconds: float) -> dict[str, Any]:
        """Rounds until the budget is spent, at least two."""
        first = self.make_round(0)
        with Roles(self.stage, demo_setup.terms_file(self.stage, first)) as self.roles:
            self.roles.wait_ready()
            self.office = office_session(Desk.open(self.stage.home(OFFICE)))
            started = time.monotonic()
            number = 0
            while number < 2 or time.monotonic() < started + budget_seconds:
                terms = first if number == 0 else self.make_round(number)
                self.play(terms, calm=number == 0)
                number += 1
            self.check_nodes()
            self.office.close()
        return {
            "rounds": number,
            "kills": sum(self.kills.values()),
            "kills_by_role": dict(sorted(self.kills.items())),
            "kills_by_phase": dict(self.phases),
            "slowest_round_s": round(self.slowest, 1),
            "seconds": round(time.monotonic() - started, 1),
            "failures": 0,
        }

    # --- one round --------------------------------------------------------------------------

    def make_round(self, number: int) -> RoundTerms:
        """Terms over an item code of this round alone, and every nation's invented sheet."""
        stage, rng = self.stage, random.Random(f"{self.seed}/{number}")
        item = replace(stage.frame.items[0], code=f"K{number:04}")
        frame = replace(stage.frame, items=(item,), families=None, groups=None)
        terms = demo_setup.make_terms(stage, number + 1, stage.clock.now_utc())
        terms = replace(terms, frame=frame, retry_limit=50)
        figures = {
            code: {
                c: rng.choice((0, rng.randint(1, 90), rng.randint(50, 900))) for c in frame.cells
            }
            for code in stage.codes
        }
        stage.needs[terms.round_id] = figures
        demo_setup.write_sheets(stage, terms)
        self.figures[terms.round_id] = {
            c: sum(figures[code][c] for code in stage.codes) for c in frame.cells
        }
        self.terms.append(terms)
        return terms

    def play(self, terms: RoundTerms, *, calm: bool) -> None:
        """One round from its opening to its release, with kills at random moments."""
        began = time.monotonic()
        count = 0 if calm else self.rng.choice((1, 1, 2, 3))
        self.plan = [
            (self.rng.choice(PHASES), self.rng.uniform(0.0, 0.8), self.rng.choice(ROLES))
            for _ in range(count)
        ]
        calendar = terms.calendar
        self.wait(terms, "opening", lambda _: self.order_open(terms))
        self.forward(timedelta(hours=calendar.terms_silence_hours))
        self.wait(terms, "terms", lambda r: r.get("agreed"))
        self.wait(terms, "sheets", lambda r: len(r.get("receipted", ())) == NATIONS)
        left = calendar.sheets_until - self.stage.clock.now_utc()
        self.forward(max(timedelta(0), left))
        self.wait(terms, "closing", lambda r: r.get("closed"))
        self.wait(terms, "computing", lambda r: r.get("opened"))
        self.wait(terms, "proposing", lambda r: len(r.get("proposals", ())) >= 2)
        self.forward(timedelta(hours=calendar.release_silence_hours))
        folder = self.wait(
            terms,
            "release",
            lambda r: next((p["released"] for p in r["proposals"] if p["released"]), None),
        )
        self.slowest = max(self.slowest, time.monotonic() - began)
        self.check_release(terms, Path(folder))

    def order_open(self, terms: RoundTerms) -> bool:
        """Open the round; a second time after a lost answer it exists already."""
        try:
            self.office.order({"order": "open-round", "terms": terms.to_plain()})
        except RefusedError as error:
            return "exists" in error.message
        return True

    def wait(self, terms: RoundTerms, phase: str, found: Any) -> Any:
        """Until *found* gives something about the round; kills whoever's time has come."""
        began = time.monotonic()
        victims = sorted((moment, role) for at, moment, role in self.plan if at == phase)
        while time.monotonic() < began + PATIENCE_SECONDS:
            while victims and victims[0][0] <= time.monotonic() - began:
                self.kill(victims.pop(0)[1])
                self.phases[phase] += 1
            self.roles.check()  # whoever ends without being killed has a bug
            try:
                value = found(self.status(terms))
            except (UnavailableError, NotYetError):
                value = None
            if value and not victims:
                return value
            time.sleep(0.15)
        raise AssertionError(
            f"round {terms.round_id} hangs at '{phase}' after {dict(self.kills)}: {self.why(terms)}"
        )

    def status(self, terms: RoundTerms) -> dict[str, Any]:
        rounds = self.office.status()["rounds"]
        return next((r for r in rounds if r["round"] == terms.round_id), {})

    def forward(self, span: timedelta) -> None:
        self.stage.forward(span + timedelta(minutes=1))
        try:
            self.office.order({"order": "wake"})
        except UnavailableError:
            return  # it was just killed; everybody asks again by itself

    def why(self, terms: RoundTerms) -> list[str]:
        """What the nodes say they cannot do."""
        said = []
        for code in (*HOSTS, *self.stage.codes):
            note = Desk.open(self.stage.home(code)).store.note(f"trouble/{terms.round_id}")
            said.append(f"{code}: {note.decode() if note else 'no trouble'}")
        return said

    # --- killing ----------------------------------------------------------------------------

    def kill(self, role: str) -> None:
        """kill -9, and start again at once or a little later."""
        self.kills[role] += 1
        pause = self.rng.choice((0.0, 0.0, 0.5))
        if role == CHILD:
            children = children_of(self.roles.running["nations"].pid)
            if children:
                os.kill(self.rng.choice(children), signal.SIGKILL)  # its parent starts it again
            return
        if role == FLEET:
            fleet = self.roles.running["nations"]
            children = children_of(fleet.pid)
            fleet.kill()
            fleet.wait()
            for pid in children:
                os.kill(pid, signal.SIGKILL)
            time.sleep(pause)
            self.roles.start("nations")
            return
        for code in HOSTS if role == ALL_HOSTS else (role,):
            process = self.roles.running[code]
            process.kill()
            process.wait()
            time.sleep(pause)
            self.roles.start(code)

    # --- what must hold ---------------------------------------------------------------------

    def check_release(self, terms: RoundTerms, folder: Path) -> None:
        """The release verifies, and every total is that of the invented sheets."""
        files = {
            p.relative_to(folder).as_posix(): p.read_bytes()
            for p in sorted(folder.rglob("*"))
            if p.is_file()
        }
        root = read_bytes(self.stage.root)
        report = verify(files, root, now_utc=self.stage.clock.now_utc())
        if not report.ok:
            raise AssertionError(f"{terms.round_id} does not verify: {report.failures}")
        table = Table.from_plain(parse(files["opened.json"]))
        if table.absent:
            raise AssertionError(f"{terms.round_id} lost the sheets of {table.absent}")
        self.check_totals(table)
        if not table.blocks:
            raise AssertionError(f"{terms.round_id} opened nothing, so that it proves nothing")

    def check_totals(self, table: Table) -> None:
        for block in table.blocks:
            true = sum(self.figures[block.opened_in][c] for c in block.cells)
            if block.total != true:
                raise AssertionError(f"{table.round_id}: a total is not that of the sheets")

    def check_nodes(self) -> None:
        """Every ledger holds and names every paper; no round was opened in two ways."""
        for code in (OFFICE, *HOSTS, *self.stage.codes):
            desk = Desk.open(self.stage.home(code))
            papers = {p.digest for p in desk.store.documents()}
            entries = [e.digest for e in desk.ledger().read()]
            if set(entries) != papers or len(entries) != len(papers):
                raise AssertionError(f"the ledger of {code} does not name exactly its papers")
            if code in HOSTS:
                self.check_host(code, desk)
            desk.store.close()
        self.check_tables()

    def check_host(self, code: str, desk: Desk) -> None:
        """At most one list of cells to open per round, and what was opened lies within it."""
        order = parse(desk.store.note("openings") or b"[]")
        rounds = [t.round_id for t in self.terms]
        if not isinstance(order, list) or order != [r for r in rounds if r in order]:
            raise AssertionError(f"{code} wrote openings down twice or out of order: {order}")
        for round_id in rounds:
            note = desk.store.note(f"opening/{round_id}")
            if note is None:
                raise AssertionError(f"{code} has no opening of {round_id} in its history")
            record = OpeningRecord.from_plain(parse(note))
            if record.table is not None:
                self.check_totals(record.table)

    def check_tables(self) -> None:
        """All tables that hosts ever signed for a round show the same blocks, run by run."""
        desk = Desk.open(self.stage.home(OFFICE))
        for terms in self.terms:
            shown = set()
            for paper in desk.store.documents("opened", terms.round_id):
                table = Table.from_plain(parse(Envelope.from_wire(paper.body).payload))
                self.check_totals(table)
                shown.add(tuple((b.cells, b.total, b.at_least, b.at_most) for b in table.blocks))
            if len(shown) != 1:
                raise AssertionError(f"{terms.round_id} was opened in {len(shown)} ways")
        desk.store.close()


def children_of(pid: int) -> list[int]:
    """Processes that *pid* started."""
    path = Path("/proc") / str(pid) / "task" / str(pid) / "children"
    try:
        return [int(child) for child in path.read_text().split()]
    except OSError:
        return []
