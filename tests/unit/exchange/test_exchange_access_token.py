"""The token of a key-access service: who wrote it, for what, until when, bound to which key."""

from datetime import timedelta
from typing import Any

import pytest
from joserfc import jwk

from delian.exchange.access_token import AccessToken, issuer_key, read_token, write_token
from delian.exchange.dpop import make_signed
from delian.exchange.key_access_errors import KeyProofError
from tests.key_access_world import NOW

ISSUER, SECOND = "https://kas.example", timedelta(seconds=1)
KEY, OTHER = jwk.ECKey.generate_key("P-256"), jwk.ECKey.generate_key("P-256")
ISSUERS = {ISSUER: issuer_key(KEY.as_dict(private=False))}
GOOD: dict[str, Any] = {
    "iss": ISSUER,
    "sub": "fra",
    "aud": "kas",
    "iat": int(NOW.timestamp()),
    "exp": int(NOW.timestamp()) + 600,
    "jti": "n-1",
    "cnf": {"jkt": "thumb"},
}


def made(key: Any = KEY, **changes: Any) -> str:
    """A token with members changed; None takes one out."""
    claims = {name: value for name, value in (GOOD | changes).items() if value is not None}
    return make_signed({"alg": "ES256", "typ": "at+jwt"}, claims, key)


def test_a_token_says_what_was_written() -> None:
    for holder in ("", "thumb"):
        token = AccessToken("fra", ISSUER, holder, "n-1")
        text = write_token(token, KEY, NOW)
        assert read_token(text, ISSUERS, NOW) == token
        assert read_token(text, ISSUERS, NOW + timedelta(seconds=599)) == token
    assert read_token(made(), ISSUERS, NOW).holder == "thumb"


def test_a_token_is_good_from_its_time_to_its_end() -> None:
    text = made()
    assert read_token(text, ISSUERS, NOW - 60 * SECOND)
    for moment in (NOW - 61 * SECOND, NOW + 600 * SECOND):
        with pytest.raises(KeyProofError, match="time is over"):
            read_token(text, ISSUERS, moment)


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "other"},
        {"aud": None},
        {"aud": ["kas"]},
        {"sub": None},
        {"sub": 5},
        {"jti": None},
        {"iat": None},
        {"iat": "now"},
        {"exp": None},
        {"exp": GOOD["exp"] + 1},
        {"exp": 10**12},
        {"cnf": "thumb"},
        {"cnf": {"x5t": "thumb"}},
        {"cnf": {"jkt": 5}},
        {"cnf": {"jkt": ""}},
        {"iss": None},
        {"iss": ["https://kas.example"]},
        {"iss": "https://other.example"},
        {"key": OTHER},
    ],
)
def test_a_token_that_is_wrong_in_one_place(changes: dict[str, Any]) -> None:
    with pytest.raises(KeyProofError):
        read_token(made(**changes), ISSUERS, NOW)


def test_a_token_that_brings_its_own_key_is_still_the_strangers() -> None:
    head = {"alg": "ES256", "jwk": OTHER.as_dict(private=False)}
    with pytest.raises(KeyProofError, match="signature"):
        read_token(make_signed(head, GOOD, OTHER), ISSUERS, NOW)
