"""Proof of possession: the RFC's own example, and every way in which a proof can be wrong."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc import jwk

from delian.exchange.dpop import (
    check_proof,
    holder_key,
    make_signed,
    normal_address,
    token_digest,
    verify,
)
from delian.exchange.key_access_errors import KeyProofError

# RFC 9449, figure 2 (a proof for a token request) and section 6.1 (thumbprint of its key).
EXAMPLE = (
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUk"
    "lDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUw"
    "Q2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6I"
    "mh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A"
    "0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
)
EXAMPLE_TIME = datetime.fromtimestamp(1562262616, UTC)
EXAMPLE_THUMBPRINT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
URL, NOW = "https://kas.example/kas.AccessService/Rewrap", datetime(2026, 11, 21, 12, tzinfo=UTC)
KEY = jwk.ECKey.generate_key("P-256")
OTHER = jwk.ECKey.generate_key("P-256")


def public(key: Any) -> dict[str, Any]:
    return dict(key.as_dict(private=False))


def proof(
    head: dict[str, Any] | None = None, claims: dict[str, Any] | None = None, key: Any = KEY
) -> str:
    """A good proof, but for the members given; None takes a member out."""
    good_head = {"typ": "dpop+jwt", "alg": "ES256", "jwk": public(KEY)} | (head or {})
    good = {"htm": "POST", "htu": URL, "iat": int(NOW.timestamp()), "jti": "one"}
    good |= {"ath": token_digest("t")} | (claims or {})
    kept = {name: value for name, value in good.items() if value is not None}
    return make_signed({n: v for n, v in good_head.items() if v is not None}, kept, key)


def check(text: str, **changes: Any) -> str:
    values = {"method": "POST", "url": URL, "now_utc": NOW, "access_token": "t"} | changes
    return check_proof(text, **values).jti


def test_the_example_of_the_rfc() -> None:
    found = check_proof(
        EXAMPLE, method="POST", url="https://server.example.com/token", now_utc=EXAMPLE_TIME
    )
    assert found.key.thumbprint == EXAMPLE_THUMBPRINT
    assert found.jti == "-BwC3ESc6acc2lTc"


def test_the_token_digest_of_the_rfc() -> None:
    token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
    assert token_digest(token) == "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"


def test_a_good_proof_holds_to_both_ends_of_its_window() -> None:
    for seconds in (-60, 0, 60):
        assert check(proof(), now_utc=NOW + timedelta(seconds=seconds)) == "one"


@pytest.mark.parametrize(
    ("head", "claims", "problem"),
    [
        ({"typ": "JWT"}, {}, "type"),
        ({"typ": None}, {}, "type"),
        ({"jwk": None}, {}, "no public key"),
        ({"jwk": {"kty": "oct", "k": "AAAA"}}, {}, "no public key"),
        ({"jwk": {**public(KEY), "d": "AAAA"}}, {}, "private key"),
        ({"jwk": {"kty": "EC", "crv": "P-256", "x": public(KEY)["x"]}}, {}, "incomplete"),
        ({"jwk": {"kty": "RSA", "e": "AQAB", "n": "A" * 171}}, {}, "size"),
        ({"jwk": {"kty": "RSA", "e": "AQAB", "n": "A" * 2000}}, {}, "size"),
        ({"jwk": {"kty": "RSA", "e": "Aw", "n": "A" * 342}}, {}, "size"),
        ({"jwk": public(OTHER)}, {}, "signature"),
        ({}, {"htm": "GET"}, "method"),
        ({}, {"htm": None}, "method"),
        ({}, {"htu": "https://other.example/kas.AccessService/Rewrap"}, "address"),
        ({}, {"htu": URL + "/more"}, "address"),
        ({}, {"htu": URL.replace("https", "http")}, "address"),
        ({}, {"htu": None}, "address"),
        ({}, {"iat": int(NOW.timestamp()) - 61}, "too old"),
        ({}, {"iat": int(NOW.timestamp()) + 61}, "too old"),
        ({}, {"iat": "now"}, "when"),
        ({}, {"iat": True}, "when"),
        ({}, {"iat": None}, "when"),
        ({}, {"jti": None}, "identifier"),
        ({}, {"jti": ""}, "identifier"),
        ({}, {"jti": "x" * 257}, "identifier"),
        ({}, {"ath": None}, "another token"),
        ({}, {"ath": token_digest("other")}, "another token"),
        ({}, {"ath": "é"}, "another token"),
    ],
)
def test_a_proof_that_is_wrong_in_one_place(
    head: dict[str, Any], claims: dict[str, Any], problem: str
) -> None:
    with pytest.raises(KeyProofError, match=problem):
        check(proof(head, claims))


@pytest.mark.parametrize("algorithm", ["none", "HS256", "HS512", "RS1", "", 5, None])
def test_an_algorithm_that_is_not_allowed(algorithm: object) -> None:
    with pytest.raises(KeyProofError, match="algorithm"):
        holder_key(public(KEY), algorithm)


def test_a_signature_without_an_algorithm_is_no_signature() -> None:
    parts = [json.dumps({"typ": "dpop+jwt", "alg": "none", "jwk": public(KEY)}), '{"htm":"POST"}']
    bare = ".".join(base64.urlsafe_b64encode(p.encode()).decode().rstrip("=") for p in parts)
    for text in (bare, bare + ".", bare + ".AAAA"):
        with pytest.raises(KeyProofError):
            check(text)


def test_a_public_key_never_serves_as_a_symmetric_one() -> None:
    """The classic confusion: HS256 keyed with the text of the public key."""
    secret = jwk.OctKey.import_key(json.dumps(public(KEY)))
    text = make_signed({"typ": "dpop+jwt", "alg": "HS256", "jwk": public(KEY)}, {}, secret)
    with pytest.raises(KeyProofError, match="algorithm"):
        check(text)


@pytest.mark.parametrize("text", ["", "a.b", "a.b.c.d", "A" * 9000, "!.!.!", "W10.W10.AAAA"])
def test_text_that_is_no_signed_token(text: str) -> None:
    with pytest.raises(KeyProofError, match="compact form"):
        check(text)


def test_a_critical_extension_is_not_ignored() -> None:
    head = {"alg": "ES256", "crit": ["b64"], "b64": True}
    text = make_signed(head, {"a": 1}, KEY)
    with pytest.raises(KeyProofError):
        verify(text, holder_key(public(KEY), "ES256"), 4096)


def test_every_changed_character_of_the_signature_is_seen() -> None:
    text = proof()
    start = text.rindex(".") + 1
    for place in range(start, len(text) - 1, 9):
        changed = "A" if text[place] != "A" else "B"
        with pytest.raises(KeyProofError):
            check(text[:place] + changed + text[place + 1 :])


@pytest.mark.parametrize("kind", ["P-384", "P-521", "Ed25519", "RSA"])
def test_the_other_kinds_of_key(kind: str) -> None:
    made: Any
    if kind == "RSA":
        made, algorithm = jwk.RSAKey.generate_key(2048), "RS256"
    elif kind == "Ed25519":
        made, algorithm = jwk.OKPKey.generate_key("Ed25519"), "Ed25519"
    else:
        made, algorithm = jwk.ECKey.generate_key(kind), {"P-384": "ES384", "P-521": "ES512"}[kind]
    text = proof({"alg": algorithm, "jwk": public(made)}, key=made)
    assert (
        check_proof(text, method="POST", url=URL, now_utc=NOW, access_token="t").key.thumbprint
        == made.thumbprint()
    )


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("HTTPS://KAS.example:443/a?b#c", "https://kas.example/a"),
        ("http://h:80", "http://h/"),
        ("https://h:8443/A", "https://h:8443/A"),
    ],
)
def test_addresses_are_compared_without_query_and_default_port(url: str, normal: str) -> None:
    assert normal_address(url) == normal


@pytest.mark.parametrize("url", ["", "ftp://h/", "https://u@h/", "https:///x", "x" * 3000, 5])
def test_what_is_no_address(url: object) -> None:
    with pytest.raises(KeyProofError, match="no address"):
        normal_address(url)
