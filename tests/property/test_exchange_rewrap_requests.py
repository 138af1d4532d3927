"""Requests bent in any one place: an answer, never a crash, and never a key for another policy."""

import base64
import contextlib
import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc import jwk

from delian.exchange.dpop import base64url, check_proof, token_digest
from delian.exchange.key_access import ProofRule
from delian.exchange.key_access_errors import KeyProofError
from delian.exchange.session_keys import EC_P256, RSA_2048, open_sealed, public_pem
from tests.key_access_world import (
    FRA,
    JPN,
    NOW,
    Desk,
    FixedClock,
    make_reader,
    make_service,
    policy_text,
    wrap,
)

SHARE, OTHER = bytes(range(32)), bytes(range(1, 33))
KEY = jwk.ECKey.generate_key("P-256")
SESSION = ec.generate_private_key(ec.SECP256R1())
# Text that JSON can spell and UTF-8 cannot, signs that a terminal obeys, numbers beyond all bounds.
ODD = st.sampled_from(["\ud800", "a\udfff", "\x1b[2J", "\x00", "٣", 10**400, -(10**400), 1e308])
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | ODD,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    service = make_service(
        tmp_path_factory.mktemp("kas") / "k", "https://kas.example", FixedClock()
    )
    yield Desk(service, make_reader(service, "fra", [FRA], ProofRule.BEARER))
    service.close()


@pytest.fixture(scope="module")
def token(desk: Desk) -> str:
    return desk.token()


def good(desk: Desk) -> dict[str, Any]:
    """Two keys: one that the reader may have, one that it may not."""
    items = []
    for share, policy, algorithm in (
        (SHARE, policy_text(FRA), EC_P256),
        (OTHER, policy_text(JPN), RSA_2048),
    ):
        key = {
            "keyAccessObjectId": "k",
            "keyAccessObject": wrap(desk.service, share, policy, algorithm),
        }
        items.append({"policy": {"id": "p", "body": policy}, "keyAccessObjects": [key]})
    return {"clientPublicKey": public_pem(SESSION.public_key()), "requests": items}


def places(plain: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value in a document."""
    steps = plain.items() if isinstance(plain, dict) else enumerate(plain)
    for step, value in steps:
        yield (*path, step)
        if isinstance(value, dict | list):
            yield from places(value, (*path, step))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_request_bent_in_one_place(desk: Desk, token: str, data: st.DataObject) -> None:
    plain = copy.deepcopy(good(desk))
    path = data.draw(st.sampled_from(list(places(plain))))
    place = plain
    for step in path[:-1]:
        place = place[step]
    text = place[path[-1]]
    bent = st.just(text[:-1]) | st.just(text + "A") if isinstance(text, str) else st.nothing()
    place[path[-1]] = data.draw(PLAIN | bent)
    heard = desk.rewrap(json.dumps(plain), [("authorization", f"Bearer {token}")])
    assert heard.status in (200, 400, 403)
    found = heard.plain()
    for answer in found.get("responses", []):
        for result in answer["results"]:
            if result["status"] == "permit":
                sealed = base64.b64decode(result["kasWrappedKey"])
                assert open_sealed(SESSION, found["sessionPublicKey"], sealed) == SHARE


HEAD = {"typ": "dpop+jwt", "alg": "ES256"}
CLAIMS = {"htm": "POST", "htu": "https://kas.example/kas.AccessService/Rewrap", "jti": "one"}


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data(), signed=st.booleans())
def test_a_proof_bent_in_one_place(data: st.DataObject, signed: bool) -> None:
    """With an honest signature over whatever it says, or with none that could hold."""
    public = dict(KEY.as_dict(private=False))
    head = {**HEAD, "jwk": {name: public[name] for name in ("kty", "crv", "x", "y")}}
    claims = {**CLAIMS, "iat": int(NOW.timestamp()), "ath": token_digest("t")}
    whole: dict[str, Any] = {"head": head, "claims": claims}
    path = data.draw(st.sampled_from([p for p in places(whole) if len(p) > 1]))
    place = whole
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = data.draw(PLAIN)
    parts = [base64url(json.dumps(whole[name]).encode()) for name in ("head", "claims")]
    text = ".".join(parts)
    signature = KEY.get_op_key("sign").sign(text.encode(), ec.ECDSA(hashes.SHA256()))
    r, s = decode_dss_signature(signature)
    raw = r.to_bytes(32, "big") + s.to_bytes(32, "big") if signed else bytes(64)
    with contextlib.suppress(KeyProofError):
        found = check_proof(
            f"{text}.{base64url(raw)}",
            method="POST",
            url=CLAIMS["htu"],
            now_utc=NOW,
            access_token="t",
        )
        assert signed
        assert found.key.thumbprint == KEY.thumbprint()
