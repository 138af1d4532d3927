"""A whole round on memory sticks: files only; no node calls the secretariat, or it any node.

The tests are one story and run in their order. Only the three hosts have links to each other.
"""

import io
import json
import threading
from datetime import timedelta

import pytest

from delian.adapters import http_client
from delian.approve.mandate import Mandate
from delian.crypto.dsse import Envelope
from delian.nodes.desk import Desk
from delian.nodes.host import Host
from delian.nodes.secretariat import Secretariat
from delian.nodes.secretariat_publish import Publisher
from delian.terms.encode import utc_text
from tests.cli_world import (
    HOSTS,
    NATIONS,
    TestClock,
    call,
    filled,
    first_hour,
    free_ports,
    make_terms,
)


class Files:
    """The alliance of these tests; every stick is a folder."""

    def __init__(self, folder):
        self.folder, self.sticks = folder, 0
        self.homes = first_hour(folder, ports=free_ports(len(HOSTS)))
        self.clock = TestClock(folder, self.homes)

    def stick(self):
        self.sticks += 1
        return self.folder / "sticks" / str(self.sticks)

    def to_office(self, code):
        stick = self.stick()
        call("courier", "export", "--home", self.homes[code], "--out", stick)
        if stick.exists() and any(stick.iterdir()):
            call("courier", "import", stick, "--home", self.homes["SEC"])
        return stick

    def from_office(self, code):
        stick = self.stick()
        home = self.homes["SEC"]
        call("courier", "export", "--home", home, "--reader", code, "--out", stick)
        if any(stick.iterdir()):
            call("courier", "import", stick, "--home", self.homes[code])
        return stick

    def both_ways(self, codes):
        for code in codes:
            self.from_office(code)
        for code in codes:
            self.to_office(code)

    def status(self, code):
        said = json.loads(call("status", "--home", self.homes[code], "--json"))
        return said["rounds"][0]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Up to the agreed terms, which everybody has; no process ever opened a connection."""
    patch = pytest.MonkeyPatch()

    def no_network(*_arguments, **_more):
        raise ConnectionRefusedError

    patch.setattr(http_client.http.client.HTTPSConnection, "connect", no_network)
    world = Files(tmp_path_factory.mktemp("files"))
    office = Secretariat.open(world.homes["SEC"])
    world.terms = make_terms(world.homes, world.clock.clock.now_utc())
    office.command("SEC/sign", {"order": "open-round", "terms": world.terms.to_plain()})
    world.both_ways(NATIONS)
    world.before = world.status("FRA")
    world.proposal = world.before["proposals"][0]["proposal"]
    call("agent", "assent", "--home", world.homes["DNK"])
    call("agent", "reserve", "--home", world.homes["NOR"], "--reason", "mind the tiers")
    world.clock.forward(hours=49)
    for code in NATIONS:
        world.to_office(code)
    for code in (*NATIONS, *HOSTS):
        world.from_office(code)
    yield world
    patch.undo()


def test_officers_speak_while_silence_runs(files):
    kinds = {v["kind"] for v in json.loads(
        call("explain", files.proposal, "--home", files.homes["SEC"], "--json")
    )["proposal"]["voices"]}  # fmt: skip
    assert kinds == {"early-assent", "reservation"}


def test_while_silence_runs_status_says_until_when(files):
    (waits,) = files.before["waits"]
    assert waits.startswith("terms ")
    ends = files.before["proposals"][0]["ends"]
    assert f"speak until {ends}" in waits
    assert files.before["proposals"][0]["state"] == "pending"


def test_terms_are_agreed_by_files_alone(files):
    agreed = files.status("FRA")
    assert agreed["proposals"][0]["state"] == "agreed"
    assert any("send a sheet or state absence" in text for text in agreed["waits"])


@pytest.mark.parametrize("answer", ["n\n", ""])
def test_nothing_leaves_without_a_yes(files, monkeypatch, answer):
    sheet, home = files.folder / "FRA.csv", files.homes["FRA"]
    sheet.write_bytes(filled(files.terms, "FRA"))
    shown = json.loads(call("contribute", sheet, "--home", home, "--dry-run", "--json"))
    assert shown["round"] == "R-1"
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    call("contribute", sheet, "--home", home, code=1)
    call("absent", "--home", home, code=1)
    assert "our sheet: not sent" in files.status("FRA")["facts"]
    assert [
        p for p in Desk.open(home).store.outbox() if p.kind in ("contribution", "absence")
    ] == []


def test_a_sheet_with_errors_is_named_and_not_sent(files):
    sheet, home = files.folder / "bad.csv", files.homes["FRA"]
    sheet.write_bytes(filled(files.terms, "FRA", figure="many"))
    said = json.loads(call("contribute", sheet, "--home", home, "--yes", "--json", code=2))
    assert said["error"]["code"] == "sheet"
    assert len(said["findings"]) == len(files.terms.frame.cells)


def test_sheets_go_out_and_receipts_come_back(files):
    for code in NATIONS[:5]:
        sheet = files.folder / f"{code}.csv"
        sheet.write_bytes(filled(files.terms, code))
        sealed = files.folder / f"{code}.delian"
        home = files.homes[code]
        call("contribute", sheet, "--home", home, "--out", sealed, "--yes")
        assert any("unconfirmed" in text for text in files.status(code)["waits"])
        call("courier", "import", sealed, "--home", files.homes["SEC"])
    call("absent", "--home", files.homes["POL"], "--yes")
    files.to_office("POL")
    for host in HOSTS:
        stick = files.from_office(host)
        assert sum("-part-" in path.name for path in stick.iterdir()) == 5
        files.to_office(host)
    for code in NATIONS[:5]:
        files.from_office(code)
        assert "our sheet: confirmed" in files.status(code)["facts"]
        assert files.status(code)["waits"] == []
    assert "absence stated" in files.status("POL")["facts"]


def test_the_closing_list_is_countersigned_by_files(files):
    files.clock.forward(days=8)
    files.both_ways(NATIONS)
    for code in (*NATIONS, *HOSTS):
        files.from_office(code)
    for code in ("FRA", "POL", "alpha", "SEC"):
        assert "closed; absent: POL" in files.status(code)["facts"]
    assert any("the run" in text for text in files.status("alpha")["waits"])


def test_hosts_run_and_the_release_is_proposed_by_files(files):
    hosts = [Host.open(files.homes[code]) for code in HOSTS]
    threads = [threading.Thread(target=host.act) for host in hosts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for code in HOSTS:
        files.to_office(code)
    for code in NATIONS:
        files.from_office(code)
    assert [p["matter"] for p in files.status("FRA")["proposals"]] == ["terms", "release"]


def test_an_officer_reviews_her_own_figures(files):
    said = json.loads(call("agent", "review", "--home", files.homes["FRA"], "--json"))
    assert {b["own"] % 5 for b in said["blocks"]} == {0}
    assert all(b["percent"] == (b["total"] - b["own"]) * 100 // b["own"] for b in said["blocks"])
    assert said["worst_percent"] == 400  # five nations with one figure: 20 of 25 are others'
    call("agent", "review", "--home", files.homes["POL"], code=4)


def test_the_release_is_agreed_by_files_and_verifies(files):
    files.clock.forward(hours=49)
    for code in NATIONS:
        files.to_office(code)
    call("courier", "export", "--home", files.homes["SEC"], "--reader", "FRA",
         "--out", files.stick())  # fmt: skip
    (folder,) = (files.homes["SEC"] / "releases").iterdir()
    root = files.folder / "root.signed.json"
    words = ("verify", folder, "--root", root, "--no-state", "--at", now(files), "--json")
    assert json.loads(call(*words))["verified"]


def test_a_withdrawal_is_valid_by_any_road(files):
    (folder,) = (files.homes["SEC"] / "releases").iterdir()
    papers = files.folder / "withdrawals"
    words = ("--home", files.homes["FRA"], "--reason", "a figure was mistaken")
    paper = papers / "fra.dsse.json"
    call("agent", "withdraw", *words, "--release", folder.name, "--out", paper)
    root = files.folder / "root.signed.json"
    at = ("--no-state", "--at", now(files))
    call("verify", folder, "--root", root, *at)
    call("verify", folder, "--root", root, *at, "--withdrawals", papers, code=3)


def now(files):
    return utc_text(files.clock.clock.now_utc().replace(microsecond=0))


def test_the_same_files_again_change_nothing(files):
    stick = files.stick()
    office = files.homes["SEC"]
    call("courier", "export", "--home", office, "--reader", "FRA", "--again", "--out", stick)
    before = files.status("FRA")
    said = json.loads(call("courier", "import", stick, "--home", files.homes["FRA"], "--json"))
    assert said["refused"] == []
    assert files.status("FRA") == before


def test_files_in_any_order_wait_for_each_other(files):
    """A node restored from its keys alone gets the later half of the files before the first."""
    fresh, locked, word = files.folder / "BEL-2", files.folder / "BEL.locked", files.folder / "word"
    word.write_text("four words are enough\n")
    held = ("--passphrase-file", word)
    call("keys", "backup", "--home", files.homes["BEL"], "--out", locked, *held)
    call("keys", "restore", locked, "--home", fresh, *held)
    stick = files.stick()
    office = files.homes["SEC"]
    call("courier", "export", "--home", office, "--reader", "BEL", "--again", "--out", stick)
    parts = sorted(stick.iterdir(), reverse=True)
    first, rest = parts[: len(parts) // 2], parts[len(parts) // 2 :]
    said = json.loads(call("courier", "import", *first, "--home", fresh, "--json"))
    assert said["taken"] == []
    assert len(said["later"]) == len(first)
    said = json.loads(call("courier", "import", *rest, "--home", fresh, "--json"))
    assert (said["later"], said["refused"]) == ([], [])
    known = json.loads(call("status", "--home", fresh, "--json"))["rounds"][0]
    assert "closed; absent: POL" in known["facts"]
    # It has forgotten what it sent, says so, and signs nothing (docs/howto/keys.md).
    assert known["trouble"] == "closing: the list does not hold the sheet that BEL sent last"


def test_a_part_for_another_host_or_altered_takes_no_place(files):
    stick, office = files.stick(), files.homes["SEC"]
    call("courier", "export", "--home", office, "--reader", "alpha", "--again", "--out", stick)
    part = next(p for p in stick.iterdir() if "-part-" in p.name)
    call("courier", "import", part, "--home", files.homes["bravo"], code=2)
    data = bytearray(part.read_bytes())
    data[-1] ^= 1
    part.write_bytes(bytes(data))
    call("courier", "import", part, "--home", files.homes["alpha"], code=3)


def test_an_altered_file_is_refused_and_decides_the_exit_code(files):
    stick = files.stick()
    call("courier", "export", "--home", files.homes["FRA"], "--again", "--out", stick)
    sealed = next(p for p in stick.iterdir() if "-contribution-" in p.name)
    data = bytearray(sealed.read_bytes())
    data[-1] ^= 1
    sealed.write_bytes(bytes(data))
    sealed.rename(stick / "altered.delian")
    paper = next(p for p in stick.iterdir() if "-terms-" in p.name)
    plain = json.loads(paper.read_bytes())
    sig = plain["signatures"][0]["sig"]
    plain["signatures"][0]["sig"] = ("B" if sig[0] == "A" else "A") + sig[1:]
    paper.write_bytes(json.dumps(plain).encode())
    call("courier", "import", stick / "altered.delian", "--home", files.homes["SEC"], code=1)
    call("courier", "import", paper, "--home", files.homes["SEC"], code=1)


def test_explain_names_signers_ledger_entry_and_evidence(files):
    home = files.homes["FRA"]
    proposal = files.status("FRA")["proposals"][0]["proposal"]
    said = json.loads(call("explain", proposal[:19], "--home", home, "--json"))
    assert said["kind"] == "proposal"
    assert said["signed_by"] == ["SEC/sign"]
    assert said["ledger"]["sequence"] < said["ledger"]["size"]
    assert [c["nation"] for c in said["proposal"]["evidence"]] == list(NATIONS)
    call("explain", "sha256:ffffffffffff", "--home", home, code=2)
    terms = json.loads(call("explain", files.terms.digest, "--home", home, "--json"))
    assert {f"{code}/agent" for code in NATIONS} < set(terms["signed_by"])


def test_a_mandate_names_a_key_that_never_left_the_stand_in(files):
    made = json.loads(call("agent", "stand-in-key", "--home", files.homes["BEL"], "--json"))["key"]
    until = utc_text(files.clock.clock.now_utc() + timedelta(days=60))
    out, home = files.folder / "mandate.dsse.json", files.homes["FRA"]
    words = ("--to", "BEL", "--key", made, "--round", "R-1", "--until", until, "--out", out)
    given = json.loads(call("agent", "mandate", "--home", home, *words, "--json"))["digest"]
    why = json.loads(call("explain", given, "--home", home, "--json"))
    assert (why["kind"], why["signed_by"]) == ("mandate", ["FRA/officer"])
    mandate = Mandate.from_wire(Envelope.from_wire(out.read_bytes()).payload)
    assert Desk.open(files.homes["BEL"]).stand_in_key(mandate).public.to_wire() == made
    call("courier", "import", out, "--home", files.homes["SEC"])


def test_a_reader_is_named_at_the_secretariat(files):
    stick = files.stick()
    call("courier", "export", "--home", files.homes["SEC"], "--out", stick, code=2)


def test_a_successor_roster_stops_no_history(files):
    """CZE rotates its keys; everybody goes on with the papers of the round before."""
    home, roster = files.homes["CZE"], files.folder / "roster.signed.json"
    call("keys", "rotate", "agent", "officer", "--home", home)
    second = files.folder / "roster-2.json"
    call("init", "roster", home / "card-next.json", "--after", roster, "--out", second)
    parts = []
    for code, one in files.homes.items():
        parts.append(files.folder / f"roster-2.{code}.json")
        call("init", "sign-roster", second, "--home", one, "--out", parts[-1])
    signed = files.folder / "roster-2.signed.json"
    call("init", "join", *parts, "--out", signed)
    for one in files.homes.values():
        before = json.loads(call("status", "--home", one, "--json"))["rounds"]
        call("init", "settle", signed, "--home", one)
        call("init", "settle", signed, "--home", one)  # again is harmless
        after = json.loads(call("status", "--home", one, "--json"))["rounds"]
        assert after == before
        desk = Desk.open(one)
        assert desk.membership.roster.version == 2
        assert desk.membership.recovered == ()
    new = Desk.open(home).key("officer").public
    assert Desk.open(home).key_under("officer", 1).public != new
    keys = json.loads(call("keys", "list", "--home", home, "--json"))["keys"]
    assert {key["state"] for key in keys} == {"in use"}


def test_the_next_root_pins_the_next_roster_and_old_releases_stay_valid(files):
    """After test_a_successor_roster: readers keep the root that they pinned."""
    office, made = files.homes["SEC"], files.folder / "root-2.json"
    call("init", "root", "--home", office, "--out", made)
    parts = []
    for code in NATIONS[:4]:
        parts.append(files.folder / f"root-2.{code}.json")
        call("agent", "sign-root", made, "--home", files.homes[code], "--out", parts[-1])
    out = files.folder / "root-2.signed.json"
    call("init", "join-root", *parts[:3], "--home", office, "--out", out, code=1)
    call("init", "join-root", *parts, "--home", office, "--out", out)
    publisher = Publisher(Desk.open(office))
    repository = publisher.load("industry", files.clock.clock.now_utc())
    assert len(repository.roots) == 2
    (folder,) = (office / "releases").iterdir()
    for name, data in repository.metadata_files().items():
        (folder / "metadata" / name).write_bytes(data)
    for path in list((folder / "metadata").iterdir()):
        if path.name not in repository.metadata_files():
            path.unlink()
    words = ("--no-state", "--at", now(files), "--json")
    said = json.loads(call("verify", folder, "--root", files.folder / "root.signed.json", *words))
    assert said["verified"]
    assert "version 2" in said["checks"][1]["detail"]
