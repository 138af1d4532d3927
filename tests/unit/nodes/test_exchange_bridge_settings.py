"""``bridge.toml``: what is read, what is refused, and where secrets may lie."""

import re
from pathlib import Path

import pytest

from delian.exchange.foreign_name import ForeignName, Scheme
from delian.exchange.identity_map import RecordError
from delian.nodes.exchange_bridge_settings import load, read_secret
from delian.nodes.settings import SettingsError
from delian.terms.errors import DelianError
from tests.japan_world import ISSUER, NOW, VOUCHER, identity_papers, secret

CADDE = '[[cadde]]\nname = "a"\naddress = "https://a.example/"\nprovider = "P"\ntoken = "t"\n'


def write(home: Path, text: str) -> Path:
    (home / "bridge.toml").write_text(text, "utf-8")
    return home


def test_without_the_file_there_are_no_bridges(tmp_path: Path) -> None:
    assert load(tmp_path) is None


def test_peers_doors_and_identities_are_read(tmp_path: Path) -> None:
    papers = identity_papers(tmp_path, "did:web:jp.example", Scheme.CADDE, "user-1")
    secret(tmp_path, "handed", "one two")
    door = f'issuer = "{ISSUER}"\naudience = "a"\nclaim = "sub"\nkeys = "idp-keys.json"\n'
    text = (
        f"every_minutes = 5\n{papers}[door.cadde]\nprovider = 'EU-1'\n{door}"
        f"[door.ods]\napi_keys = 'handed'\n{door}{CADDE}"
    )
    found = load(write(tmp_path, text))
    assert found is not None
    assert [d.system for d in found.doors] == ["cadde", "ods"]
    assert found.doors[1].api_keys == ("one", "two")
    assert found.peers[0].address == "https://a.example"
    assert (found.every_minutes, found.least.value) == (5, "substantial")
    name = ForeignName(Scheme.CADDE, "user-1")
    assert found.identities.did_of(name, NOW).did == "did:web:jp.example"
    assert "one" not in repr(found.doors)


@pytest.mark.parametrize(
    "text",
    [
        "x = 1",
        "cadde = 1",
        "[cadde]\nname = 'a'",
        CADDE + "colour = 'red'\n",
        CADDE.replace('token = "t"\n', ""),
        CADDE.replace('"P"', "7"),
        CADDE + "recipients = 'x'\n",
        "[door.smb]\nx = 1",
        "[identity]\nleast = 'certain'",
        "every_minutes = 0",
        "every_minutes = true",
        "= broken",
    ],
)
def test_what_is_unknown_or_missing_fails(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError):
        load(write(tmp_path, text))


def test_a_record_of_a_voucher_that_is_not_pinned_stops_the_node(tmp_path: Path) -> None:
    identity_papers(tmp_path, "did:web:jp.example", Scheme.CADDE, "user-1")
    with pytest.raises(RecordError):
        load(write(tmp_path, CADDE))


def test_secrets_are_files_of_their_owner_alone(tmp_path: Path) -> None:
    secret(tmp_path, "t", "kc-token\n")
    assert read_secret(tmp_path, "t") == "kc-token"
    (tmp_path / "open").write_text("x")
    (tmp_path / "open").chmod(0o644)
    secret(tmp_path, "two", "a\nb")
    secret(tmp_path, "none", "\n")
    for name in ("open", "two", "none", "missing", "../t", "/etc/passwd"):
        with pytest.raises(DelianError) as caught:
            read_secret(tmp_path, name)
        assert "kc-token" not in str(caught.value)


def test_an_account_holds_three_members(tmp_path: Path) -> None:
    found = load(write(tmp_path, CADDE))
    assert found is not None
    good = '{"operatorAccountId":"a","accountPassword":"b","apiKey":"c"}'
    secret(tmp_path, "good", good)
    assert found.account("good").name == "a"
    for index, text in enumerate(("[]", "{}", "x", good.replace('"c"', "1"))):
        secret(tmp_path, f"bad{index}", text)
        with pytest.raises(SettingsError):
            found.account(f"bad{index}")


def test_the_settings_of_the_guide_are_read(tmp_path: Path) -> None:
    guide = (Path(__file__).parents[3] / "docs" / "howto" / "japan.md").read_text("utf-8")
    blocks = re.findall(r"```toml\n(.*?)```", guide, re.DOTALL)
    identity_papers(tmp_path, "did:web:jp.example", Scheme.CADDE, "user-1")
    for name in ("cadde-keys.json", "ods-keys.json"):
        (tmp_path / name).write_bytes((tmp_path / "idp-keys.json").read_bytes())
    secret(tmp_path, "ods-api-keys", "one")
    text = "\n".join(blocks).replace("ed25519:<public key>", VOUCHER.public.to_wire())
    found = load(write(tmp_path, text))
    assert found is not None
    assert [d.system for d in found.doors] == ["cadde", "ods"]
    assert [p.name for p in found.peers] == ["kanto", "power", "battery", "demand"]
    assert len(found.peers[2].suppliers) == len(found.peers[3].answers) == 1
