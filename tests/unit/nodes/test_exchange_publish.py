"""Releases become datasets by themselves, and go when they no longer verify."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from delian.adapters.files import FileMissingError
from delian.exchange.answer import NOT_OPEN
from delian.exchange.messages import TransferRequest
from delian.exchange.odrl import Policy
from delian.exchange.offering import RELEASE_URN, Terms
from delian.exchange.profile import decide
from delian.exchange.profile_terms import Context
from delian.exchange.reactions import Participant
from delian.exchange.transfer import open_transfer
from delian.label.bundled import bundled_policy
from delian.label.label import Label
from delian.label.marking import Marking, Reader
from delian.nodes.exchange_archive import ArchiveError, pack, read_archive, unpack
from delian.nodes.exchange_policy import PolicyDesk
from delian.nodes.exchange_publish import (
    DatasetNameError,
    Place,
    Shelf,
    ready_file,
    ready_release,
)
from delian.nodes.verifier import verify_folder
from delian.release.errors import VerifyError
from delian.terms.errors import InputError
from tests.exchange_world import labelled_release
from tests.release_world import NOW

OID = bundled_policy().oid
LATER = NOW + timedelta(minutes=1)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "home", "https://provider.example/2025-1")


@pytest.fixture
def shelf(place: Place, tmp_path: Path) -> Shelf:
    made = labelled_release()
    root = tmp_path / "root.json"
    root.write_bytes(made.root)
    folder = tmp_path / "releases"
    unpack(made.folder, folder / made.statement.release_id)
    return Shelf(place, folder, root)


def test_a_released_edition_appears_by_itself_and_once(shelf: Shelf) -> None:
    ready, gone = shelf.look(NOW)
    assert [r.dataset.id for r in ready] == [RELEASE_URN + "2026-A-e1"]
    assert gone == ()
    assert shelf.look(LATER, [RELEASE_URN + "2026-A-e1"]) == ((), ())
    assert shelf.look(NOW + timedelta(days=1), [RELEASE_URN + "2026-A-e1"]) == ((), ())


def test_its_offer_says_its_label(shelf: Shelf) -> None:
    offer = shelf.look(NOW)[0][0].dataset.offers[0]

    def asked(affiliation: str, level: int) -> bool:
        reader = Reader(OID, affiliation, level)
        return decide(offer, Context("did:web:a", NOW, (reader,))).allowed

    assert asked("INDUSTRY", 1)
    assert not asked("INDUSTRY", 0)
    assert not asked("FRA", 3)


def test_what_is_fetched_is_the_folder_byte_for_byte(shelf: Shelf, tmp_path: Path) -> None:
    ready = shelf.look(NOW)[0][0]
    files = read_archive(ready.path)
    assert files == dict(labelled_release().folder)
    unpack(files, tmp_path / "got")
    report = verify_folder(tmp_path / "got", shelf.root, now_utc=NOW, state=None)
    assert report.ok


def test_a_changed_file_takes_the_release_out(shelf: Shelf) -> None:
    name = shelf.look(NOW)[0][0].dataset.id
    page = shelf.folder / "2026-A-e1" / "index.html"
    page.write_bytes(page.read_bytes() + b" ")
    assert shelf.look(LATER, [name]) == ((), ())
    ready, gone = shelf.look(LATER, [name])
    assert ready == ()
    assert [g.dataset_id for g in gone] == [name]
    assert "failed" in gone[0].reason
    assert shelf.look(LATER, []) == ((), ())


def test_a_folder_in_the_middle_of_being_written_takes_nothing_out(shelf: Shelf) -> None:
    name = shelf.look(NOW)[0][0].dataset.id
    page = shelf.folder / "2026-A-e1" / "index.html"
    whole = page.read_bytes()
    for part in (b"", whole[:10], whole[:20]):
        page.write_bytes(part)
        assert shelf.look(LATER, [name]) == ((), ())
    page.write_bytes(whole)
    ready, gone = shelf.look(LATER, [name])
    assert [r.dataset.id for r in ready] == [name]
    assert gone == ()


def test_a_release_under_another_name_is_not_offered(shelf: Shelf) -> None:
    (shelf.folder / "2026-A-e1").rename(shelf.folder / "2026-A-e2")
    assert shelf.look(NOW) == ((), ())


def test_a_withdrawal_takes_the_release_out_with_its_reason(shelf: Shelf) -> None:
    name = shelf.look(NOW)[0][0].dataset.id
    shutil.rmtree(shelf.folder / "2026-A-e1")
    unpack(labelled_release(is_withdrawn=True).folder, shelf.folder / "2026-A-e1")
    ready, gone = shelf.look(LATER, [name])
    assert ready == ()
    assert [(g.dataset_id, g.reason) for g in gone] == [(name, "withdrawn by FRA")]


def test_a_folder_that_is_gone_takes_its_dataset_along(shelf: Shelf) -> None:
    name = shelf.look(NOW)[0][0].dataset.id
    shutil.rmtree(shelf.folder / "2026-A-e1")
    assert shelf.look(LATER, [name])[1][0].reason == "the release is no longer published"
    fresh = Shelf(shelf.place, shelf.folder, shelf.root)
    assert [g.dataset_id for g in fresh.look(LATER, [name])[1]] == [name]


def test_nothing_is_concluded_from_a_folder_that_is_away(shelf: Shelf) -> None:
    """A share that is not mounted takes nothing back."""
    name = shelf.look(NOW)[0][0].dataset.id
    shelf.folder.rename(shelf.folder.with_name("elsewhere"))
    with pytest.raises(FileMissingError):
        shelf.look(LATER, [name])


def test_expired_metadata_takes_the_release_out_at_the_next_daily_look(shelf: Shelf) -> None:
    name = shelf.look(NOW)[0][0].dataset.id
    assert shelf.look(NOW + timedelta(days=500), [name]) == ((), ())
    gone = shelf.look(NOW + timedelta(days=500), [name])[1]
    assert [g.dataset_id for g in gone] == [name]


def test_nothing_unverified_is_offered(shelf: Shelf) -> None:
    folder = shelf.folder / "2026-A-e1"
    (folder / "more.txt").write_text("not in the statement")
    with pytest.raises(VerifyError):
        ready_release(shelf.place, folder, shelf.root, Terms(), NOW)
    assert shelf.look(NOW) == ((), ())


def test_a_file_of_any_kind_can_be_offered(place: Place, tmp_path: Path) -> None:
    source = tmp_path / "capacity.csv"
    source.write_text("a,b\n")
    marking = Marking(OID, 0, frozenset({"INDUSTRY"}))
    label = Label(marking, "DELIAN-1", None, datetime(2026, 1, 1, tzinfo=UTC))
    made = ready_file(place, source, "urn:x:capacity", "Capacity", label, Terms(times=1), NOW)
    assert made.path.read_bytes() == b"a,b\n"
    assert made.path.stat().st_mode & 0o077 == 0
    assert made.dataset.get("digest") == made.sha256
    for name in ("", "a\nb", RELEASE_URN + "2026-A-e1"):
        with pytest.raises(DatasetNameError):
            ready_file(place, source, name, "x", None, Terms(), NOW)


@pytest.mark.parametrize("name", ["../x", "/x", "a//b", "a/../b", "a\\b", "."])
def test_an_archive_never_leads_out_of_its_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(ArchiveError):
        pack({name: b""})
    with pytest.raises(ArchiveError):
        unpack({"good": b"", name: b""}, tmp_path / "got")
    assert not (tmp_path / "got").exists()


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(ArchiveError):
        read_archive(tmp_path / "x")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "old").write_text("")
    with pytest.raises(ArchiveError):
        unpack({"new": b""}, tmp_path / "full")


def test_the_node_knows_what_its_operator_wrote(tmp_path: Path, shelf: Shelf) -> None:
    (tmp_path / "parties.toml").write_text(
        f'["did:web:maker.example"]\npolicy = "{OID}"\naffiliation = "INDUSTRY"\nlevel = 1\n'
        'purposes = ["planning"]\naggregate_only = true\n'
    )
    desk = PolicyDesk.load(tmp_path, "did:web:office.example", lambda: NOW)
    dataset = shelf.look(NOW)[0][0].dataset
    maker, stranger = Participant("did:web:maker.example"), Participant("did:web:b.example")
    assert desk.shown(dataset, maker) is dataset
    assert desk.shown(dataset, stranger) is None
    assert desk.answer(dataset.offers[0], maker).allowed
    assert desk.answer(dataset.offers[0], stranger).public_reasons == (NOT_OPEN,)
    assert desk.context(maker).is_aggregate
    assert not desk.context(stranger).is_aggregate


@pytest.mark.parametrize(
    "text",
    ['["did:web:a"]\nrank = 1\n', '"did:web:a" = 7\n', '["did:web:a"]\naffiliation = "X"\n', "["],
)
def test_a_mistake_in_the_parties_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "parties.toml").write_text(text)
    with pytest.raises(InputError):
        PolicyDesk.load(tmp_path, "did:web:office.example", lambda: NOW)


def test_a_transfer_is_judged_by_its_agreement_once_more(tmp_path: Path, place: Place) -> None:
    source = tmp_path / "a.txt"
    source.write_text("a")
    until = NOW + timedelta(days=1)
    terms = Terms(times=2, until_utc=until)
    offer = ready_file(place, source, "urn:x:1", "A", None, terms, NOW).dataset.offers[0]
    moments = [NOW]
    desk = PolicyDesk.load(tmp_path, "did:web:office.example", lambda: moments[0])
    agreed = replace(offer, kind="Agreement", target="urn:x:1", assigner="did:web:o", assignee="b")
    asked = open_transfer("t1", request_for(agreed), "b", "urn:x:1")

    def told(uses: int, who: str = "b") -> tuple[str, ...]:
        ended = desk.judge(asked, agreed, uses, Participant(who))
        return () if ended is None else ended.reasons

    assert told(1) == ()
    assert told(2) == ("permission[0]: count lteq 2: missing: a use that is left: 2 are allowed",)
    assert told(0, "did:web:another") == (NOT_OPEN,)
    moments[0] = until
    assert told(0)[0].startswith("permission[0]: dateTime lt")


def request_for(agreement: Policy) -> TransferRequest:
    return TransferRequest(
        consumer_pid="c1",
        agreement_id=agreement.id,
        format="HttpData-PULL",
        callback_address="https://b.example",
    )
