"""Verifiable credentials as signed tokens: read into one value, judged, and issued.

May touch: values. Two forms are read: credentials of data model 1.1 in a ``vc`` claim and those of
2.0 as the payload itself. Signature, status and schema need the network and are checked in
:mod:`delian.exchange.presentation`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from delian.exchange.dcp_errors import CredentialError, TokenError
from delian.exchange.dcp_messages import VC11, VC20
from delian.exchange.jose import Unverified
from delian.exchange.status_list import (
    BITSTRING,
    LIST_TYPES,
    StatusEntry,
    list_subject,
    read_entries,
)
from delian.terms.encode import utc_text

CONTEXT_11 = "https://www.w3.org/2018/credentials/v1"
CONTEXT_20 = "https://www.w3.org/ns/credentials/v2"
MAX_TYPES = 16
MAX_SUBJECTS = 8
LIST_LIFE_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Credential:
    """What a credential says; whether it may be believed is decided elsewhere.

    Args:
        id: Its own name, or "".
        kinds: Its types besides ``VerifiableCredential``.
        issuer: DID of the one who says it.
        subjects: What it says of whom.
        begins: Second from which it is valid.
        ends: Second after which it is not valid, or None.
        statuses: Where it may have been revoked.
        schemas: Type and address of the schemas that it promises to keep.
        plain: The credential as it was signed.
    """

    id: str
    kinds: tuple[str, ...]
    issuer: str
    subjects: tuple[Mapping[str, Any], ...]
    begins: int
    ends: int | None
    statuses: tuple[StatusEntry, ...] = ()
    schemas: tuple[tuple[str, str], ...] = ()
    plain: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def names(self, kinds: frozenset[str]) -> frozenset[str]:
        """Which of *kinds* this credential is of."""
        return kinds & frozenset(self.kinds)


@dataclass(frozen=True, slots=True)
class Trust:
    """The operator's pins: issuer DID to the types that it may speak about.

    An issuer that is not listed is not trusted for anything; there is no wild card.
    """

    issuers: Mapping[str, frozenset[str]]

    def of(self, issuer: str) -> frozenset[str]:
        """The types that *issuer* is trusted for."""
        return self.issuers.get(issuer, frozenset())


def read_credential(token: Unverified, *, strict: bool = True) -> Credential:
    """Read a credential out of its token.

    Args:
        token: The token; its signature is checked elsewhere.
        strict: Whether ``VerifiableCredential`` must be a type and ``sub`` the subject.

    Raises:
        CredentialError: names the member that is wrong.
    """
    inner = token.claims.get("vc")
    plain = token.claims if inner is None else inner
    if not isinstance(plain, Mapping) or "credentialSubject" not in plain:
        raise CredentialError("the token holds no credential")
    kinds = _kinds(plain, strict=strict)
    issuer = _id_or_text(plain.get("issuer"), "issuer")
    claimed = token.claims.get("iss", issuer if inner is None else None)
    if claimed != issuer:
        raise CredentialError("the credential and its token name two issuers")
    subjects = _subjects(plain.get("credentialSubject"))
    name = plain.get("id", "")
    name = name if isinstance(name, str) else ""
    subject = token.claims.get("sub")
    if strict and subject is not None and any(s.get("id") != subject for s in subjects):
        raise CredentialError("the credential and its token name two subjects")
    begins, ends = _dates(token, plain)
    return Credential(
        name,
        kinds,
        issuer,
        subjects,
        begins,
        ends,
        read_entries(plain.get("credentialStatus")),
        _schemas(plain.get("credentialSchema")),
        plain,
    )


def check_holder(credential: Credential, holder: str) -> None:
    """Every subject of the credential must be *holder*.  # DCP 5.4.3.

    Raises:
        CredentialError: it says nothing of the holder, or something of somebody else.
    """
    if any(subject.get("id") != holder for subject in credential.subjects):
        raise CredentialError("the credential speaks of somebody else than its holder")


def check_moment(credential: Credential, now: int, skew_seconds: int) -> None:
    """The credential must be valid at *now*.

    Raises:
        CredentialError: not yet, or no longer.
    """
    if credential.begins > now + skew_seconds:
        raise CredentialError("the credential is not valid yet")
    if credential.ends is not None and now >= credential.ends + skew_seconds:
        raise CredentialError("the credential has expired", hint="ask its issuer for a new one")


def issue(
    *,
    form: str,
    issuer: str,
    holder: str,
    kind: str,
    name: str,
    subject: Mapping[str, Any],
    begins: int,
    ends: int,
    statuses: tuple[Mapping[str, Any], ...] = (),
) -> tuple[dict[str, Any], str]:
    """The claims of a new credential, and the type of its token.

    Args:
        form: ``vc11-sl2021/jwt`` or ``vc20-bssl/jwt``.
        issuer: Our DID.
        holder: DID of the subject.
        kind: The credential's type.
        name: Its own name, a URN.
        subject: What is said of the holder, without ``id``.
        begins: Second from which it is valid.
        ends: Second after which it is not.
        statuses: Entries that point into our status lists.
    """
    about = {**subject, "id": holder}
    status: dict[str, Any] = {}
    if statuses:
        status["credentialStatus"] = list(statuses) if len(statuses) > 1 else dict(statuses[0])
    common = {"id": name, "type": ["VerifiableCredential", kind], "issuer": issuer}
    moments = {"iat": begins, "nbf": begins, "exp": ends}
    if form == VC11:
        inner = {
            "@context": [CONTEXT_11],
            **common,
            "issuanceDate": _spell(begins),
            "expirationDate": _spell(ends),
            "credentialSubject": about,
            **status,
        }
        return {"iss": issuer, "sub": holder, "jti": name, **moments, "vc": inner}, "JWT"
    inner = {
        "@context": [CONTEXT_20],
        **common,
        "validFrom": _spell(begins),
        "validUntil": _spell(ends),
        "credentialSubject": about,
        **status,
    }
    return {"iss": issuer, "sub": holder, "jti": name, **moments, **inner}, "vc+jwt"


def issue_list(
    *, kind: str, issuer: str, address: str, revoked: frozenset[int], now: int
) -> tuple[dict[str, Any], str]:
    """The claims of a status list of ours, and the type of its token.

    Args:
        kind: ``BitstringStatusListEntry`` or ``StatusList2021Entry``.
        issuer: Our DID.
        address: Where the list is published; it is also the credential's name.
        revoked: The places that are set.
        now: The moment of publication.
    """
    ends = now + LIST_LIFE_SECONDS
    subject = list_subject(kind, address, "revocation", revoked)
    base = {"iss": issuer, "jti": address, "iat": now, "nbf": now, "exp": ends}
    base["sub"] = subject["id"]
    common = {"id": address, "type": ["VerifiableCredential", LIST_TYPES[kind]], "issuer": issuer}
    if kind == BITSTRING:
        valid = {"validFrom": _spell(now), "validUntil": _spell(ends)}
        context = {"@context": [CONTEXT_20]}
        return {**base, **context, **common, **valid, "credentialSubject": subject}, "vc+jwt"
    valid = {"issuanceDate": _spell(now), "expirationDate": _spell(ends)}
    context = {"@context": [CONTEXT_11]}
    return {**base, "vc": {**context, **common, **valid, "credentialSubject": subject}}, "JWT"


def form_of(token: Unverified) -> str:
    """Which of the two forms a token is in."""
    return VC11 if "vc" in token.claims else VC20


def seconds_of(text: object, name: str) -> int:
    """A moment in ISO 8601 with its zone, in whole seconds since 1970.

    Raises:
        CredentialError: another spelling.
    """
    wrong = f"the credential's '{name}' is no moment with a zone"
    if not isinstance(text, str) or len(text) > 40:
        raise CredentialError(wrong)
    try:
        moment = datetime.fromisoformat(text)
        second = int(moment.timestamp())
    except (ValueError, OverflowError) as error:
        raise CredentialError(wrong) from error
    if moment.tzinfo is None:
        raise CredentialError(wrong)
    return second


def _dates(token: Unverified, plain: Mapping[str, Any]) -> tuple[int, int | None]:
    """The narrowest window that token and credential leave open."""
    try:
        claims = [token.moment(name) for name in ("nbf", "exp")]
    except TokenError as error:
        raise CredentialError(error.message) from error
    spelled = {
        name: seconds_of(plain[name], name)
        for name in ("issuanceDate", "validFrom", "expirationDate", "validUntil")
        if plain.get(name) is not None
    }
    begins = [claims[0], spelled.get("issuanceDate"), spelled.get("validFrom")]
    ends = [claims[1], spelled.get("expirationDate"), spelled.get("validUntil")]
    begins_known = [second for second in begins if second is not None]
    ends_known = [second for second in ends if second is not None]
    return max(begins_known, default=0), min(ends_known, default=None)


def _kinds(plain: Mapping[str, Any], *, strict: bool) -> tuple[str, ...]:
    found = plain.get("type")
    found = found if isinstance(found, list) else [found]
    if not 0 < len(found) <= MAX_TYPES or not all(isinstance(k, str) and k for k in found):
        raise CredentialError("the credential's 'type' is no list of names")
    if strict and "VerifiableCredential" not in found:
        raise CredentialError("the credential's 'type' lacks VerifiableCredential")
    return tuple(k for k in found if k != "VerifiableCredential")


def _subjects(found: object) -> tuple[Mapping[str, Any], ...]:
    listed = found if isinstance(found, list) else [found]
    if not 0 < len(listed) <= MAX_SUBJECTS or not all(isinstance(s, Mapping) for s in listed):
        raise CredentialError("the credential says nothing of anybody")
    return tuple(listed)


def _schemas(found: object) -> tuple[tuple[str, str], ...]:
    listed = [] if found is None else found if isinstance(found, list) else [found]
    if len(listed) > 4:
        raise CredentialError("the credential names too many schemas")
    result: list[tuple[str, str]] = []
    for one in listed:
        kind, address = (
            (one.get("type"), one.get("id")) if isinstance(one, Mapping) else (None, None)
        )
        if not isinstance(kind, str) or not isinstance(address, str) or len(address) > 2048:
            raise CredentialError("the credential's schema has no type or no address")
        result.append((kind, address))
    return tuple(result)


def _id_or_text(found: object, name: str) -> str:
    value = found.get("id") if isinstance(found, Mapping) else found
    if not isinstance(value, str) or not 0 < len(value) <= 1024:
        raise CredentialError(f"the credential's '{name}' is missing")
    return value


def _spell(second: int) -> str:
    return utc_text(datetime.fromtimestamp(second, tz=UTC))
