"""The operator's line to the key-access service of a home."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from delian.adapters.clock import SystemClock
from delian.cli.exchange_keys import command
from delian.exchange.key_access import AttributeRule, ProofRule
from delian.exchange.key_access_errors import KeyClientError, KeyRequestError
from delian.nodes.exchange_keys import KeyService, open_service
from delian.nodes.exchange_sealing import FOLDER, list_partners
from delian.nodes.exchange_unsealing import read_accounts
from tests.key_access_world import FRA, RELEASABLE, make_service


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = tmp_path / "home"
    made.mkdir()
    make_service(made / FOLDER, "", SystemClock()).close()
    return made


def run(home: Path, *words: str) -> Result:
    return CliRunner().invoke(command, [*words, "--home", str(home)], catch_exceptions=False)


def plain(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def service(home: Path) -> KeyService:
    return open_service(home / FOLDER, "https://kas.example", SystemClock())


def test_a_client_is_registered_and_its_secret_shown_once(home: Path) -> None:
    made = plain(run(home, "register", "fra", "--attribute", FRA, "--json"))
    assert (made["client"], len(made["secret"])) == ("fra", 64)
    listed = plain(run(home, "list", "--json"))
    assert listed["clients"] == [
        {"client": "fra", "issuer": "", "proof": "dpop", "attributes": [FRA]}
    ]
    assert made["secret"] not in json.dumps(listed)
    assert "fra" in run(home, "list").stdout


def test_a_bearer_and_a_foreign_client(home: Path) -> None:
    run(home, "register", "old", "--bearer", "--attribute", FRA)
    run(home, "register", "guest", "--issuer", "https://a.example", "--attribute", FRA)
    kept = service(home)
    found = {(c.id, c.issuer, c.proof) for c in kept.clients()}
    kept.close()
    assert found == {
        ("old", "", ProofRule.BEARER),
        ("guest", "https://a.example", ProofRule.DPOP),
    }
    assert run(home, "remove", "guest", "--issuer", "https://a.example").exit_code == 0
    with pytest.raises(KeyClientError):
        run(home, "remove", "guest")
    with pytest.raises(KeyRequestError):
        run(home, "register", "x", "--attribute", "fra")


def test_a_rule_is_set(home: Path) -> None:
    assert run(home, "rule", RELEASABLE, "all-of", "deu", "ita").exit_code == 0
    kept = service(home)
    assert kept.attribute_rules()[RELEASABLE].values == ("deu", "ita")
    kept.close()
    assert run(home, "rule", RELEASABLE, "one-of", "deu").exit_code == 2
    assert run(home, "rule", RELEASABLE, "any-of").exit_code == 2


def test_the_rules_of_a_labelling_policy(home: Path) -> None:
    names = run(home, "rules", "https://a.example").stdout.splitlines()
    assert "https://a.example/attr/classification" in names
    kept = service(home)
    rule = kept.attribute_rules()["https://a.example/attr/releasable-to"]
    kept.close()
    assert rule.rule is AttributeRule.ANY_OF
    assert "fra" in rule.values


def test_another_service_is_trusted_by_its_public_key(home: Path, tmp_path: Path) -> None:
    kept = service(home)
    file = tmp_path / "a.json"
    file.write_text(json.dumps(kept.token_keys()))
    kept.close()
    assert run(home, "trust", "https://a.example", str(file)).exit_code == 0
    for text in ("", "[]", '{"keys":[]}', '{"keys":[5]}', '{"keys":"ab"}'):
        file.write_text(text)
        with pytest.raises(KeyClientError, match="JWKS"):
            run(home, "trust", "https://a.example", str(file))


def test_withdrawal_rotation_and_the_audit(home: Path) -> None:
    assert run(home, "withdraw", "p-1", "--reason", "wrong").exit_code == 0
    assert run(home, "rotate", "ec:secp256r1").stdout == "e2\n"
    entries = plain(run(home, "audit", "--json"))
    assert entries["count"] == len(entries["entries"]) == 4
    assert entries["entries"][-1]["reasons"] == ["wrong"]
    shown = run(home, "audit", "--after", "3").stdout
    assert shown.startswith("4  ")
    assert shown.endswith("withdraw p-1 wrong\n")


def test_a_home_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    assert run(tmp_path / "none", "list").exit_code == 2
    assert not (tmp_path / "none").exists()


def test_pins_and_partners(home: Path, tmp_path: Path) -> None:
    pins = run(home, "pins").stdout
    assert run(home, "pins").stdout == pins
    kept = service(home)
    pem, kid = kept.public_key("ec:secp256r1")
    kept.close()
    file = tmp_path / "nation.json"
    file.write_text(json.dumps({"publicKey": pem, "kid": kid}))
    assert run(home, "split", "https://nation.example/kas", str(file)).exit_code == 0
    (partner,) = list_partners(home)
    assert (partner.url, partner.split) == ("https://nation.example", "https://nation.example")
    for text in ("", "[]", '{"publicKey":"x","kid":"y"}', '{"kid":"y"}'):
        file.write_text(text)
        with pytest.raises(KeyClientError, match="public key"):
            run(home, "split", "https://other.example", str(file))
    assert len(list_partners(home)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "account = 5",
        "[account]\n",
        "[[account]]\naddress = 'https://a.example'\n",
        "[[account]]\naddress = 'https://a.example'\nclient = 'x'\n",
        "[[account]]\naddress = 'https://a.example'\nclient = 'x'\nsecret = 'y'\n",
        "[[account]]\naddress = 5\nclient = 'x'\nissuer = 'https://b.example'\n",
        "[[account]]\naddress = 'https://a.example'\nclient = 'x'\nissuer = 'b'\n[more]\n",
        "\xff",
    ],
)
def test_accounts_that_are_not_in_their_form(tmp_path: Path, text: str) -> None:
    file = tmp_path / "accounts.toml"
    file.write_text(text, encoding="latin-1")
    with pytest.raises(KeyClientError):
        read_accounts(file)


def test_accounts_with_a_secret_and_with_an_issuer(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("abc\n")
    file = tmp_path / "accounts.toml"
    file.write_text(
        "[[account]]\naddress = 'https://a.example'\nclient = 'x'\nsecret_file = 's'\n"
        "[[account]]\naddress = 'https://b.example'\nclient = 'x'\nissuer = 'https://a.example'\n"
    )
    first, second = read_accounts(file)
    assert (first.secret, first.issuer) == ("abc", "")
    assert (second.secret, second.issuer) == ("", "https://a.example")
