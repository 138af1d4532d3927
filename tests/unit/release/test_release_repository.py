"""Metadata: thresholds over raw keys, versions that only rise, and python-tuf's own client."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from tuf.api.exceptions import DownloadHTTPError
from tuf.api.metadata import Metadata
from tuf.ngclient import FetcherInterface, Updater

from delian.crypto.sign import PrivateKey
from delian.release import currency
from delian.release import metadata as tuf
from delian.release.bundle import join_consents, release_files
from delian.release.errors import CurrencyError, PackageError, RepositoryError, ThresholdError
from delian.release.metadata import Root, Targets
from delian.release.repository import (
    OfficeKeys,
    Repository,
    freshen,
    open_repository,
    publish,
    renew,
    rotate,
    site_files,
    withdraw,
)
from delian.release.roots import join_roots, make_root, sign_root
from tests.release_cases import base
from tests.release_world import NOW, OFFICE, VALID, key, released, root_plan, signed_root

R = base()
W = R.world


class Site(FetcherInterface):
    """A web server in memory."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = files

    def _fetch(self, url: str):
        path = unquote(urlsplit(url).path).lstrip("/")
        if path not in self.files:
            raise DownloadHTTPError("not here", 404)
        yield self.files[path]


def client(site: Mapping[str, bytes], root: bytes, folder: Path) -> Updater:
    (folder / "m").mkdir(parents=True)
    (folder / "t").mkdir()
    return Updater(
        str(folder / "m"),
        "http://local.test/metadata/",
        str(folder / "t"),
        "http://local.test/targets/",
        fetcher=Site(site),
        bootstrap=root,
    )


def test_the_threshold_is_two_thirds_rounded_up() -> None:
    assert root_plan(released().world).threshold == 22
    assert root_plan(W).threshold == 4


def test_a_public_client_reads_our_repository(tmp_path: Path) -> None:
    listed = {f"{R.statement.release_id}/{n}": d for n, d in R.papers.items()}
    updater = client(site_files(R.repository, listed), R.root, tmp_path)
    updater.refresh()
    for path, data in listed.items():
        found = updater.get_targetinfo(path)
        assert found is not None
        assert Path(updater.download_target(found)).read_bytes() == data
    assert updater.get_targetinfo("2026-A-e1/other") is None


def test_a_public_client_follows_a_rotated_root(tmp_path: Path) -> None:
    root = signed_root(W, version=2)
    rotated = rotate(R.repository, root, OFFICE, VALID)
    listed = {f"{R.statement.release_id}/{n}": d for n, d in R.papers.items()}
    client(site_files(rotated, listed), R.root, tmp_path).refresh()


def test_officers_sign_one_by_one_and_the_roots_are_joined() -> None:
    plain = make_root(root_plan(W))
    signed = [sign_root(plain, [officer]) for officer in W.officers().values()]
    assert join_roots(plain, signed) == signed_root(W)
    with pytest.raises(RepositoryError):
        join_roots(plain, [sign_root(make_root(root_plan(W, 2)), [W.officer(W.nations[0])])])


def test_too_few_officers_open_no_repository() -> None:
    few = [W.officer(c) for c in W.nations[:3]]
    root = sign_root(make_root(root_plan(W)), few)
    with pytest.raises(ThresholdError):
        open_repository((root,), "industry", OFFICE, VALID)


def test_a_root_with_one_key_for_two_holders_is_refused() -> None:
    one = W.officer(W.nations[0]).public
    with pytest.raises(RepositoryError):
        make_root(root_plan(W, nations=dict.fromkeys(W.nations, one)))
    with pytest.raises(RepositoryError):
        make_root(root_plan(W, targets=one))
    with pytest.raises(RepositoryError):
        make_root(root_plan(W, online=PrivateKey.generate("ml-dsa-65").public))


def test_one_raw_key_under_several_key_ids_does_not_meet_a_threshold() -> None:
    """python-tuf counts key ids; we count keys."""
    plain = json.loads(make_root(root_plan(W)))
    one = next(iter(plain["signed"]["roles"]["root"]["keyids"]))
    for n in range(4):
        plain["signed"]["keys"][f"alias{n}"] = dict(plain["signed"]["keys"][one])
    plain["signed"]["roles"]["root"]["keyids"] = [f"alias{n}" for n in range(4)]
    metadata = Metadata.from_dict(plain)
    officer = next(k for k in W.officers().values() if tuf.tuf_key(k.public).keyid == one)
    signature = officer.sign(metadata.signed_bytes).hex()
    text = {
        "signatures": [{"keyid": f"alias{n}", "sig": signature} for n in range(4)],
        "signed": json.loads(metadata.signed_bytes),
    }
    data = json.dumps(text).encode()
    theirs = Metadata.from_bytes(data)
    theirs.signed.verify_delegate("root", theirs.signed_bytes, theirs.signatures)
    with pytest.raises(CurrencyError):
        currency.read_root(tuf.canonical(json.loads(data)))


def test_a_root_that_asks_for_less_than_two_thirds_is_refused() -> None:
    metadata = tuf.read(make_root(root_plan(W)), Root)
    metadata.signed.roles["root"].threshold = 1
    tuf.add_signatures(metadata, W.officers().values())
    with pytest.raises(CurrencyError, match="two thirds"):
        currency.read_root(tuf.write(metadata))


def test_only_the_keys_of_the_root_sign() -> None:
    stranger = OfficeKeys(key("x"), OFFICE.online)
    with pytest.raises(ThresholdError):
        publish(R.repository, "2026-A-e2", {"a": b"b"}, stranger, VALID)
    with pytest.raises(ThresholdError):
        freshen(R.repository, key("x"), NOW)
    with pytest.raises(ThresholdError):
        open_repository((R.root,), "industry", OfficeKeys(OFFICE.online, OFFICE.targets), VALID)


def test_versions_rise_with_every_change() -> None:
    def versions(repository: Repository) -> list[str]:
        return sorted(n for n in repository.metadata_files() if "root" not in n)

    second = publish(R.repository, "2026-A-e2", {"a": b"b"}, OFFICE, VALID)
    assert versions(second) == ["3.snapshot.json", "3.targets.json", "timestamp.json"]
    assert second.releases == ("2026-A-e1", "2026-A-e2")
    third = withdraw(second, "2026-A-e1", {"2026-A-e1.FRA.dsse.json": b"x"}, OFFICE, VALID)
    assert third.releases == ("2026-A-e2",)
    fourth = renew(third, OFFICE, VALID)
    assert versions(fourth)[0] == "5.snapshot.json"
    assert Repository.from_files(fourth.metadata_files()) == fourth


def test_what_cannot_be_published_is_refused() -> None:
    with pytest.raises(RepositoryError):
        publish(R.repository, "2026-A-e1", {"a": b"b"}, OFFICE, VALID)
    with pytest.raises(RepositoryError):
        publish(R.repository, "withdrawals", {"a": b"b"}, OFFICE, VALID)
    with pytest.raises(RepositoryError):
        publish(R.repository, "e5", {"../a": b"b"}, OFFICE, VALID)
    with pytest.raises(RepositoryError):
        withdraw(R.repository, "e5", {}, OFFICE, VALID)
    with pytest.raises(RepositoryError):
        withdraw(R.repository, "2026-A-e1", {"../x": b""}, OFFICE, VALID)
    with pytest.raises(RepositoryError):
        open_repository((R.root,), "../x", OFFICE, VALID)
    with pytest.raises(RepositoryError):
        open_repository((), "industry", OFFICE, VALID)
    with pytest.raises(RepositoryError):
        rotate(R.repository, signed_root(W, version=3), OFFICE, VALID)
    with pytest.raises(RepositoryError):
        site_files(R.repository, {})
    with pytest.raises(RepositoryError):
        Repository.from_files({})


@pytest.mark.parametrize("version", [2])
def test_a_successor_root_needs_the_old_officers(version: int) -> None:
    stolen = {c: key(f"{c}/stolen") for c in W.nations}
    plan = root_plan(W, version, nations={c: k.public for c, k in stolen.items()})
    root = sign_root(make_root(plan), stolen.values())
    with pytest.raises(ThresholdError):
        rotate(R.repository, root, OFFICE, VALID)
    both = sign_root(root, W.officers().values())
    assert rotate(R.repository, both, OFFICE, VALID).roots == (R.root, both)


def test_expired_metadata_of_each_role_is_refused() -> None:
    def at(moment: datetime) -> None:
        trusted = currency.read_root(R.root)
        files = R.repository.metadata_files()
        stamp = currency.read_timestamp(trusted, files, moment)
        snapshot = currency.read_snapshot(trusted, stamp, files, moment)
        currency.read_targets(trusted, snapshot, files, moment)

    at(NOW)
    at(VALID.timestamp_utc - timedelta(seconds=1))
    with pytest.raises(CurrencyError, match="expired"):
        at(VALID.timestamp_utc)


def test_a_list_that_delegates_is_refused() -> None:
    metadata = tuf.read(R.repository.targets, Targets)
    plain = metadata.to_dict()
    plain["signed"]["delegations"] = {"keys": {}, "roles": []}
    found = Metadata[Targets].from_dict(plain)
    tuf.add_signatures(found, [OFFICE.targets])
    assert tuf.read(tuf.write(found), Targets).signed.delegations is not None


def test_consents_are_joined_and_names_do_not_collide() -> None:
    with pytest.raises(PackageError):
        join_consents([])
    assert join_consents([R.envelope, R.envelope]) == replace(
        R.envelope, signatures=tuple(sorted(R.envelope.signatures, key=lambda s: s.keyid))
    )
    with pytest.raises(PackageError):
        release_files(
            {"roster.json": b""},
            statement=R.envelope,
            hosts=R.hosts,
            terms=R.hosts,
            roster=W.roster,
        )
