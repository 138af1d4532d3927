"""The demonstration as a play: two rounds, a broken silence, two editions, proof and attack.

Every role is a process of its own; this module gives the orders that people would give and
watches. All on one machine: it demonstrates, it does not give confidentiality.
"""

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from delian.adapters.files import read_bytes, write_bytes
from delian.adapters.http_client import OfficeClient
from delian.crypto.sign import PrivateKey
from delian.nodes import demo_world as world
from delian.nodes.demo_guide import guide
from delian.nodes.demo_processes import Roles
from delian.nodes.demo_setup import (
    HOSTS,
    OFFICE,
    RULE,
    Stage,
    make_terms,
    set_stage,
    terms_file,
    write_sheets,
)
from delian.nodes.nation_officer import NoProposalError, Officer
from delian.nodes.pins import certificate_pem
from delian.protect.attack import AttackResult, attack
from delian.protect.values import TrueSheets
from delian.release.report import VerifyReport
from delian.release.verify import verify
from delian.terms.encode import parse
from delian.terms.errors import UnavailableError
from delian.terms.frame import CellKey
from delian.terms.round_terms import RoundTerms
from delian.terms.table import State, Table

STEP_SECONDS = 180.0
POLL_SECONDS = 0.2
REVISERS = 2
FASHION = "P17"  # many nations revise this product between the rounds


class Watch(Protocol):
    """Whoever looks on."""

    def chapter(self, title: str, about: str = "") -> None:
        """A new part begins."""
        ...

    def start_clock(self) -> None:
        """Set-up is over."""
        ...

    def waiting(self, text: str) -> None:
        """Something runs."""
        ...

    def step(self, text: str) -> None:
        """Something is done."""
        ...

    def note(self, text: str) -> None:
        """Something to know."""
        ...


class StuckError(UnavailableError):
    """A step of the demonstration did not come to its end."""

    code = "stuck"


@dataclass(slots=True)
class Play:
    """One performance.

    Args:
        stage: Where it plays.
        roles: The processes.
        office: A session with the secretariat, under its own key.
        watch: Whoever looks on.
        editions: Folders of what was released.
        proposals: How many proposals were put to the nations.
    """

    stage: Stage
    roles: Roles
    office: OfficeClient
    watch: Watch
    editions: list[Path] = field(default_factory=list)
    proposals: int = 0

    # --- watching ---------------------------------------------------------------------------

    def round(self, round_id: str) -> dict[str, Any]:
        """What the secretariat says about a round."""
        rounds = self.office.status()["rounds"]
        return next((r for r in rounds if r["round"] == round_id), {})

    def until(self, what: str, found: Callable[[], Any]) -> Any:
        """Wait until *found* gives something; never longer than a few minutes.

        Raises:
            StuckError: it did not come.
        """
        end = time.monotonic() + STEP_SECONDS
        self.watch.waiting(what)
        while not (value := found()):
            self.roles.check()
            if time.monotonic() > end:
                raise StuckError(f"this did not come to its end: {what}")
            time.sleep(POLL_SECONDS)
        return value

    def forward(self, span: timedelta) -> None:
        """Move everybody's clock forward and let everybody look."""
        self.stage.forward(span + timedelta(minutes=1))
        self.office.order({"order": "wake"})

    def forward_to(self, moment: datetime) -> None:
        """Move everybody's clock to just after *moment*."""
        self.forward(max(timedelta(0), moment - self.stage.clock.now_utc()))

    # --- the acts ---------------------------------------------------------------------------

    def agree_terms(self, terms: RoundTerms) -> None:
        """Put the terms to all nations; silence; every agent countersigns."""
        self.office.order({"order": "open-round", "terms": terms.to_plain()})
        self.proposals += 1
        hours = terms.calendar.terms_silence_hours
        self.watch.note(f"silence runs for {hours} hours on a scaled clock, moved forward here")
        self.forward(timedelta(hours=hours))
        self.until(
            "every agent checks the terms and countersigns",
            lambda: self.round(terms.round_id).get("agreed"),
        )
        self.watch.step(f"{len(terms.nations)} of {len(terms.nations)} agents have countersigned")

    def collect(self, terms: RoundTerms) -> None:
        """Sheets in, sealed, checked by three hosts, receipted; then the list is closed."""

        def receipts() -> bool:
            have = len(self.round(terms.round_id).get("receipted", ()))
            self.watch.waiting(f"receipts: {have} of {len(terms.nations)}")
            return have == len(terms.nations)

        self.until("sheets are sealed, sent and receipted", receipts)
        count = len(terms.nations)
        self.watch.step(f"{count} sheets sealed to three hosts; a receipt has four signatures")
        self.forward_to(terms.calendar.sheets_until)
        self.until(
            "every agent countersigns the closing list",
            lambda: self.round(terms.round_id).get("closed"),
        )
        self.watch.step("the closing list is countersigned by every nation in it")

    def compute(self, terms: RoundTerms) -> None:
        """The three hosts run the circuits; every AND is checked before anything is opened."""
        self.until(
            "three hosts compute on shares; every AND is checked before anything is opened",
            lambda: self.round(terms.round_id).get("opened"),
        )
        self.watch.step(
            "the hosts opened what the rule allows, and all three signed the same table"
        )

    def release(self, terms: RoundTerms) -> Path:
        """Silence over the newest release proposal; every agent signs; the edition is out."""
        proposal = self.pending(terms)
        hours = terms.calendar.release_silence_hours
        self.forward(timedelta(hours=hours))
        folder = self.until(
            "every agent renders the files again, compares, checks and signs",
            lambda: self.state(terms, proposal)["released"],
        )
        copy = self.stage.out / f"edition-{len(self.editions) + 1}"
        shutil.copytree(folder, copy)
        self.editions.append(copy)
        self.watch.step(f"all {len(terms.nations)} nations signed these exact bytes: {copy.name}")
        return copy

    def pending(self, terms: RoundTerms) -> str:
        """The release proposal on which silence runs."""

        def newest() -> str | None:
            found = self.round(terms.round_id).get("proposals", [])
            running = [p for p in found if p["matter"] == "release" and p["state"] == "pending"]
            return str(running[-1]["proposal"]) if running else None

        proposal = str(self.until("the secretariat proposes the release", newest))
        self.proposals += 1
        return proposal

    def state(self, terms: RoundTerms, proposal: str) -> dict[str, Any]:
        """How one proposal stands."""
        found = self.round(terms.round_id)["proposals"]
        return next(p for p in found if p["proposal"] == proposal)

    def break_silence(self, terms: RoundTerms) -> None:
        """One officer objects; the secretariat amends: less, never more."""
        proposal = self.pending(terms)
        nation = (
            "NLD" if "NLD" in self.stage.codes else self.stage.codes[len(self.stage.codes) // 2]
        )
        table, block = self._block_to_withhold(nation, proposal)
        reason = f"the total of {block} can be ascribed to one program; withhold it"
        Officer.at(self.stage.home(nation)).speak("object", reason, proposal)
        self.until(
            "the objection arrives",
            lambda: self.state(terms, proposal)["state"] == "broken",
        )
        self.watch.step(f"{nation} broke silence, with a reason: {reason}")
        self.office.order({"order": "amend", "round": terms.round_id, "withhold": [str(block)]})
        self.watch.note(f"amended: one of {len(table.blocks)} blocks is withheld; silence restarts")

    def _block_to_withhold(self, nation: str, proposal: str) -> tuple[Table, CellKey]:
        """The proposed table as the nation's own node has it, and the block it minds."""
        officer = Officer.at(self.stage.home(nation))

        def arrived() -> Table | None:
            officer.nation.catch_up()
            try:
                view, found = officer.proposal(proposal)
            except NoProposalError:
                return None
            statement = view.statements.get(found.subject)
            return view.tables.get(statement.table_digest) if statement else None

        table: Table = self.until("the proposal reaches the officers", arrived)
        small = [b for b in table.blocks if len(b.cells) == 1]
        chosen = min(small or table.blocks, key=lambda b: (b.total, b.cells))
        return table, chosen.cells[0]

    # --- proof ------------------------------------------------------------------------------

    def verify_all(self) -> list[VerifyReport]:
        """Verify every edition from its files and the pinned root alone."""
        reports = []
        root = read_bytes(self.stage.root)
        for number, folder in enumerate(self.editions, 1):
            self._fresh_copy(folder)
            files = {
                str(p.relative_to(folder)): p.read_bytes()
                for p in sorted(folder.rglob("*"))
                if p.is_file()
            }
            report = verify(files, root, now_utc=datetime.now(tz=UTC))
            reports.append(report)
            outcome = "passed" if report.ok else "FAILED"
            self.watch.step(f"edition {number}: {len(report.checks)} checks {outcome}")
        return reports

    def _fresh_copy(self, folder: Path) -> None:
        """The folder as the secretariat offers it now, with the newest metadata."""
        table = parse(read_bytes(folder / "opened.json"))
        releases = self.stage.home(OFFICE) / "releases"
        for source in releases.iterdir():
            if parse(read_bytes(source / "opened.json")) == table:
                shutil.rmtree(folder)
                shutil.copytree(source, folder)

    def attack_all(self) -> AttackResult:
        """Attack all editions together, with the true figures to measure against."""
        tables = [Table.from_plain(parse(read_bytes(f / "opened.json"))) for f in self.editions]
        sheets = {r: TrueSheets(figures) for r, figures in self.stage.needs.items()}
        result = attack(tables, sheets, RULE)
        self.watch.step(
            f"{result.values} totals and {result.combinations} combinations of them attacked by "
            f"every nation and an outsider"
        )
        return result


def run_demo(out: Path, *, seed: int, nations: int, cells: int, watch: Watch) -> dict[str, Any]:
    """Play it.

    Args:
        out: Folder for everything.
        seed: Draws the invented figures.
        nations: How many.
        cells: Leaf cells, rounded up to whole products.
        watch: Whoever looks on.

    Returns:
        What ``docs/contract.md`` promises to scripts.
    """
    began = time.monotonic()
    watch.chapter("Set-up (counted apart)")
    stage = set_stage(out, seed=seed, nations=nations, cells=cells)
    watch.step(
        f"keys made by {nations} nations, {len(HOSTS)} hosts and the secretariat; roster and root"
        " signed"
    )
    first = make_terms(stage, 1, stage.clock.now_utc())
    stage.needs[first.round_id] = world.needs(stage.frame, stage.codes, seed)
    write_sheets(stage, first)
    watch.step(f"{nations} invented sheets of {len(stage.frame.cells)} cells, in {out}/sheets")
    with Roles(stage, terms_file(stage, first)) as roles:
        watch.waiting("processes start, kernels and circuits are compiled")
        roles.wait_ready()
        watch.step(f"{nations + len(HOSTS) + 1} processes at work on loopback")
        office = _office(stage)
        play = Play(stage, roles, office, watch)
        setup_seconds = time.monotonic() - began
        watch.start_clock()
        started = time.monotonic()
        _first_edition(play, first)
        second = _second_edition(play, first)
        watch.chapter("Proof", "anyone can do this with the files and the pinned root alone")
        reports = play.verify_all()
        result = play.attack_all()
        office.close()
        seconds = time.monotonic() - started
    answer = _answer(play, reports, result, second)
    answer |= {"seconds": round(seconds, 1), "setup_seconds": round(setup_seconds, 1)}
    answer["guide"] = str(stage.out / "GUIDE.txt")
    write_bytes(stage.out / "GUIDE.txt", guide(answer).encode())
    return answer


def _first_edition(play: Play, terms: RoundTerms) -> None:
    play.watch.chapter(
        "Round 1: what shall industry build?",
        "terms, sealed sheets, three hosts, one table",
    )
    play.agree_terms(terms)
    play.collect(terms)
    play.compute(terms)
    play.watch.chapter("Release: nothing leaves before every nation has agreed")
    play.break_silence(terms)
    play.release(terms)


def _second_edition(play: Play, first: RoundTerms) -> Table:
    stage = play.stage
    terms = make_terms(stage, 2, stage.clock.now_utc())
    stage.needs[terms.round_id] = _revised(stage, first)
    play.watch.chapter(
        "Round 2: a second edition",
        f"{REVISERS} nations revise their sheets; most nations revise one product ({FASHION})",
    )
    terms_file(stage, terms)
    write_sheets(stage, terms)
    play.agree_terms(terms)
    play.collect(terms)
    play.compute(terms)
    play.release(terms)
    table = Table.from_plain(parse(read_bytes(play.editions[-1] / "opened.json")))
    states = [b.state for b in table.blocks]
    play.watch.note(
        f"{states.count(State.CARRIED)} blocks carried forward unchanged (a change by fewer than "
        f"three nations can never appear), {states.count(State.REOPENED)} reopened"
    )
    return table


def _revised(stage: Stage, first: RoundTerms) -> dict[str, dict[CellKey, int]]:
    """Two nations change a third of everything; most nations change one product."""
    before = stage.needs[first.round_id]
    by_size = sorted(stage.codes, key=lambda c: -sum(before[c].values()))
    after = world.revise(before, by_size[3 : 3 + REVISERS], stage.seed)
    return world.revise_product(after, FASHION, stage.seed)


def _office(stage: Stage) -> OfficeClient:
    home = stage.home(OFFICE)
    key = PrivateKey.from_secret_bytes(read_bytes(home / "keys" / "sign.key"))
    certificate = certificate_pem(stage.roster.party(OFFICE).keys["office-tls"]).decode("ascii")
    return OfficeClient(stage.address, certificate, OFFICE, f"{OFFICE}/sign", key)


def _answer(
    play: Play, reports: list[VerifyReport], result: AttackResult, second: Table
) -> dict[str, Any]:
    first = Table.from_plain(parse(read_bytes(play.editions[0] / "opened.json")))
    states = [b.state for b in second.blocks]
    figures: Mapping[str, Any] = result.to_plain()
    return {
        "release": str(play.editions[0]),
        "root": str(play.stage.root),
        "editions": [str(p) for p in play.editions],
        "nations": len(play.stage.codes),
        "cells": len(play.stage.frame.cells),
        "proposals": play.proposals,
        "blocks": len(first.blocks),
        "withheld": len(first.withheld),
        "carried_forward": states.count(State.CARRIED),
        "reopened": states.count(State.REOPENED),
        "verified": all(r.ok for r in reports),
        "attack": {
            k: figures[k]
            for k in ("worst_margin_percent", "worst_margin_with_rule_percent", "rule_percent")
        },
        "sheets": str(play.stage.out / "sheets"),
    }
