"""``exchange bridge`` and ``exchange identity`` from the shell."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from delian.cli.exchange_bridge import NotPinnedError, bridge, identity
from delian.crypto.sign import PrivateKey
from delian.exchange.bridge_errors import CheckDigitError
from delian.exchange.foreign_name import ForeignName, Scheme
from delian.exchange.identity_map import Assurance, IdentityRecord, RecordError
from delian.nodes.settings import SettingsError
from tests.foreign_cadde import japanese_package

KEY = PrivateKey.from_seed("ed25519", b"\x05" * 32)
PROVIDER = "1180001038380"


def run(*words: object) -> Result:
    command = {"bridge": bridge, "identity": identity}[str(words[0])]
    return CliRunner().invoke(command, [str(w) for w in words[1:]], catch_exceptions=False)


@pytest.fixture
def record(tmp_path: Path) -> Path:
    made = IdentityRecord(
        "did:web:parts.example.jp",
        (ForeignName(Scheme.OPEN_OPERATOR, "7000012050002"),),
        Assurance.HIGH,
        "voucher-jp",
        "登記簿",
        datetime.now(UTC).replace(microsecond=0) - timedelta(days=1),
        datetime.now(UTC).replace(microsecond=0) + timedelta(days=1),
    )
    (tmp_path / "record.json").write_bytes(made.to_bytes())
    (tmp_path / "voucher.key").write_bytes(KEY.to_secret_bytes())
    return tmp_path / "record.json"


def test_a_record_is_signed_and_shown(record: Path) -> None:
    out, key = record.with_name("signed.json"), record.with_name("voucher.key")
    signed = json.loads(
        run("identity", "sign", record, "--key", key, "--out", out, "--json").stdout
    )
    pinned = f"voucher-jp={signed['key']}"
    shown = json.loads(run("identity", "show", out, "--voucher", pinned, "--json").stdout)
    assert shown["did"] == "did:web:parts.example.jp" and shown["holds_now"] is True
    assert shown["record"] == signed["record"]
    lines = run("identity", "show", out, "--voucher", pinned).stdout.splitlines()
    assert lines[0] == "did:web:parts.example.jp, high, by voucher-jp: 登記簿"
    other = PrivateKey.from_seed("ed25519", b"\x06" * 32).public.to_wire()
    with pytest.raises(RecordError):
        run("identity", "show", out, "--voucher", f"voucher-jp={other}")
    with pytest.raises(NotPinnedError):
        run("identity", "show", out, "--voucher", other)


def test_a_wrong_check_digit_is_not_signed(record: Path) -> None:
    record.write_bytes(record.read_bytes().replace(b"7000012050002", b"7000012050003"))
    out, key = record.with_name("signed.json"), record.with_name("voucher.key")
    with pytest.raises(CheckDigitError):
        run("identity", "sign", record, "--key", key, "--out", out)
    assert not out.exists()


class Catalogue(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        result = {"count": 1, "results": [japanese_package(PROVIDER)]}
        body = json.dumps({"success": True, "result": result}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Catalogue)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_foreign_catalogue_is_read_once(tmp_path: Path, address: str) -> None:
    (tmp_path / "kanto-token").write_text("t")
    (tmp_path / "kanto-token").chmod(0o600)
    (tmp_path / "bridge.toml").write_text(
        f'[[cadde]]\nname = "kanto"\naddress = "{address}"\nprovider = "{PROVIDER}"\n'
        'token = "kanto-token"\n'
    )
    shown = run("bridge", "--home", tmp_path, "--development").stdout
    assert shown.startswith(f"urn:cadde:{PROVIDER}:detail-001  半導体の需要見通し\n")
    assert "/author_email dropped: personal data" in shown and shown.endswith("doors: none\n")
    guarded = json.loads(run("bridge", "--home", tmp_path, "--json").stdout)
    assert guarded["datasets"] == [] and guarded["troubles"][0].startswith("kanto: the address")


def test_without_settings_there_is_a_hint(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"bridge\.toml"):
        run("bridge", "--home", tmp_path)
