"""Self-issued ID tokens: who speaks, to whom, once.

May touch: values. The key comes from the speaker's DID document, the single use of the ``jti``
from a store behind :class:`UsedTokens`, the moment from the node.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from delian.exchange.dcp_errors import DidError, ReplayError, TokenError
from delian.exchange.did import Relation, Resolver, parse_did
from delian.exchange.jose import KeyFormError, SigningKey, Unverified, public_key, take_apart

SKEW_SECONDS = 30
MAX_LIFE_SECONDS = 3600
LIFE_SECONDS = 300
MAX_JTI = 256


class UsedTokens(Protocol):
    """Remembers which tokens were used, across restarts, until they expire."""

    async def use(self, name: str, expires: int, now: int) -> bool:
        """Record *name*; False if it was recorded before and has not expired.

        Args:
            name: Issuer and ``jti`` in one text.
            expires: Second after which the entry may be forgotten.
            now: The second at which it is used.
        """
        ...


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who a verified token speaks for.

    Args:
        did: The peer's DID.
        access_token: What the peer's credential service wants to see again, or None.
    """

    did: str
    access_token: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Rules:
    """How a token is judged.

    Args:
        audience: Our own DID.
        strict: Whether the key must be listed under the relation it is used for.
        skew_seconds: How far the two clocks may differ.
        max_life_seconds: The longest life of a token; bounds what must be remembered.
    """

    audience: str
    strict: bool = True
    skew_seconds: int = SKEW_SECONDS
    max_life_seconds: int = MAX_LIFE_SECONDS


def bearer(header: str | None) -> str:
    """The token of an ``Authorization`` header.

    Raises:
        TokenError: no header, or not of the form ``Bearer token``.
    """
    scheme, space, token = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not space or not token.strip():
        raise TokenError("the request brings no bearer token")
    return token.strip()


def mint(
    key: SigningKey,
    *,
    issuer: str,
    audience: str,
    jti: str,
    now: int,
    access_token: str | None = None,
    life_seconds: int = LIFE_SECONDS,
) -> str:
    """A token that says "*issuer* speaks to *audience* now", to be used once."""
    claims: dict[str, Any] = {
        "iss": issuer,
        "sub": issuer,
        "aud": audience,
        "jti": jti,
        "iat": now,
        "exp": now + life_seconds,
    }
    if access_token is not None:
        claims["token"] = access_token
    return key.sign(claims)


def check_dates(token: Unverified, rules: Rules, now: int) -> int:
    """Check ``exp``, ``iat``, ``nbf``; gives the second after which the token is dead.

    Raises:
        TokenError: expired, from the future, not yet valid, or valid for too long.
    """
    expires, issued, begins = (token.moment(name) for name in ("exp", "iat", "nbf"))
    if expires is None or now >= expires + rules.skew_seconds:
        raise TokenError("the token has expired", hint="compare the clocks of both sides")
    if issued is None or issued > now + rules.skew_seconds:
        raise TokenError("the token was issued in the future", hint="compare the clocks")
    if begins is not None and begins > now + rules.skew_seconds:
        raise TokenError("the token is not valid yet", hint="compare the clocks of both sides")
    if expires - issued > rules.max_life_seconds:
        raise TokenError("the token lives too long")
    return expires + rules.skew_seconds


def check_audience(claims: Mapping[str, Any], audience: str) -> None:
    """Check that the token is for *audience* and for nobody else.

    Raises:
        TokenError: another audience, several, or none.
    """
    named = claims.get("aud")
    if named != audience and named != [audience]:
        raise TokenError("the token is meant for somebody else")


async def check_signature(
    token: Unverified, did: str, relation: Relation, resolver: Resolver, *, strict: bool
) -> None:
    """Check that a key of *did* that may be used for *relation* signed *token*.

    A key that the cached document lacks is looked for once more in a fresh one, so that a
    peer may change its key.

    Raises:
        TokenError: no such key, or the signature does not hold.
        DidError, DidAwayError: the document cannot be had.
    """
    if token.kid.startswith("did:") and token.kid.partition("#")[0] != did:
        raise TokenError("the token is signed with somebody else's key")
    document = await resolver.resolve(did)
    try:
        method = document.method(token.kid, relation, strict=strict)
    except TokenError:
        document = await resolver.resolve(did, fresh=True)
        method = document.method(token.kid, relation, strict=strict)
    try:
        key = public_key(method.jwk)
    except KeyFormError as error:
        raise TokenError("the signing key is of a kind that is not used here") from error
    token.verify(key)


async def check(
    text: str, *, rules: Rules, resolver: Resolver, used: UsedTokens, now: int
) -> Speaker:
    """Find out who speaks, as DCP 4.3.3 asks.

    The cheap checks come first, the network and the signature after them, and the single use
    last: a token that fails anywhere else uses nothing up.

    Raises:
        TokenError: the token does not hold; ReplayError: it was used before.
        DidError, DidAwayError: the speaker's DID document cannot be had.
    """
    token = take_apart(text)
    if token.typ not in {"", "jwt"} or "vp" in token.claims or "vc" in token.claims:
        raise TokenError("this is not a self-issued token")
    did = token.text("iss")
    if token.text("sub") != did:
        raise TokenError("the token names two speakers")
    check_audience(token.claims, rules.audience)
    jti = token.text("jti", most=MAX_JTI)
    forgotten = check_dates(token, rules, now)
    access_token = None if token.claims.get("token") is None else token.text("token", most=16384)
    try:
        parse_did(did)
    except DidError as error:
        raise TokenError("the token's speaker is no did:web") from error
    await check_signature(token, did, Relation.SPEAK, resolver, strict=rules.strict)
    if not await used.use(f"{did} {jti}", forgotten, now):
        raise ReplayError("the token was used before", hint="a token is good for one request")
    return Speaker(did, access_token)
