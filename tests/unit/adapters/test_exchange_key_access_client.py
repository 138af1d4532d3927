"""Our reader's line to key services: only those it knows, and only answers that can be right."""

import base64
import json
import pickle
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from delian.adapters.key_access_client import KeyAccessClient, KeyAccount, origin
from delian.crypto.tdf_keys import KeyAccess, KeyAccessGrant, policy_binding, wrap
from delian.exchange.key_access import ProofRule
from delian.exchange.key_access_errors import (
    KeyAnswerError,
    KeyClientError,
    KeyDeniedError,
    KeyServiceAwayError,
)
from delian.nodes.exchange_keys import KeyService
from delian.terms.errors import DelianError, InputError
from tests.key_access_world import (
    FRA,
    JPN,
    NOW,
    FixedClock,
    make_reader,
    make_service,
    policy_text,
    served,
    serving,
)

SHARE = bytes(range(32))


@pytest.fixture(scope="module")
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, clock: FixedClock) -> Iterator[KeyService]:
    made = make_service(tmp_path_factory.mktemp("kas") / "k", "http://127.0.0.1", clock)
    with served(made):
        yield made
    made.close()


def client(
    service: KeyService, clock: FixedClock, name: str = "fra", rule: ProofRule = ProofRule.DPOP
) -> KeyAccessClient:
    reader = make_reader(service, name, [FRA], rule)
    account = KeyAccount(service.address, reader.name, reader.secret)
    return KeyAccessClient([account], clock, development=True)


def access(service: KeyService, policy: str, algorithm: str = "ec:secp256r1") -> KeyAccess:
    """What our own writer would put into a manifest."""
    pem, kid = service.public_key(algorithm)
    grant = KeyAccessGrant(service.address, kid, pem)
    kind, wrapped, ephemeral = wrap(grant, SHARE, bytes)
    binding = policy_binding(SHARE, policy)
    text = base64.b64encode(binding.hex().encode()).decode()
    return KeyAccess(kind, grant.url, kid, "", wrapped, ephemeral, binding, text)


def events(service: KeyService) -> list[str]:
    return [entry.body["event"] for entry in service.audit_entries()]


@pytest.mark.parametrize("algorithm", ["rsa:2048", "ec:secp256r1"])
@pytest.mark.parametrize("rule", list(ProofRule))
def test_the_share_comes_back(
    service: KeyService, clock: FixedClock, algorithm: str, rule: ProofRule
) -> None:
    policy = policy_text(FRA)
    asked = client(service, clock, rule=rule)
    assert asked.unwrap(access(service, policy, algorithm), policy) == SHARE


def test_one_token_serves_until_it_ends(service: KeyService, clock: FixedClock) -> None:
    policy, asked = policy_text(FRA), client(service, clock)
    before = events(service).count("token")
    for _ in range(3):
        assert asked.unwrap(access(service, policy), policy) == SHARE
    assert events(service).count("token") == before + 1
    clock.moment = NOW + timedelta(seconds=571)
    assert asked.unwrap(access(service, policy), policy) == SHARE
    clock.moment = NOW
    assert events(service).count("token") == before + 2


def test_a_denial_says_why(service: KeyService, clock: FixedClock) -> None:
    policy, asked = policy_text(JPN), client(service, clock)
    with pytest.raises(KeyDeniedError, match=f"none of {JPN} is held"):
        asked.unwrap(access(service, policy), policy)


def test_a_broken_file_is_no_denial(service: KeyService, clock: FixedClock) -> None:
    asked = client(service, clock)
    with pytest.raises(KeyAnswerError, match="not bound to this policy"):
        asked.unwrap(access(service, policy_text(JPN)), policy_text(FRA))
    with pytest.raises(KeyAnswerError):
        asked.unwrap(replace(access(service, policy_text(FRA)), kid="r9"), policy_text(FRA))


def test_a_service_without_an_account_is_never_asked(
    service: KeyService, clock: FixedClock
) -> None:
    """The address comes from the file: whoever wrote it must not make us call anybody."""
    asked, policy = client(service, clock), policy_text(FRA)
    with socket.socket() as trap:
        trap.bind(("127.0.0.1", 0))
        trap.listen()
        trap.settimeout(0)
        address = f"http://127.0.0.1:{trap.getsockname()[1]}"
        for url in (address, service.address.replace("http", "https"), "http://169.254.169.254"):
            with pytest.raises(KeyDeniedError, match="no account"):
                asked.unwrap(replace(access(service, policy), url=url), policy)
        with pytest.raises(BlockingIOError):
            trap.accept()
    for url in ("", "file:///etc/passwd", "http://a@b/", "http://[", "//x"):
        with pytest.raises(InputError):
            asked.unwrap(replace(access(service, policy), url=url), policy)


def test_a_path_behind_the_origin_is_dropped(service: KeyService, clock: FixedClock) -> None:
    policy = policy_text(FRA)
    named = replace(access(service, policy), url=service.address + "/kas")
    assert client(service, clock).unwrap(named, policy) == SHARE


@pytest.mark.parametrize(
    ("address", "development"),
    [
        ("http://127.0.0.1:80", False),
        ("http://kas.example", True),
        ("http://10.0.0.1", True),
        ("ftp://kas.example", True),
        ("https://user@kas.example", False),
    ],
)
def test_in_the_clear_only_to_loopback_and_only_for_development(
    clock: FixedClock, address: str, development: bool
) -> None:
    with pytest.raises(InputError):
        KeyAccessClient([KeyAccount(address, "a", "b")], clock, development=development)


def test_origins() -> None:
    assert origin("HTTPS://Kas.Example:443/kas?x#y") == "https://kas.example"
    assert origin("https://[2001:db8::1]:8443/") == "https://[2001:db8::1]:8443"
    assert origin("http://localhost:80") == "http://localhost"


def test_a_wrong_secret_and_a_missing_account(service: KeyService, clock: FixedClock) -> None:
    policy = policy_text(FRA)
    for account in (
        KeyAccount(service.address, "fra", "wrong"),
        KeyAccount(service.address, "fra"),
        KeyAccount(service.address, "fra", issuer="https://elsewhere.example"),
    ):
        asked = KeyAccessClient([account], clock, development=True)
        with pytest.raises(KeyClientError):
            asked.unwrap(access(service, policy), policy)


def test_a_service_that_is_away(service: KeyService, clock: FixedClock) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
        asked = KeyAccessClient([KeyAccount(address, "a", "b")], clock, development=True)
        policy = policy_text(FRA)
        with pytest.raises(KeyServiceAwayError):
            asked.unwrap(replace(access(service, policy), url=address), policy)


def result(**changes: Any) -> dict[str, Any]:
    entry = {"keyAccessObjectId": "kao-0", "status": "permit", "kasWrappedKey": "AAAA"} | changes
    return {"responses": [{"policyId": "policy", "results": [entry]}], "sessionPublicKey": "x"}


ANSWERS: list[tuple[int, Any, type[DelianError]]] = [
    (200, {}, KeyAnswerError),
    (200, {"responses": []}, KeyAnswerError),
    (200, {"responses": [{"policyId": "policy", "results": []}]}, KeyAnswerError),
    (200, {"responses": [{"policyId": "other", "results": []}]}, KeyAnswerError),
    (200, {"responses": result()["responses"] * 2}, KeyAnswerError),
    (200, {"responses": "x"}, KeyAnswerError),
    (200, {"responses": [5]}, KeyAnswerError),
    (200, result(), KeyAnswerError),
    (200, result(keyAccessObjectId="kao-1"), KeyAnswerError),
    (200, result(status="maybe"), KeyAnswerError),
    (200, result(kasWrappedKey=None), KeyAnswerError),
    (200, result(kasWrappedKey="!"), KeyAnswerError),
    (200, result(status="fail"), KeyDeniedError),
    (200, result(status="fail", error="\x1b[31m" * 500), KeyDeniedError),
    (200, b"[" * 100_000, KeyAnswerError),
    (200, b"\xff", KeyAnswerError),
    (200, b"x" * (256 * 1024 + 1), KeyAnswerError),
    (200, result(status="fail") | {"more": "x" * 256 * 1024}, KeyAnswerError),
    (307, "redirect", KeyAnswerError),
    (400, {"code": "invalid_argument"}, KeyAnswerError),
    (401, {"code": "unauthenticated"}, KeyDeniedError),
    (403, {"code": "permission_denied", "message": "no"}, KeyDeniedError),
    (500, {}, KeyServiceAwayError),
]


class Liar:
    """A key service that gives tokens, and then any answer."""

    def __init__(self) -> None:
        self.status, self.said = 200, b""
        self.given: Any = {"access_token": "t", "token_type": "DPoP", "expires_in": 600}
        self.calls: list[str] = []
        self.app = Starlette(
            routes=[Route("/{path:path}", self._answer, methods=["POST", "GET"])],
        )

    async def _answer(self, request: Request) -> Response:
        self.calls.append(request.url.path)
        if request.url.path == "/token":
            return Response(json.dumps(self.given))
        if self.status == 307:
            return RedirectResponse("/elsewhere")
        return Response(self.said, self.status)


def test_an_answer_that_cannot_be_right_gives_no_key(
    service: KeyService, clock: FixedClock
) -> None:
    liar, policy = Liar(), policy_text(FRA)
    with serving(liar.app) as address:
        asked = KeyAccessClient([KeyAccount(address, "a", "b")], clock, development=True)
        named = replace(access(service, policy), url=address)
        for status, said, kind in ANSWERS:
            liar.status = status
            liar.said = said if isinstance(said, bytes) else json.dumps(said).encode()
            with pytest.raises(kind) as caught:
                asked.unwrap(named, policy)
            assert "\x1b" not in caught.value.message
            assert len(caught.value.message) < 400
    assert "/elsewhere" not in liar.calls


TOKENS: list[Any] = [
    [],
    {},
    {"access_token": 5, "expires_in": 600},
    {"access_token": "", "expires_in": 600},
    {"access_token": "a\r\nx-more: b", "expires_in": 600},
    {"access_token": "\ud800", "expires_in": 600},
    {"access_token": "a" * 9000, "expires_in": 600},
    {"access_token": "t", "expires_in": 10**400},
    {"access_token": "t", "expires_in": -1},
    {"access_token": "t", "expires_in": "600"},
    {"access_token": "t"},
]


def test_a_token_that_cannot_be_one_is_not_used(service: KeyService, clock: FixedClock) -> None:
    liar, policy = Liar(), policy_text(FRA)
    with serving(liar.app) as address:
        for liar.given in TOKENS:
            asked = KeyAccessClient([KeyAccount(address, "a", "b")], clock, development=True)
            with pytest.raises(KeyAnswerError, match="token"):
                asked.unwrap(replace(access(service, policy), url=address), policy)
    assert set(liar.calls) == {"/token"}


def test_a_share_of_another_session_does_not_open(service: KeyService, clock: FixedClock) -> None:
    """A liar replays what the true service once sealed to somebody."""
    liar, policy = Liar(), policy_text(FRA)
    session, sealed = service.public_key("ec:secp256r1")[0], base64.b64encode(bytes(60)).decode()
    with serving(liar.app) as address:
        asked = KeyAccessClient([KeyAccount(address, "a", "b")], clock, development=True)
        liar.said = json.dumps(
            result(kasWrappedKey=sealed) | {"sessionPublicKey": session}
        ).encode()
        with pytest.raises(KeyAnswerError, match="does not open"):
            asked.unwrap(replace(access(service, policy), url=address), policy)


def test_secrets_do_not_show(clock: FixedClock, tmp_path: Path) -> None:
    account = KeyAccount("https://kas.example", "fra", "the secret")
    asked = KeyAccessClient([account], clock)
    assert "the secret" not in repr(account) + repr(asked)
    for kept in (account, asked):
        with pytest.raises(TypeError):
            pickle.dumps(kept)
