"""The key-access service before its readers: grants, denials, proofs, withdrawal, the audit."""

import base64
import hashlib
import json
import logging
import pickle
import sqlite3
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from delian.adapters.key_access_store import KeyAuditError, KeyStoreError
from delian.exchange.key_access import ProofRule
from delian.exchange.key_access_errors import KeyClientError, KeyProofError
from delian.exchange.rewrap_reader import ReaderKey
from delian.exchange.session_keys import EC_P256, RSA_2048, open_sealed, public_pem
from delian.nodes.exchange_key_home import add_key, open_home
from delian.nodes.exchange_keys import KeyService, open_service
from tests.key_access_world import (
    ADMITTED,
    FRA,
    JPN,
    LEVEL,
    NOW,
    Desk,
    FixedClock,
    Reader,
    ask,
    make_reader,
    make_service,
    policy_text,
    wrap,
)

SHARE, ADDRESS = bytes(range(32)), "https://kas.example"
PATH = "/kas.AccessService/Rewrap"
SESSION = ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def service(tmp_path: Path, clock: FixedClock) -> Iterator[KeyService]:
    made = make_service(tmp_path / "keys", ADDRESS, clock)
    yield made
    made.close()


@pytest.fixture
def desk(service: KeyService) -> Desk:
    return Desk(service, make_reader(service, "fra", [FRA], ProofRule.DPOP))


def request(service: KeyService, policy: str, algorithm: str = RSA_2048, **changes: Any) -> str:
    """A request for one key, with parts of its key access object changed."""
    key = wrap(service, SHARE, policy, algorithm) | changes
    item = {"keyAccessObjectId": "kao-0", "keyAccessObject": key}
    return json.dumps(
        {
            "clientPublicKey": public_pem(SESSION.public_key()),
            "requests": [{"policy": {"id": "policy", "body": policy}, "keyAccessObjects": [item]}],
        }
    )


def result(plain: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = plain["responses"][0]["results"][0]
    return found


def events(service: KeyService) -> list[str]:
    return [entry.body["event"] for entry in service.audit_entries()]


@pytest.mark.parametrize("algorithm", [RSA_2048, EC_P256])
def test_a_reader_that_holds_the_attribute_gets_the_key(
    service: KeyService, desk: Desk, algorithm: str
) -> None:
    heard = desk.rewrap(request(service, policy_text(FRA), algorithm))
    assert heard.status == 200
    plain = heard.plain()
    sealed = base64.b64decode(result(plain)["kasWrappedKey"])
    assert open_sealed(SESSION, plain["sessionPublicKey"], sealed) == SHARE
    assert plain["entityWrappedKey"] == result(plain)["kasWrappedKey"]
    entry = service.audit_entries()[-1].body
    assert (entry["event"], entry["client"], entry["policy"]) == ("grant", "fra", "p-1")
    assert service.check_audit() == len(service.audit_entries())


def test_a_key_whose_name_the_writer_left_out_is_found(service: KeyService, desk: Desk) -> None:
    for algorithm in (RSA_2048, EC_P256):
        heard = desk.rewrap(request(service, policy_text(FRA), algorithm, kid=None))
        assert result(heard.plain())["status"] == "permit"


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        (policy_text(JPN), f"none of {JPN} is held"),
        (policy_text(FRA, f"{LEVEL}/value/secret"), f"{LEVEL}/value/secret or higher is not held"),
        (policy_text(FRA, f"{ADMITTED}/value/steel"), f"{ADMITTED}/value/steel is not held"),
        (policy_text(FRA, dissem=["jpn"]), "the reader is not on the policy's list"),
        (policy_text(), "the policy names nobody"),
    ],
)
def test_a_denial_names_what_is_missing_and_is_audited(
    service: KeyService, desk: Desk, policy: str, reason: str
) -> None:
    found = result(desk.rewrap(request(service, policy)).plain())
    assert found["status"] == "fail"
    assert found["error"] == f"rpc error: code = PermissionDenied desc = forbidden: {reason}"
    assert "kasWrappedKey" not in found
    entry = service.audit_entries()[-1].body
    assert (entry["event"], entry["client"], entry["reasons"]) == ("deny", "fra", [reason])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"kid": "r9"}, "the service has no key of this name"),
        ({"kid": "e1"}, "the key was not wrapped for this service"),
        ({"type": "ec-wrapped"}, "the key was not wrapped for this service"),
        (
            {"wrappedKey": base64.b64encode(bytes(256)).decode()},
            "the key was not wrapped for this service",
        ),
        (
            {"policyBinding": {"hash": base64.b64encode(bytes(32)).decode()}},
            "the policy is not the one bound to this key",
        ),
    ],
)
def test_a_broken_file_is_a_bad_request_whose_cause_only_the_audit_knows(
    service: KeyService, desk: Desk, changes: dict[str, Any], reason: str
) -> None:
    found = result(desk.rewrap(request(service, policy_text(FRA), **changes)).plain())
    assert found["error"] == "rpc error: code = InvalidArgument desc = bad request"
    assert service.audit_entries()[-1].body["reasons"] == [reason]


def test_a_policy_taken_from_another_file_gives_nothing(service: KeyService, desk: Desk) -> None:
    """The reader may read FRA files, so it puts the policy of one into a JPN file."""
    for algorithm in (RSA_2048, EC_P256):
        plain = json.loads(request(service, policy_text(JPN), algorithm))
        plain["requests"][0]["policy"]["body"] = policy_text(FRA)
        found = result(desk.rewrap(json.dumps(plain)).plain())
        assert found["error"] == "rpc error: code = InvalidArgument desc = bad request"


def test_after_the_withdrawal_nobody_gets_the_key(service: KeyService, desk: Desk) -> None:
    body = request(service, policy_text(FRA, uuid="p-7"))
    assert result(desk.rewrap(body).plain())["status"] == "permit"
    service.withdraw("p-7", "wrong figure")
    service.withdraw("p-7", "again")
    found = result(desk.rewrap(body).plain())
    assert found["error"].endswith("forbidden: the release was withdrawn: wrong figure")
    assert events(service).count("withdraw") == 1
    other = request(service, policy_text(FRA, uuid="p-8"))
    assert result(desk.rewrap(other).plain())["status"] == "permit"


def test_a_withdrawal_outlives_the_process(tmp_path: Path, clock: FixedClock) -> None:
    first = make_service(tmp_path / "k", ADDRESS, clock)
    reader = make_reader(first, "fra", [FRA], ProofRule.DPOP)
    body = request(first, policy_text(FRA))
    first.withdraw("p-1", "wrong")
    first.close()
    again = make_service(tmp_path / "k", ADDRESS, clock)
    assert result(Desk(again, reader).rewrap(body).plain())["status"] == "fail"
    again.close()


def test_what_a_client_holds_is_looked_up_when_it_asks(service: KeyService, desk: Desk) -> None:
    token = desk.token()
    body = request(service, policy_text(FRA))

    def again() -> Any:
        return desk.rewrap(
            body, [("authorization", f"DPoP {token}"), ("dpop", desk.proof(PATH, token))]
        )

    assert result(again().plain())["status"] == "permit"
    service.register("fra", [JPN])
    assert result(again().plain())["status"] == "fail"
    service.remove("fra")
    assert again().status == 401
    with pytest.raises(KeyClientError):
        service.remove("fra")


# --- proofs --------------------------------------------------------------------------------------


def test_a_proof_serves_once(service: KeyService, desk: Desk) -> None:
    token, body = desk.token(), request(service, policy_text(FRA))
    heads = [("authorization", f"DPoP {token}"), ("dpop", desk.proof(PATH, token))]
    assert desk.rewrap(body, heads).status == 200
    heard = desk.rewrap(body, heads)
    assert (heard.status, heard.plain()["code"]) == (401, "unauthenticated")
    assert service.audit_entries()[-1].body["event"] == "unproven"


def test_a_used_proof_is_remembered_by_the_next_process(tmp_path: Path, clock: FixedClock) -> None:
    first = make_service(tmp_path / "k", ADDRESS, clock)
    desk = Desk(first, make_reader(first, "fra", [FRA], ProofRule.DPOP))
    token, body = desk.token(), request(first, policy_text(FRA))
    heads = [("authorization", f"DPoP {token}"), ("dpop", desk.proof(PATH, token))]
    assert desk.rewrap(body, heads).status == 200
    first.close()
    again = make_service(tmp_path / "k", ADDRESS, clock)
    replayed = Desk(again, desk.reader)
    replayed.key = desk.key
    assert replayed.rewrap(body, heads).status == 401
    again.close()


@pytest.mark.parametrize(
    "fault",
    ["method", "address", "old", "early", "other token", "other key", "two", "none", "bearer"],
)
def test_a_proof_that_does_not_fit_the_request(service: KeyService, desk: Desk, fault: str) -> None:
    token, scheme = desk.token(), "DPoP"
    proofs = [desk.proof(PATH, token)]
    match fault:
        case "method":
            proofs = [desk.proof(PATH, token, method="GET")]
        case "address":
            proofs = [desk.proof("/kas/v2/rewrap", token)]
        case "old":
            proofs = [desk.proof(PATH, token, at=NOW - timedelta(seconds=61))]
        case "early":
            proofs = [desk.proof(PATH, token, at=NOW + timedelta(seconds=61))]
        case "other token":
            proofs = [desk.proof(PATH, desk.token())]
        case "other key":
            url = ADDRESS + PATH
            proofs = [ReaderKey.make().proof("POST", url, NOW, desk.random, token)]
        case "two":
            proofs.append(desk.proof(PATH, token))
        case "none":
            proofs = []
        case _:
            scheme = "Bearer"
    heads = [("authorization", f"{scheme} {token}"), *(("dpop", p) for p in proofs)]
    heard = desk.rewrap(request(service, policy_text(FRA)), heads)
    assert (heard.status, heard.plain()["code"]) == (401, "unauthenticated")
    assert "DPoP" in heard.headers["www-authenticate"]
    assert "grant" not in events(service)
    assert service.audit_entries()[-1].body["event"] == "unproven"


def test_a_request_token_of_another_key_is_refused(service: KeyService, desk: Desk) -> None:
    """Whoever has the token and the proof on the way cannot put his own session key in."""
    token = desk.token()
    heads = [
        ("content-type", "application/json"),
        ("authorization", f"DPoP {token}"),
        ("dpop", desk.proof(PATH, token)),
    ]
    signed = ReaderKey.make().sign_request(request(service, policy_text(FRA)), NOW)
    data = json.dumps({"signedRequestToken": signed}).encode()
    heard = ask(desk.app, "POST", PATH, data, heads)
    assert heard.status == 401
    assert "grant" not in events(service)


def test_a_stolen_token_is_worth_nothing_with_the_thiefs_own_key(
    service: KeyService, desk: Desk
) -> None:
    """Proof and request are both good and of one key, which is not the token's."""
    token = desk.token()
    thief = Desk(service, desk.reader)
    thief.count = 1000
    heads = [("authorization", f"DPoP {token}"), ("dpop", thief.proof(PATH, token))]
    assert thief.rewrap(request(service, policy_text(FRA)), heads).status == 401
    reasons = service.audit_entries()[-1].body["reasons"]
    assert reasons == ["the proof is made with another key than the token's"]


def test_a_request_token_that_is_too_old_is_refused(service: KeyService, desk: Desk) -> None:
    token = desk.token()
    heads = [
        ("content-type", "application/json"),
        ("authorization", f"DPoP {token}"),
        ("dpop", desk.proof(PATH, token)),
    ]
    body = request(service, policy_text(FRA))
    signed = desk.key.sign_request(body, NOW - timedelta(seconds=61))
    heard = ask(desk.app, "POST", PATH, json.dumps({"signedRequestToken": signed}).encode(), heads)
    assert heard.status == 401


def test_a_bearer_client_is_a_rule_of_the_operator(service: KeyService) -> None:
    desk = Desk(service, make_reader(service, "old", [FRA], ProofRule.BEARER))
    token, body = desk.token(), request(service, policy_text(FRA))
    assert desk.rewrap(body, [("authorization", f"Bearer {token}")]).status == 200
    with_proof = [("authorization", f"Bearer {token}"), ("dpop", "nonsense")]
    assert desk.rewrap(body, with_proof).status == 200
    assert desk.rewrap(body, [("authorization", f"DPoP {token}")]).status == 401
    service.register("old", [FRA], ProofRule.DPOP)
    assert desk.rewrap(body, [("authorization", f"Bearer {token}")]).status == 401


def test_a_token_ends(service: KeyService, desk: Desk, clock: FixedClock) -> None:
    token = desk.token()
    clock.moment = NOW + timedelta(seconds=600)
    late = desk.proof(PATH, token, at=clock.moment)
    heads = [("authorization", f"DPoP {token}"), ("dpop", late)]
    assert desk.rewrap(request(service, policy_text(FRA)), heads).status == 401


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "A" * 5000])
def test_text_that_is_no_token(service: KeyService, desk: Desk, token: str) -> None:
    heads = [("authorization", f"DPoP {token}"), ("dpop", desk.proof(PATH, token or "x"))]
    assert desk.rewrap(request(service, policy_text(FRA)), heads).status == 401


def test_a_token_of_a_stranger_is_refused_until_it_is_trusted(
    service: KeyService, tmp_path: Path, clock: FixedClock
) -> None:
    """The nation's half of a split key: it reads the alliance's tokens, by a pinned key."""
    alliance = open_service(tmp_path / "alliance", "https://alliance.example", clock)
    at_alliance = Desk(alliance, make_reader(alliance, "fra", [FRA], ProofRule.DPOP))
    here = Desk(service, at_alliance.reader)
    here.key = at_alliance.key
    body = request(service, policy_text(FRA))

    def bring() -> int:
        token = at_alliance.token()
        proof = here.key.proof("POST", ADDRESS + PATH, NOW, at_alliance.random, token)
        return here.rewrap(body, [("authorization", f"DPoP {token}"), ("dpop", proof)]).status

    assert bring() == 401
    service.trust("https://alliance.example", alliance.token_keys()["keys"][0])
    assert bring() == 401
    service.register("fra", [FRA])
    assert bring() == 401
    service.register_foreign("fra", "https://alliance.example", [FRA])
    assert bring() == 200
    service.trust("https://alliance.example", service.token_keys()["keys"][0])
    assert bring() == 401
    alliance.close()


def test_only_a_public_key_is_pinned(service: KeyService) -> None:
    with pytest.raises(KeyProofError):
        service.trust("https://a.example", {"kty": "oct", "k": "AAAA"})
    with pytest.raises(KeyProofError):
        service.trust("https://a.example", {})


# --- tokens --------------------------------------------------------------------------------------


def form(**members: str) -> bytes:
    return "&".join(f"{k}={v}" for k, v in members.items()).encode()


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (form(grant_type="password"), 400, "unsupported_grant_type"),
        (b"", 400, "unsupported_grant_type"),
        (b"\xff\xfe", 400, "invalid_request"),
        (form(grant_type="client_credentials"), 401, "invalid_client"),
        (
            form(grant_type="client_credentials", client_id="fra", client_secret="x"),
            401,
            "invalid_client",
        ),
        (
            form(grant_type="client_credentials", client_id="nobody", client_secret=""),
            401,
            "invalid_client",
        ),
    ],
)
def test_a_token_request_that_is_refused(desk: Desk, body: bytes, status: int, error: str) -> None:
    heard = ask(desk.app, "POST", "/token", body)
    assert (heard.status, heard.plain()) == (status, {"error": error})
    assert heard.headers["cache-control"] == "no-store"


def test_a_token_needs_a_proof_where_the_rule_says_so(service: KeyService, desk: Desk) -> None:
    body = form(grant_type="client_credentials", client_id="fra", client_secret=desk.reader.secret)
    heard = ask(desk.app, "POST", "/token", body)
    assert (heard.status, heard.plain()) == (400, {"error": "invalid_dpop_proof"})
    heads = [("dpop", desk.proof("/token"))]
    given = ask(desk.app, "POST", "/token", [body[:9], body[9:]], heads)
    assert (given.status, given.plain()["token_type"]) == (200, "DPoP")
    again = ask(desk.app, "POST", "/token", body, heads)
    assert (again.status, again.plain()) == (400, {"error": "invalid_dpop_proof"})


def test_a_foreign_client_gets_no_token_here(service: KeyService, desk: Desk) -> None:
    service.register_foreign("guest", "https://alliance.example", [FRA], ProofRule.BEARER)
    body = form(grant_type="client_credentials", client_id="guest", client_secret="")
    assert ask(desk.app, "POST", "/token", body).status == 401


# --- keys, secrets, the audit --------------------------------------------------------------------


def test_keys_at_rest_are_their_owners_alone(tmp_path: Path, clock: FixedClock) -> None:
    open_service(tmp_path / "k", ADDRESS, clock).close()
    assert stat.S_IMODE((tmp_path / "k").stat().st_mode) == 0o700
    secrets = sorted(p.name for p in (tmp_path / "k").glob("*.pem"))
    assert secrets == ["e1.pem", "r1.pem", "token.pem"]
    for name in secrets:
        assert stat.S_IMODE((tmp_path / "k" / name).stat().st_mode) == 0o600


def test_a_new_key_is_given_to_writers_and_the_old_one_still_opens(
    tmp_path: Path, clock: FixedClock
) -> None:
    first = make_service(tmp_path / "k", ADDRESS, clock)
    reader = make_reader(first, "fra", [FRA], ProofRule.DPOP)
    old = request(first, policy_text(FRA))
    first.close()
    assert add_key(tmp_path / "k", RSA_2048) == "r2"
    again = make_service(tmp_path / "k", ADDRESS, clock)
    assert again.public_key(RSA_2048)[1] == "r2"
    desk = Desk(again, reader)
    for body in (old, request(again, policy_text(FRA))):
        assert result(desk.rewrap(body).plain())["status"] == "permit"
    again.close()


def test_no_secret_shows_anywhere(
    service: KeyService, desk: Desk, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    heard = desk.rewrap(request(service, policy_text(FRA)))
    desk.rewrap(request(service, policy_text(JPN)))
    ask(desk.app, "POST", "/token", form(grant_type="client_credentials", client_id="fra"))
    token = desk.token()
    home = open_home(tmp_path / "keys")
    pem = home.keys[0].private_pem().decode().splitlines()[1]
    hidden = [SHARE.hex(), base64.b64encode(SHARE).decode(), desk.reader.secret, token, pem]
    hidden.append(result(heard.plain())["kasWrappedKey"])
    shown = caplog.text + repr(home) + repr(service) + repr(home.keys)
    shown += json.dumps([entry.body for entry in service.audit_entries()])
    assert "key access: grant" in caplog.text
    for secret in hidden:
        assert secret not in shown
    stored = b"".join(p.read_bytes() for p in (tmp_path / "keys").glob("key-access.sqlite*"))
    for secret in (SHARE, SHARE.hex().encode(), desk.reader.secret.encode(), token.encode()):
        assert secret not in stored
    with pytest.raises(TypeError):
        pickle.dumps(home)


def test_an_audit_that_somebody_wrote_into_shows(
    service: KeyService, desk: Desk, tmp_path: Path
) -> None:
    desk.rewrap(request(service, policy_text(JPN)))
    count = service.check_audit()
    file = tmp_path / "keys" / "key-access.sqlite"
    for order in (
        "UPDATE audit SET body = replace(body, '\"deny\"', '\"grant\"') WHERE seq = " + str(count),
        f"DELETE FROM audit WHERE seq = {count - 1}",
    ):
        line = sqlite3.connect(file)
        line.execute(order)
        line.commit()
        line.close()
        with pytest.raises(KeyAuditError):
            service.check_audit()


def test_an_entry_rewritten_with_its_digest_no_longer_fits_the_next(
    service: KeyService, desk: Desk, tmp_path: Path
) -> None:
    desk.rewrap(request(service, policy_text(JPN)))
    desk.rewrap(request(service, policy_text(FRA)))
    number = next(e.seq for e in service.audit_entries() if e.body["event"] == "deny")
    line = sqlite3.connect(tmp_path / "keys" / "key-access.sqlite")
    ((body,),) = line.execute("SELECT body FROM audit WHERE seq = ?", (number,)).fetchall()
    forged = body.replace('"deny"', '"grant"')
    name = "sha256:" + hashlib.sha256(forged.encode()).hexdigest()
    line.execute("UPDATE audit SET body = ?, digest = ? WHERE seq = ?", (forged, name, number))
    line.commit()
    line.close()
    with pytest.raises(KeyAuditError, match=f"entry {number + 1}"):
        service.check_audit()


def test_no_key_leaves_when_the_audit_cannot_be_written(
    service: KeyService, desk: Desk, tmp_path: Path
) -> None:
    token = desk.token()
    heads = [("authorization", f"DPoP {token}"), ("dpop", desk.proof(PATH, token))]
    body = request(service, policy_text(FRA))
    line = sqlite3.connect(tmp_path / "keys" / "key-access.sqlite")
    line.execute("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(FAIL, 'full'); END")
    line.commit()
    line.close()
    heard = desk.rewrap(body, heads)
    assert (heard.status, heard.plain()["code"]) == (503, "unavailable")
    assert b"kasWrappedKey" not in heard.body


def test_a_file_of_another_version_is_left_alone(tmp_path: Path, clock: FixedClock) -> None:
    make_service(tmp_path / "k", ADDRESS, clock).close()
    line = sqlite3.connect(tmp_path / "k" / "key-access.sqlite")
    line.execute("PRAGMA user_version=99")
    line.close()
    with pytest.raises(KeyStoreError, match="another version"):
        make_service(tmp_path / "k", ADDRESS, clock)


def test_the_older_form_is_answered_with_a_status(service: KeyService, desk: Desk) -> None:
    def single(policy: str, **changes: Any) -> Any:
        key = wrap(service, SHARE, policy, RSA_2048) | changes
        plain = {"clientPublicKey": public_pem(SESSION.public_key()), "policy": policy}
        return desk.rewrap(json.dumps({**plain, "keyAccess": key}))

    given = single(policy_text(FRA))
    assert given.status == 200
    sealed = base64.b64decode(given.plain()["entityWrappedKey"])
    assert open_sealed(SESSION, given.plain()["sessionPublicKey"], sealed) == SHARE
    denied = single(policy_text(JPN))
    assert (denied.status, denied.plain()["code"]) == (403, "permission_denied")
    assert f"none of {JPN} is held" in denied.plain()["message"]
    broken = single(policy_text(FRA), kid="r9")
    assert (broken.status, broken.plain()["code"]) == (400, "invalid_argument")


def test_several_keys_are_decided_one_by_one(service: KeyService, desk: Desk) -> None:
    plain = json.loads(request(service, policy_text(FRA)))
    plain["requests"] += json.loads(request(service, policy_text(JPN)))["requests"]
    answer = desk.rewrap(json.dumps(plain)).plain()
    assert [r["results"][0]["status"] for r in answer["responses"]] == ["permit", "fail"]
    assert "entityWrappedKey" not in answer
    assert events(service)[-2:] == ["grant", "deny"]


def test_registering_again_ends_the_old_secret(service: KeyService, desk: Desk) -> None:
    before = desk.reader
    desk.reader = Reader("fra", service.register("fra", [FRA]))
    assert desk.token()
    desk.reader = before
    with pytest.raises(KeyError):
        desk.token()
    assert [client.id for client in service.clients()] == ["fra"]
