"""A small alliance that is built by nothing but the command line, on a clock the test moves."""

import io
import socket
import time
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta

from delian.adapters.clock import PacedClock, ScaledClock, pace_bytes
from delian.cli.main import run
from delian.contribute.template import template_csv
from delian.label.bundled import bundled_policy
from delian.label.label import Label
from delian.label.marking import Marking
from delian.nodes import demo_world
from delian.nodes.genesis import read_roster
from delian.terms.encode import canonical, utc_text
from delian.terms.round_terms import Calendar, RoundTerms, Rule

NATIONS = ("BEL", "CZE", "DNK", "FRA", "NOR", "POL")
HOSTS = ("alpha", "bravo", "charlie")
EVERYBODY = (*NATIONS, *HOSTS, "SEC")
START = datetime.now(UTC).replace(microsecond=0)  # parties join on the day of their cards


def call(*words, code=0):
    """Run one command as a person would; its standard output."""
    out, talk = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(talk):
        ended = run([str(word) for word in words])
    assert ended == code, f"{words}: {ended}: {talk.getvalue()}{out.getvalue()}"
    return out.getvalue()


def first_hour(folder, *, office="", ports=()):
    """Homes of everybody, settled, and the signed root, as docs/howto/first-hour.md does it."""
    homes = {code: folder / code for code in EVERYBODY}
    roles = {**dict.fromkeys(NATIONS, "nation"), **dict.fromkeys(HOSTS, "host")}
    for code, home in homes.items():
        role, name = roles.get(code, "secretariat"), f"party {code}"
        call("init", role, code, "--home", home, "--name", name, "--organisation", code)
    cards = [home / "card.json" for home in homes.values()]
    roster, signed = folder / "roster.json", folder / "roster.signed.json"
    said = call("init", "roster", *cards, "--partnership", "League", "--out", roster)
    digest = said.strip()
    for code, home in homes.items():
        out = folder / f"roster.{code}.json"
        heard = call("init", "sign-roster", roster, "--home", home, "--out", out)
        assert heard.strip() == digest
    parts = [folder / f"roster.{code}.json" for code in EVERYBODY]
    call("init", "join", *parts, "--out", signed)
    for code, home in homes.items():
        more = ("--office", office) if office else ()
        if code == "SEC" and office:
            more += ("--listen", office.removeprefix("https://"))
        if code in HOSTS and ports:
            at = {h: f"127.0.0.1:{port}" for h, port in zip(HOSTS, ports, strict=True)}
            peers = ",".join(f"{h}={a}" for h, a in at.items() if h != code)
            more += ("--listen", at[code], "--peers", peers)
        call("init", "settle", signed, "--home", home, "--digest", digest, *more)
    root = folder / "root.json"
    call("init", "root", "--home", homes["SEC"], "--out", root)
    for code in NATIONS[:4]:
        out = folder / f"root.{code}.json"
        call("agent", "sign-root", root, "--home", homes[code], "--out", out)
    roots = [folder / f"root.{code}.json" for code in NATIONS[:4]]
    pinned = folder / "root.signed.json"
    call("init", "join-root", *roots, "--home", homes["SEC"], "--out", pinned)
    return homes


class TestClock:
    """One clock for every home, which only the test moves forward."""

    __test__ = False

    def __init__(self, folder, homes):
        self.pace, self.seconds = folder / "pace", 0.0
        self.pace.write_bytes(pace_bytes(0.0))
        started = time.monotonic()
        self.clock = PacedClock(ScaledClock(START, started, 1.0), self.pace)
        lines = (
            f'clock_origin = "{utc_text(START)}"\nclock_started = "{started!r}"\n'
            f'clock_factor = "1.0"\nclock_pace = "{self.pace}"\n'
        )
        for home in homes.values():
            with (home / "node.toml").open("a") as stream:
                stream.write(lines)

    def forward(self, **span):
        self.seconds += timedelta(**span).total_seconds()
        self.pace.write_bytes(pace_bytes(self.seconds))


def make_terms(homes, opens):
    """Terms of one small round over what everybody has settled."""
    roster = read_roster((homes["SEC"] / "rosters" / "1.json").read_bytes())
    policy = bundled_policy()
    rank = policy.level("UNCLASSIFIED").rank
    readers = frozenset((*(code for code, _, _ in demo_world.NATIONS), "JPN", "INDUSTRY"))
    marking = Marking(policy=policy.oid, level=rank, audience=readers)
    moment = opens.replace(microsecond=0)
    label = Label(
        marking=marking,
        context="DELIAN-1",
        originator=None,
        created_utc=moment,
        review_utc=moment + timedelta(days=365),
    )
    return RoundTerms(
        round_id="R-1",
        title="a round by files (invented figures)",
        roster_version=1,
        roster_digest=roster.digest,
        chair="SEC",
        nations=NATIONS,
        hosts=HOSTS,
        frame=demo_world.frame(30),
        rule=Rule(min_contributors=3, p_percent=15, count_bands=(3, 6, 11)),
        calendar=Calendar(
            sheets_until=moment + timedelta(days=7),
            terms_silence_hours=48,
            release_silence_hours=48,
            retain_until=moment + timedelta(days=365),
        ),
        audience="industry",
        label=label.to_plain(),
        least_present=3,
        max_openings=1,
        demonstration=False,
    )


def filled(terms, nation, figure=5):
    """A sheet of *nation* with one figure everywhere."""
    lines = template_csv(terms, nation).decode().splitlines()
    return "\r\n".join([*lines[:2], *(f"{line}{figure}" for line in lines[2:])]).encode() + b"\r\n"


def free_ports(count):
    """Ports of loopback that nobody listens at."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    found = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return found


def terms_file(folder, terms):
    path = folder / "terms.json"
    path.write_bytes(canonical(terms.to_plain()))
    return path
