"""An alliance in one process: real nodes with real stores, joined without a network.

Hosts run in threads, because a run needs all three at once; everything else takes turns, so a
test decides who acts when. The clock is moved by the test alone.
"""

import threading
from datetime import UTC, datetime, timedelta

from delian.adapters.http_client import FeedItem
from delian.nodes import demo_setup, demo_world
from delian.nodes.demo_setup import HOSTS, OFFICE
from delian.nodes.host import Host
from delian.nodes.nation import Nation
from delian.nodes.nation_officer import Officer
from delian.nodes.pump import Pump
from delian.nodes.secretariat import Secretariat


class World:
    """Nations, hosts and the secretariat of one small alliance.

    Args:
        folder: For the homes.
        nations: 6 to 32.
        cells: Leaf cells, rounded up to whole products.
    """

    def __init__(self, folder, *, nations=6, cells=30, seed=1):
        self.stage = demo_setup.set_stage(folder, seed=seed, nations=nations, cells=cells)
        self.offset = timedelta(0)
        self.start = datetime(2026, 9, 1, 12, tzinfo=UTC)
        self.office = self.open_office()
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

    def open_office(self):
        office = Secretariat.open(self.stage.home(OFFICE))
        office.clock = self
        office.views.clear()
        office.sheets.clear()
        office.__init__(office.desk, self, office.publisher)
        replay(office)
        return office

    def restart(self, code):
        """Open a node again from its home, as after a crash."""
        home = self.stage.home(code)
        if code == OFFICE:
            self.office = self.open_office()
            return
        kind = Host if code in HOSTS else Nation
        node = kind.open(home)
        node.clock = self
        line = Line(self, code)
        if code in HOSTS:
            node.office = line
        self.pumps[code] = Pump(node, node.desk.store, line, node.desk.settings, self)
        self.pumps[code].node = node

    def node(self, code):
        return self.pumps[code].node

    def officer(self, code):
        officer = Officer.at(self.stage.home(code))
        officer.nation.clock = self
        officer.nation.desk.settings = Offline(officer.nation.desk.settings)
        return officer

    def settle(self, turns=6):
        """Let everybody send, receive and act, until nothing moves any more."""
        for _ in range(turns):
            before = self.office.desk.store.last_seq()
            for code in self.stage.codes:
                self.pumps[code].once()
            threads = [threading.Thread(target=self.pumps[h].once) for h in HOSTS]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.office.act()
            if self.office.desk.store.last_seq() == before:
                return

    def open_round(self, number=1, needs=None, **changes):
        terms = demo_setup.make_terms(self.stage, number, self.now_utc())
        for name, value in changes.items():
            object.__setattr__(terms, name, value)
        figures = needs or demo_world.needs(self.stage.frame, self.stage.codes, self.stage.seed)
        self.stage.needs[terms.round_id] = figures
        demo_setup.write_sheets(self.stage, terms)
        self.office.command(f"{OFFICE}/sign", {"order": "open-round", "terms": terms.to_plain()})
        return terms

    def agree(self, terms):
        self.settle()
        self.forward(timedelta(hours=terms.calendar.terms_silence_hours, minutes=1))
        self.settle()

    def close(self, terms):
        self.forward(terms.calendar.sheets_until - self.now_utc() + timedelta(minutes=1))
        self.settle()

    def view(self, terms):
        return self.office.views[terms.round_id]

    def pass_silence(self, terms):
        self.forward(timedelta(hours=terms.calendar.release_silence_hours, minutes=1))
        self.settle()

    def released(self):
        return {
            k.removeprefix("released/"): v.decode()
            for k, v in self.office.desk.store.notes("released/").items()
        }


def replay(office):
    fresh = Secretariat.open(office.desk.home)
    office.views, office.sheets = fresh.views, fresh.sheets


class Offline:
    """Settings of a node whose officer's commands stay in the outbox."""

    def __init__(self, settings):
        self._settings = settings
        self.office = ""

    def __getattr__(self, name):
        return getattr(self._settings, name)


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
