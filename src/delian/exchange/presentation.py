"""Presentations: a holder shows credentials to one verifier; the verifier checks every link.

May touch: values. Fetching is behind two ports: :class:`~delian.exchange.did.Resolver` for
documents, :class:`Evidence` for status lists and schemas.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from delian.exchange.credential_schema import SUBJECT_SCHEMA, WHOLE_SCHEMA
from delian.exchange.credential_schema import check as check_schema
from delian.exchange.credentials import (
    CONTEXT_11,
    CONTEXT_20,
    Credential,
    Trust,
    check_holder,
    check_moment,
    read_credential,
)
from delian.exchange.dcp_errors import CredentialError, TokenError
from delian.exchange.dcp_messages import VC11, VC20, PresentationResponse
from delian.exchange.did import Relation, Resolver
from delian.exchange.jose import SigningKey, Unverified, take_apart
from delian.exchange.reactions import Claim
from delian.exchange.self_issued import SKEW_SECONDS, check_audience, check_signature
from delian.exchange.status_list import (
    ENDING,
    LIST_TYPES,
    StatusEntry,
    bits_of,
    is_set,
)

MAX_CREDENTIALS = 32
LIFE_SECONDS = 300
STATUS_SECONDS = 300
MAX_BELIEF_SECONDS = 86_400
_ENVELOPE = "data:application/vc+jwt,"
_EARLY_ENVELOPE = "data:application/vc+ld+json+jwt;"


class Evidence(Protocol):
    """Fetches what a credential points to; bounded and guarded by the adapter behind it."""

    async def status_list(self, address: str) -> Unverified | Mapping[str, Any]:
        """The list credential at *address*: a token, or plain JSON where one is served.

        Raises:
            DidAwayError: it cannot be fetched.
        """
        ...

    async def schema(self, address: str) -> Mapping[str, Any]:
        """The schema at *address*.

        Raises:
            DidAwayError: it cannot be fetched.
        """
        ...


@dataclass(frozen=True, slots=True)
class Verifier:
    """Judges presentations for one node.

    Args:
        did: Our DID: the only audience that we accept.
        trust: Which issuers may speak about what.
        resolver: Gives DID documents.
        evidence: Gives status lists and schemas.
        strict: Whether keys must hold their relation and lists must be signed.
    """

    did: str
    trust: Trust
    resolver: Resolver
    evidence: Evidence
    strict: bool = True

    async def verify(
        self, response: PresentationResponse, *, holder: str, wanted: tuple[str, ...], now: int
    ) -> tuple[tuple[Claim, ...], int]:
        """What *response* proves about *holder*, and until which second.

        Args:
            response: What the holder's credential service answered.
            holder: The DID whose token opened the conversation.
            wanted: Every one of these types must be shown.
            now: The moment of the check.

        Raises:
            CredentialError: a link of the chain does not hold, or a wanted type is missing.
            DidError, DidAwayError: a document cannot be had.
        """
        claims: list[Claim] = []
        until = now + MAX_BELIEF_SECONDS
        kinds = frozenset(wanted)
        for text in response.presentations:
            for inner in await self._credentials_of(text, holder, now):
                credential = await self.check_credential(inner, holder, kinds, now)
                if credential is None:
                    continue
                ends = [credential.ends, now + STATUS_SECONDS if credential.statuses else None]
                until = min([until, *(second for second in ends if second is not None)])
                claims += [
                    Claim(kind, credential.issuer, subject)
                    for kind in sorted(credential.names(kinds))
                    for subject in credential.subjects
                ]
        missing = sorted(kinds - {claim.kind for claim in claims})
        if missing:
            raise CredentialError(f"the presentation lacks a {missing[0]}")
        return tuple(claims), until

    async def _credentials_of(self, text: str, holder: str, now: int) -> tuple[str, ...]:
        """Check one presentation's own token and take the credentials out."""
        try:
            token = take_apart(text)
            if token.text("iss") != holder or token.claims.get("sub", holder) != holder:
                raise CredentialError("the presentation was made by somebody else")
            check_audience(token.claims, self.did)
            _check_window(token, now)
            await check_signature(
                token, holder, Relation.PRESENT, self.resolver, strict=self.strict
            )
        except TokenError as error:
            raise CredentialError(f"the presentation does not hold: {error.message}") from error
        return _inner_tokens(token)

    async def check_credential(
        self, text: str, holder: str, kinds: frozenset[str], now: int
    ) -> Credential | None:
        """One credential checked to the end; None if nobody asked for its types.

        Args:
            text: The credential's token.
            holder: The DID that it must speak of.
            kinds: The types that are asked for.
            now: The moment of the check.

        Raises:
            CredentialError: a link of the chain does not hold.
            DidError, DidAwayError: a document cannot be had.
        """
        try:
            token = take_apart(text)
            credential = read_credential(token, strict=self.strict)
            if not credential.names(kinds):
                return None
            if not credential.names(kinds) <= self.trust.of(credential.issuer):
                raise CredentialError(
                    "the credential's issuer is not trusted for its type",
                    hint="the operator pins issuers and their types in the settings",
                )
            await check_signature(
                token, credential.issuer, Relation.ASSERT, self.resolver, strict=self.strict
            )
        except TokenError as error:
            raise CredentialError(f"the credential does not hold: {error.message}") from error
        check_holder(credential, holder)
        check_moment(credential, now, SKEW_SECONDS)
        for entry in credential.statuses:
            await self._check_status(entry, credential.issuer, now)
        for kind, address in credential.schemas:
            await self._check_schema(kind, address, credential)
        return credential

    async def _check_status(self, entry: StatusEntry, issuer: str, now: int) -> None:
        if entry.purpose not in ENDING:
            return
        found = await self.evidence.status_list(entry.list_address)
        if isinstance(found, Unverified):
            try:
                listed = read_credential(found, strict=self.strict)
                await check_signature(
                    found, listed.issuer, Relation.ASSERT, self.resolver, strict=self.strict
                )
            except TokenError as error:
                raise CredentialError(f"the status list does not hold: {error.message}") from error
            check_moment(listed, now, SKEW_SECONDS)
            kinds, named, subject = listed.kinds, listed.issuer, listed.subjects[0]
        elif self.strict:
            raise CredentialError("the status list is not signed")
        else:
            kinds, named, subject = _plain_list(found)
        if named != issuer or LIST_TYPES[entry.kind] not in kinds:
            raise CredentialError("the status list is not the one of the credential's issuer")
        if is_set(bits_of(subject, entry), entry.index):
            raise CredentialError(f"the credential is under {entry.purpose} by its issuer")

    async def _check_schema(self, kind: str, address: str, credential: Credential) -> None:
        if kind not in {SUBJECT_SCHEMA, WHOLE_SCHEMA}:
            raise CredentialError("the credential's schema is of a kind that is not read here")
        schema = await self.evidence.schema(address)
        if kind == WHOLE_SCHEMA:
            check_schema(schema, credential.plain)
            return
        for subject in credential.subjects:
            check_schema(schema, subject)


@dataclass(frozen=True, slots=True)
class Shown:
    """A credential that we hold, ready to be shown."""

    form: str
    payload: str


def present(
    key: SigningKey, *, holder: str, verifier: str, shown: tuple[Shown, ...], jti: str, now: int
) -> PresentationResponse:
    """Show credentials to *verifier*: one presentation for each form.

    An empty selection gives one presentation that holds nothing, so that the verifier learns
    no more than that.
    """
    made: list[str] = []
    base = {"iss": holder, "sub": holder, "aud": verifier, "nbf": now, "iat": now}
    for form in (VC11, VC20):
        chosen = [one.payload for one in shown if one.form == form]
        if not chosen and (form == VC20 or shown):
            continue
        claims = {**base, "exp": now + LIFE_SECONDS, "jti": f"{jti}-{form[:4]}"}
        if form == VC11:
            inner = {
                "@context": [CONTEXT_11],
                "type": ["VerifiablePresentation"],
                "verifiableCredential": chosen,
            }
            made.append(key.sign({**claims, "vp": inner}))
            continue
        envelopes = [
            {"@context": CONTEXT_20, "id": _ENVELOPE + c, "type": "EnvelopedVerifiableCredential"}
            for c in chosen
        ]
        top = {
            "@context": [CONTEXT_20],
            "type": ["VerifiablePresentation"],
            "holder": holder,
            "verifiableCredential": envelopes,
        }
        made.append(key.sign({**claims, **top}, typ="vp+jwt"))
    return PresentationResponse(tuple(made))


def _inner_tokens(token: Unverified) -> tuple[str, ...]:
    found = token.claims.get("vp", token.claims)
    listed = found if isinstance(found, list) else [found]
    tokens: list[str] = []
    for one in listed:
        inner = one.get("verifiableCredential") if isinstance(one, Mapping) else None
        inner = inner if isinstance(inner, list) else [inner]
        tokens += [_bare(entry) for entry in inner if entry is not None]
    if len(tokens) > MAX_CREDENTIALS:
        raise CredentialError("the presentation holds too many credentials")
    return tuple(tokens)


def _bare(entry: object) -> str:
    """The compact token of a credential, alone or inside its envelope."""
    if isinstance(entry, Mapping):
        entry = entry.get("id")
        for start in (_ENVELOPE, _EARLY_ENVELOPE):
            if isinstance(entry, str) and entry.startswith(start):
                return entry[len(start) :]
    if not isinstance(entry, str) or ":" in entry:
        raise CredentialError("a presented credential is not a signed token")
    return entry


def _check_window(token: Unverified, now: int) -> None:
    expires, begins = token.moment("exp"), token.moment("nbf")
    if expires is None or now >= expires + SKEW_SECONDS:
        raise CredentialError("the presentation has expired")
    if begins is not None and begins > now + SKEW_SECONDS:
        raise CredentialError("the presentation is not valid yet")


def _plain_list(found: Mapping[str, Any]) -> tuple[tuple[str, ...], str, Mapping[str, Any]]:
    kinds, subject = found.get("type"), found.get("credentialSubject")
    if not isinstance(kinds, list) or not isinstance(subject, Mapping):
        raise CredentialError("the status list is no credential")
    return tuple(str(kind) for kind in kinds), str(found.get("issuer")), subject
