"""Everything that a verification must refuse: one case each, with the check that must say so.

The cases are built honestly from keys, never by patching the verifier. The same cases stand,
frozen, in ``tests/vectors/release-verify.json`` for other implementations.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from delian.crypto.dsse import Envelope, Signature, document_type, sign
from delian.release.bundle import release_folder
from delian.release.package import Edition, render
from delian.release.repository import Validity, freshen, publish, sign_root, withdraw
from delian.release.roots import make_root
from delian.release.statement import PAYLOAD_TYPE
from delian.release.withdrawal import file_name, withdraw_release
from delian.terms.encode import canonical
from delian.terms.table import Table
from tests.release_world import (
    MARKING,
    NOW,
    OFFICE,
    VALID,
    Released,
    World,
    draw_table,
    finish,
    host_envelope,
    key,
    make_statement,
    released,
    root_plan,
    signed_root,
    terms_of,
)

SMALL = (5, 3, 2, 1)


@dataclass(frozen=True)
class Case:
    """One folder that must be refused, and by which check first."""

    name: str
    first_failure: str
    folder: Mapping[str, bytes]
    root: bytes
    options: Mapping[str, Any] = field(default_factory=dict)


def base() -> Released:
    return released(*SMALL)


def _package(w: World) -> Mapping[str, bytes]:
    return render(w.table, w.terms, Edition(1, MARKING))


def _case(name: str, check: str, made: Released, **options: Any) -> Case:
    return Case(name, check, made.folder, made.root, options)


def one_nation_missing(r: Released) -> Case:
    codes = r.world.nations[:-1]
    envelope = sign(PAYLOAD_TYPE, r.statement.to_wire(), r.world.agents(codes))
    made = finish(r.world, r.statement, r.package, envelope=envelope)
    return _case("one nation missing", "consent", made)


def one_key_many_names(r: Released) -> Case:
    """A roster cannot hold one key twice; an envelope can repeat one signature."""
    one = sign(PAYLOAD_TYPE, r.statement.to_wire(), r.world.agents(r.world.nations[:1]))
    copies = tuple(Signature(f"{c}/agent", one.signatures[0].sig) for c in r.world.nations)
    envelope = Envelope(one.payload_type, one.payload, copies)
    made = finish(r.world, r.statement, r.package, envelope=envelope)
    return _case("one key under many names", "consent", made)


def nation_left_out(r: Released) -> Case:
    """The secretariat writes terms that ask one nation fewer."""
    w = r.world
    fewer = w.nations[:-1]
    terms = terms_of(fewer, w.roster, w.terms.frame)
    other = World(w.nations, w.roster, terms, draw_table(terms, fewer, 1))
    package = _package(other)
    statement = make_statement(other, package)
    envelope = sign(PAYLOAD_TYPE, statement.to_wire(), w.agents(fewer))
    return _case("nation left out", "nations", finish(other, statement, package, envelope=envelope))


def host_missing(r: Released) -> Case:
    two = dict(list(r.world.hosts.items())[:2])
    hosts = sign(document_type("opened"), r.world.table.bytes, two)
    return _case("host missing", "hosts", finish(r.world, r.statement, r.package, hosts=hosts))


def host_forged(r: Released) -> Case:
    keys = {**r.world.hosts, "alpha/host-sign": key("stranger")}
    hosts = sign(document_type("opened"), r.world.table.bytes, keys)
    return _case("host forged", "hosts", finish(r.world, r.statement, r.package, hosts=hosts))


def host_signed_other(r: Released) -> Case:
    other = replace_total(r.world.table)
    hosts = sign(document_type("opened"), other.bytes, r.world.hosts)
    made = finish(r.world, r.statement, r.package, hosts=hosts)
    return _case("hosts signed another table", "hosts", made)


def replace_total(table: Table) -> Table:
    first = replace(table.blocks[0], total=table.blocks[0].total + 1)
    return replace(table, blocks=(first, *table.blocks[1:]))


def changed_byte(r: Released) -> Case:
    data = bytearray(r.folder["demand.csv"])
    data[-5] ^= 1
    return Case("changed byte", "folder", {**r.folder, "demand.csv": bytes(data)}, r.root)


def changed_and_listed(r: Released) -> Case:
    """The secretariat changes a file and lists it; the nations did not agree to it."""
    package = {**r.package, "demand.csv": r.package["demand.csv"] + b"\r\n"}
    return _case("changed and listed", "files", finish(r.world, r.statement, package))


def missing_file(r: Released) -> Case:
    folder = {n: d for n, d in r.folder.items() if n != "demand.json"}
    return Case("missing file", "folder", folder, r.root)


def extra_file(r: Released) -> Case:
    return Case("extra file", "folder", {**r.folder, "notes.txt": b"hello"}, r.root)


def extra_listed(r: Released) -> Case:
    made = finish(r.world, r.statement, r.package, extra={"notes.txt": b"hello"})
    return _case("extra file, listed", "files", made)


def stale(r: Released) -> Case:
    late = NOW + timedelta(days=401)
    return Case("stale", "timestamp", r.folder, r.root, {"now_utc": late})


def stale_list(r: Released) -> Case:
    short = Validity(NOW + timedelta(days=1), VALID.snapshot_utc, VALID.timestamp_utc)
    made = finish(r.world, r.statement, r.package, validity=short)
    return _case("stale list", "targets", made, now_utc=NOW + timedelta(days=2))


def rolled_back(r: Released) -> Case:
    newer = freshen(r.repository, OFFICE.online, NOW + timedelta(days=500))
    state = (
        b'{"format":"delian-verify-state","repositories":[{"audience":"industry",'
        b'"partnership":"Test alliance","root":1,"snapshot":2,"targets":2,"timestamp":3}],'
        b'"version":1}'
    )
    assert b'"version":3' in newer.timestamp
    return Case("rolled back", "rollback", r.folder, r.root, {"state": state})


def delisted(r: Released) -> Case:
    paper = withdraw_release(r.statement, "FRA", r.world.officer("FRA"), "An error.", NOW)
    name = file_name(r.statement, "FRA")
    repository = withdraw(
        r.repository, r.statement.release_id, {name: paper.to_wire()}, OFFICE, VALID
    )
    return Case("delisted", "folder", release_folder(r.papers, repository), r.root)


def withdrawn(r: Released) -> Case:
    nation = r.world.nations[2]
    paper = withdraw_release(r.statement, nation, r.world.officer(nation), "An error.", NOW)
    options = {"withdrawals": [b"junk", paper.to_wire()]}
    return Case("withdrawn by mail", "withdrawn", r.folder, r.root, options)


def withdrawn_inside(r: Released) -> Case:
    nation = r.world.nations[0]
    paper = withdraw_release(r.statement, nation, r.world.officer(nation), "An error.", NOW)
    folder = {**r.folder, "withdrawals/x.dsse.json": paper.to_wire()}
    return Case("withdrawn in the folder", "withdrawn", folder, r.root)


def wrong_label(r: Released) -> Case:
    statement = replace(r.statement, label={**r.world.terms.label, "level": 0})
    return _case("wrong label", "label", finish(r.world, statement, r.package))


def foreign_round_asked(r: Released) -> Case:
    return Case("foreign round", "round", r.folder, r.root, {"round_id": "2026-B"})


def foreign_terms(r: Released) -> Case:
    other = terms_of(r.world.nations, r.world.roster, r.world.terms.frame, round_id="2026-B")
    paper = sign(document_type("terms"), canonical(other.to_plain()), {"SEC/sign": r.world.chair})
    made = finish(r.world, r.statement, r.package, terms=paper)
    return _case("terms of another round", "terms", made)


def terms_by_stranger(r: Released) -> Case:
    paper = sign(
        document_type("terms"), canonical(r.world.terms.to_plain()), {"SEC/sign": key("stranger")}
    )
    made = finish(r.world, r.statement, r.package, terms=paper)
    return _case("terms not signed by the chair", "terms", made)


def wrong_audience_asked(r: Released) -> Case:
    return Case("wrong audience", "audience", r.folder, r.root, {"audience": "partners"})


def wrong_repository(r: Released) -> Case:
    made = finish(r.world, r.statement, r.package, audience="partners")
    return _case("repository of another audience", "audience", made)


def mixed_audiences(r: Released) -> Case:
    """Timestamp and snapshot of one audience over the list of another, all signed."""
    other = finish(r.world, r.statement, r.package, audience="partners")
    folder = {**r.folder, "metadata/2.targets.json": other.folder["metadata/2.targets.json"]}
    return Case("mixed audiences", "targets", folder, r.root)


def early(r: Released) -> Case:
    statement = replace(r.statement, silence_ends_utc=NOW + timedelta(hours=1))
    return _case("before its time", "silence", finish(r.world, statement, r.package))


def root_threshold(r: Released) -> Case:
    w = r.world
    few = [w.officer(c) for c in w.nations[: -(-2 * len(w.nations) // 3) - 1]]
    root = sign_root(make_root(root_plan(w)), few)
    return Case("root of too few officers", "root", r.folder, root)


def root_next_unsigned(r: Released) -> Case:
    """A second root signed by new officers alone: the old ones did not agree."""
    w = r.world
    stolen = {c: key(f"{c}/stolen") for c in w.nations}
    plan = root_plan(w, 2, nations={c: k.public for c, k in stolen.items()})
    root = sign_root(make_root(plan), stolen.values())
    return Case("root replaced", "roots", {**r.folder, "metadata/2.root.json": root}, r.root)


def foreign_root(r: Released) -> Case:
    w = r.world
    root = signed_root(w, expires_utc=NOW + timedelta(days=999))
    return Case("another root", "roots", r.folder, root)


def timestamp_by_stranger(r: Released) -> Case:
    folder = dict(r.folder)
    text = folder["metadata/timestamp.json"]
    begin = text.index(b'"sig":"') + 7
    flipped = b"1" if text[begin : begin + 1] != b"1" else b"2"
    folder["metadata/timestamp.json"] = text[:begin] + flipped + text[begin + 1 :]
    return Case("timestamp not signed", "timestamp", folder, r.root)


def roster_replaced(r: Released) -> Case:
    other = replace(r.world.roster, partnership="Other alliance")
    made = finish(r.world, r.statement, r.package, roster=other)
    return _case("roster replaced", "roster", made)


def same_release_twice(r: Released) -> Case:
    """A valid edition under the name of another one."""
    repository = publish(r.repository, "2026-A-e9", r.papers, OFFICE, VALID)
    statement = replace(r.statement, release_id="2026-A-e9")
    envelope = sign(PAYLOAD_TYPE, statement.to_wire(), r.world.agents())
    papers = {**r.papers, "statement.dsse.json": envelope.to_wire()}
    return Case("swapped statement", "folder", release_folder(papers, repository), r.root)


CASES: tuple[Callable[[Released], Case], ...] = (
    one_nation_missing,
    one_key_many_names,
    nation_left_out,
    host_missing,
    host_forged,
    host_signed_other,
    changed_byte,
    changed_and_listed,
    missing_file,
    extra_file,
    extra_listed,
    stale,
    stale_list,
    rolled_back,
    delisted,
    withdrawn,
    withdrawn_inside,
    wrong_label,
    foreign_round_asked,
    foreign_terms,
    terms_by_stranger,
    wrong_audience_asked,
    wrong_repository,
    mixed_audiences,
    early,
    root_threshold,
    root_next_unsigned,
    foreign_root,
    timestamp_by_stranger,
    roster_replaced,
    same_release_twice,
)


def cases() -> Iterator[Case]:
    """Every case, over the small release."""
    for build in CASES:
        yield build(base())


__all__ = ["CASES", "Case", "base", "cases", "host_envelope"]
