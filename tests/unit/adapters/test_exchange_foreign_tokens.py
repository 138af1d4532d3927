"""Foreign bearer tokens: pinned keys, pinned algorithms, for us, now."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from delian.adapters.foreign_tokens import ForeignTokens
from delian.exchange.errors import NotAllowedError
from delian.terms.errors import InputError

NOW = datetime(2026, 11, 21, tzinfo=UTC)
STAMP = int(NOW.timestamp())
RSA = RSAKey.generate_key(2048, {"kid": "k1"})
EC = ECKey.generate_key("P-256", {"kid": "k2"})
CLAIMS: dict[str, Any] = {
    "iss": "https://idp.example.jp",
    "aud": ["account", "delian"],
    "preferred_username": "7000012050002-A",
    "iat": STAMP - 5,
    "exp": STAMP + 300,
}


def jwks(*keys: Any, private: bool = False) -> bytes:
    return json.dumps({"keys": [key.as_dict(private=private) for key in keys]}).encode()


def tokens() -> ForeignTokens:
    return ForeignTokens.from_jwks(
        "https://idp.example.jp", "delian", "preferred_username", jwks(RSA, EC)
    )


def bearer(claims: dict[str, Any], alg: str = "RS256", key: Any = RSA, kid: str = "k1") -> str:
    return "Bearer " + jwt.encode({"alg": alg, "kid": kid}, claims, key, algorithms=[alg])


def test_the_subject_of_a_good_token() -> None:
    assert tokens().subject(bearer(CLAIMS), NOW) == "7000012050002-A"
    assert tokens().subject(bearer(CLAIMS, "ES256", EC, "k2"), NOW) == "7000012050002-A"
    assert tokens().subject(bearer({**CLAIMS, "aud": "delian"}), NOW) == "7000012050002-A"


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://other.example"},
        {"aud": "somebody"},
        {"aud": None},
        {"exp": STAMP - 31},
        {"exp": STAMP + 10**6},
        {"exp": "soon"},
        {"exp": True},
        {"nbf": STAMP + 60},
        {"preferred_username": 7},
    ],
)
def test_one_wrong_claim_is_enough(changed: dict[str, Any]) -> None:
    with pytest.raises(NotAllowedError):
        tokens().subject(bearer({**CLAIMS, **changed}), NOW)


def test_a_stranger_s_key_an_odd_algorithm_and_no_token_are_refused() -> None:
    other = RSAKey.generate_key(2048, {"kid": "k1"})
    confused = OctKey.import_key(RSA.as_dict(private=False)["n"], {"kid": "k1"})
    head = base64.urlsafe_b64encode(b'{"alg":"none","kid":"k1"}').decode().rstrip("=")
    body = base64.urlsafe_b64encode(json.dumps(CLAIMS).encode()).decode().rstrip("=")
    for text in (
        bearer(CLAIMS, key=other),
        bearer(CLAIMS, "HS256", confused),
        f"Bearer {head}.{body}.",
        "Bearer x",
        "Bearer " + "x" * 20_000,
        "Basic abc",
        "",
        None,
    ):
        with pytest.raises(NotAllowedError):
            tokens().subject(text, NOW)


@pytest.mark.parametrize(
    "keys",
    [
        b"{",
        b'{"keys":[]}',
        jwks(RSA, private=True),
        jwks(RSA).replace(RSA.as_dict(private=False)["n"][:40].encode(), b""),
        jwks(RSA).replace(b'"kid"', b'"kit"'),
        jwks(ECKey.generate_key("P-384", {"kid": "k"})),
    ],
)
def test_only_sets_of_public_keys_are_pinned(keys: bytes) -> None:
    with pytest.raises(InputError):
        ForeignTokens.from_jwks("i", "a", "sub", keys)
