"""Our TUF client over loopback HTTP: the commands of the public suite, and what it must refuse.

The public suite has more cases (``run_tuf.py``); these are the ones that a release relies on.
"""

import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest

from delian.adapters.tuf_client import main
from delian.release.repository import (
    Repository,
    Validity,
    freshen,
    open_repository,
    publish,
    rotate,
    site_files,
)
from delian.release.roots import make_root, sign_root
from tests.conformance import run_tuf
from tests.release_world import OFFICE, key, root_plan, signed_root, world

W = world(5, 3, 2, 1)
NOW = datetime.now(UTC)
VALID = Validity.until(NOW + timedelta(days=30))
FILES = {"a.txt": b"first", "b.txt": b"second"}
LISTED = {f"e1/{name}": data for name, data in FILES.items()}


class Server:
    """A web server on loopback whose files a test may exchange."""

    def __init__(self) -> None:
        self.files: Mapping[str, bytes] = {}
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = unquote(self.path).lstrip("/")
                outer.asked.append(path)
                data = outer.files.get(path)
                self.send_response(404 if data is None else 200)
                self.send_header("Content-Length", str(len(data or b"")))
                self.end_headers()
                self.wfile.write(data or b"")

            def log_message(self, *_: object) -> None:
                return

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.02,))
        self.thread.start()

    def stop(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.stop()


def repository(validity: Validity = VALID) -> Repository:
    root = signed_root(W, expires_utc=NOW + timedelta(days=60))
    made = open_repository((root,), "industry", OFFICE, validity)
    return publish(made, "e1", FILES, OFFICE, validity)


class Client:
    """The commands, bound to one server and one folder."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.metadata, self.targets = folder / "metadata", folder / "targets"
        self.server = server

    def init(self, root: bytes) -> int:
        trusted = self.metadata.parent / "trusted.json"
        trusted.write_bytes(root)
        return main(["--metadata-dir", str(self.metadata), "init", str(trusted)])

    def arguments(self) -> list[str]:
        url = f"{self.server.url}/metadata"
        return ["--metadata-url", url, "--metadata-dir", str(self.metadata)]

    def refresh(self) -> int:
        return main([*self.arguments(), "refresh"])

    def download(self, name: str) -> int:
        base = f"{self.server.url}/targets"
        where = ["--target-name", name, "--target-dir", str(self.targets)]
        return main([*self.arguments(), *where, "--target-base-url", base, "download"])


@pytest.fixture
def client(server: Server, tmp_path: Path) -> Client:
    return Client(server, tmp_path)


def test_init_refresh_download_and_the_cache(server: Server, client: Client) -> None:
    r = repository()
    server.files = site_files(r, LISTED)
    assert client.init(r.roots[0]) == 0 and server.asked == []
    assert client.refresh() == 0
    assert (client.metadata / "timestamp.json").read_bytes() == r.timestamp
    assert client.download("e1/a.txt") == 0
    assert [p.read_bytes() for p in client.targets.iterdir()] == [b"first"]
    server.asked.clear()
    assert client.download("e1/a.txt") == 0
    assert not [p for p in server.asked if p.startswith("targets/")]
    assert client.download("e1/none.txt") == 1


def test_a_changed_file_or_changed_metadata_is_refused(server: Server, client: Client) -> None:
    r = repository()
    site = site_files(r, LISTED)
    client.init(r.roots[0])
    server.files = {n: (d[:-1] + b"!" if n.endswith(".a.txt") else d) for n, d in site.items()}
    assert client.download("e1/a.txt") == 1
    assert not client.targets.exists() or not list(client.targets.iterdir())
    forged = r.timestamp.replace(b"industry", b"industrx")
    server.files = {**site, "metadata/timestamp.json": forged}
    assert client.refresh() == 1


def test_rollback_and_stale_metadata_are_refused(server: Server, client: Client) -> None:
    r = repository()
    newer = freshen(r, OFFICE.online, NOW + timedelta(days=40))
    client.init(r.roots[0])
    server.files = site_files(newer, LISTED)
    assert client.refresh() == 0
    server.files = site_files(r, LISTED)
    assert client.refresh() == 1
    assert (client.metadata / "timestamp.json").read_bytes() == newer.timestamp


def test_expired_metadata_is_refused(server: Server, client: Client) -> None:
    r = repository(Validity(VALID.targets_utc, VALID.snapshot_utc, NOW - timedelta(days=1)))
    client.init(r.roots[0])
    server.files = site_files(r, LISTED)
    assert client.refresh() == 1


def test_a_rotated_root_is_followed_and_a_foreign_one_is_not(
    server: Server, client: Client
) -> None:
    r = repository()
    root = signed_root(W, version=2, expires_utc=NOW + timedelta(days=61))
    rotated = rotate(r, root, OFFICE, VALID)
    client.init(r.roots[0])
    server.files = site_files(rotated, LISTED)
    assert client.refresh() == 0
    assert (client.metadata / "root.json").read_bytes() == root
    stolen = {c: key(f"{c}/stolen") for c in W.nations}
    plan = root_plan(W, 3, nations={c: k.public for c, k in stolen.items()})
    foreign = sign_root(make_root(plan), stolen.values())
    server.files = {**server.files, "metadata/3.root.json": foreign}
    assert client.refresh() == 1


def test_the_executable_speaks_the_protocol(server: Server, client: Client) -> None:
    r = repository()
    server.files = site_files(r, LISTED)
    client.init(r.roots[0])
    base = [sys.executable, str(run_tuf.CLIENT)]
    assert subprocess.run([*base, *client.arguments(), "refresh"], check=False).returncode == 0
    gone = [*base, "--metadata-dir", str(client.metadata), "init", "no-such-file"]
    assert subprocess.run(gone, check=False, capture_output=True).returncode == 1


def test_a_missing_suite_is_said_and_is_not_a_pass(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_tuf.main(["--suite", str(tmp_path)]) == run_tuf.UNAVAILABLE
    assert "not run here: needs" in capsys.readouterr().err
    (tmp_path / "tuf_conformance").mkdir()
    (tmp_path / "tuf_conformance" / "conftest.py").write_text("")
    assert run_tuf.suite_folder(["--suite", str(tmp_path)]) == tmp_path / "tuf_conformance"
