"""An alliance in one process: real nodes with real stores, joined without a network.

Hosts run in threads, because a run needs all three at once; everything else takes turns, so a
test decides who acts when. The clock is moved by the test alone.
"""

import json
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from delian.adapters.http_client import FeedItem
from delian.crypto.ledger import Ledger
from delian.nodes import demo_setup, demo_world
from delian.nodes.demo_setup import HOSTS, OFFICE
from delian.nodes.host import Host
from delian.nodes.nation import Nation
from delian.nodes.nation_officer import Officer
from delian.nodes.pump import Pump
from delian.nodes.secretariat import Secretariat
from delian.release.verify import verify
from delian.terms.encode import parse
from delian.terms.table import Table


class World:
    """Nations, hosts and the secretariat of one small alliance.

    Args:
        folder: For the homes.
        nations: 6 to 32.
        cells: Leaf cells, rounded up to whole products.
    """

    def __init__(self, folder, *, nations=6, cells=30, seed=1):
        self.stage = demo_setup.set_stage(folder, seed=seed, nations=nations, cells=cells)
        self.start = self.stage.clock.now_utc().replace(microsecond=0)
        self.offset = timedelta(0)
        self.office = Secretariat.open(self.stage.home(OFFICE), self)
        self.pumps = {}
        for code in (*HOSTS, *self.stage.codes):
            self.restart(code)

    # a clock port
    def now_utc(self):
        return self.start + self.offset

    def real_seconds(self, span):
        return span.total_seconds()

    def forward(self, span):
        self.offset += span

    # --- nodes ------------------------------------------------------------------------------

    def restart(self, code):
        """Open a node again from its home, as after a crash."""
        home = self.stage.home(code)
        if code == OFFICE:
            self.office = Secretariat.open(home, self)
            return
        line = Line(self, code)
        if code in HOSTS:
            node = Host.open(home, self)
            node.office = line
        else:
            node = Nation.open(home, self)
        self.pumps[code] = Pump(node, node.desk.store, line, node.desk.settings, self)

    def restart_all(self):
        for code in (OFFICE, *HOSTS, *self.stage.codes):
            self.restart(code)

    def node(self, code):
        return self.pumps[code]._node

    def officer(self, code):
        """The officer, whose words wait in the outbox until the agent sends them."""
        officer = Officer.at(self.stage.home(code), self)
        officer.nation.desk.settings = replace(officer.nation.desk.settings, office="")
        return officer

    def trouble(self, code, terms):
        """What a node says it cannot do in a round."""
        note = self.node(code).desk.store.note(f"trouble/{terms.round_id}")
        return json.loads(note) if note else None

    # --- time -------------------------------------------------------------------------------

    def settle(self, turns=8, hosts=HOSTS):
        """Let everybody send, receive and act, until nothing moves any more."""
        for _ in range(turns):
            before = self.office.desk.store.last_seq()
            for code in self.stage.codes:
                self.pumps[code].once()
            threads = [threading.Thread(target=self.pumps[h].once) for h in hosts]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.office.act()
            if self.office.desk.store.last_seq() == before:
                return

    # --- the steps of a round ---------------------------------------------------------------

    def needs(self):
        return demo_world.needs(self.stage.frame, self.stage.codes, self.stage.seed)

    def open_round(self, number=1, needs=None, without=(), **changes):
        """New terms; every nation's sheet but those of *without* lies ready at its node."""
        terms = demo_setup.make_terms(self.stage, number, self.now_utc())
        terms = replace(terms, **changes)
        self.stage.needs[terms.round_id] = needs or self.needs()
        demo_setup.write_sheets(self.stage, terms)
        for code in without:
            (self.stage.home(code) / "sheets" / f"{terms.round_id}.csv").unlink()
        self.office.command(f"{OFFICE}/sign", {"order": "open-round", "terms": terms.to_plain()})
        return terms

    def order(self, name, **fields):
        return self.office.command(f"{OFFICE}/sign", {"order": name, **fields})

    def put_sheet(self, terms, code, figures):
        """Another sheet at a nation's node."""
        data = demo_setup.fill_sheet(terms, code, figures)
        (self.stage.home(code) / "sheets" / f"{terms.round_id}.csv").write_bytes(data)

    def agree(self, terms):
        """Silence over the terms passes; everybody signs; sheets go in."""
        self.settle()
        self.forward(timedelta(hours=terms.calendar.terms_silence_hours, minutes=1))
        self.settle()

    def close(self, terms):
        """The deadline for sheets passes; the list is countersigned; the hosts run."""
        self.forward(terms.calendar.sheets_until - self.now_utc() + timedelta(minutes=1))
        self.settle()

    def pass_silence(self, terms):
        self.forward(timedelta(hours=terms.calendar.release_silence_hours, minutes=1))
        self.settle()

    def until_proposed(self, number, needs=None, **changes):
        terms = self.open_round(number, needs, **changes)
        self.agree(terms)
        self.close(terms)
        return terms

    # --- looking ----------------------------------------------------------------------------

    def view(self, terms):
        return self.office.views[terms.round_id]

    def table(self, terms):
        """What the hosts opened, or None."""
        return self.view(terms).opened_table()

    def proposal(self, terms):
        """The newest release proposal."""
        return self.view(terms).proposals_on("release")[-1]

    def decision(self, terms):
        proposal = self.proposal(terms)
        return self.view(terms).decision(proposal, self.now_utc())

    def edition(self, terms):
        """The folder of the round's release, or None."""
        for proposal in reversed(self.view(terms).proposals_on("release")):
            note = self.office.desk.store.note(f"released/{proposal.subject}")
            if note is not None:
                return Path(note.decode())
        return None

    def verified(self, terms):
        return verify(read_folder(self.edition(terms)), self.root, now_utc=self.now_utc())

    @property
    def root(self):
        return self.stage.root.read_bytes()

    def released_table(self, terms):
        return Table.from_plain(parse((self.edition(terms) / "opened.json").read_bytes()))

    def wrong_totals(self, table):
        """Blocks whose total is not the sum of the invented sheets of the round it was opened in.

        An absent nation's figures are not in the sum.
        """
        return [
            block
            for block in table.blocks
            if block.total
            != sum(
                figures[cell]
                for nation, figures in self.stage.needs[block.opened_in].items()
                if nation in self.present(block.opened_in)
                for cell in block.cells
            )
        ]

    def present(self, round_id):
        return self.office.views[round_id].closed().present

    def broken_ledgers(self):
        """Nodes whose ledger does not hold together, or does not name every paper they keep."""
        found = []
        for code in (OFFICE, *HOSTS, *self.stage.codes):
            desk = (self.office if code == OFFICE else self.node(code)).desk
            ledger = Ledger.open(desk.store, f"delian/{code}")
            papers = {p.digest for p in desk.store.documents()}
            if {e.digest for e in ledger.read()} != papers:
                found.append(code)
        return found


def read_folder(folder):
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


class Line:
    """The client port of a node, straight into the secretariat."""

    def __init__(self, world, code):
        self.world, self.code = world, code

    def send(self, data):
        return self.world.office.receive(data, self.code)

    def feed(self, after, wait_seconds):
        return [FeedItem(*item) for item in self.world.office.feed(self.code, after)]

    def blob(self, name):
        return self.world.office.blob(self.code, name)

    def close(self):
        pass
