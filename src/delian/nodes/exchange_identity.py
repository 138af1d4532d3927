"""Who this node is to other connectors, and who they are: tokens, wallet, issuer in one place.

:class:`DcpIdentity` is what the connector asks; the parts behind it are
:mod:`delian.nodes.exchange_wallet` (our credentials) and :mod:`delian.nodes.exchange_issuer`.
"""

import asyncio
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from starlette.routing import Route

from delian.adapters.dcp_server import HOLDER, ISSUER, identity_routes
from delian.adapters.did_resolver import DidResolver, Web, WebEvidence
from delian.adapters.identity_store import IdentityStore
from delian.exchange.credentials import Trust
from delian.exchange.dcp_errors import (
    CredentialError,
    DcpMessageError,
    DidError,
    NotEntitledError,
    TokenError,
)
from delian.exchange.dcp_messages import PresentationQuery, PresentationResponse, kind_of
from delian.exchange.did import build_document, parse_did
from delian.exchange.errors import NotAllowedError
from delian.exchange.plain import read_object, to_bytes
from delian.exchange.presentation import MAX_BELIEF_SECONDS, Verifier
from delian.exchange.reactions import Claim, Participant
from delian.exchange.self_issued import LIFE_SECONDS, Rules, Speaker, bearer, check, mint
from delian.nodes.exchange_identity_home import IdentityKeys, open_keys
from delian.nodes.exchange_identity_settings import IdentitySettings
from delian.nodes.exchange_issuer import Issuer
from delian.nodes.exchange_wallet import Wallet
from delian.terms.errors import InputError, RefusedError

MAX_RESPONSE_BYTES = 1024 * 1024
MAX_PEERS = 1000
REUSE_SECONDS = 120


@dataclass(frozen=True, slots=True)
class _Believed:
    """What a peer has shown, and until when it needs not show it again."""

    claims: tuple[Claim, ...]
    until: int


class DcpIdentity:
    """Self-issued tokens both ways, and claims of peers; the connector's ``Identity``.

    Args:
        settings: What the operator set.
        keys: The node's own keys.
        store: Used tokens, credentials, requests.
        web: The guarded way out.
        now: The node's clock.
    """

    def __init__(
        self,
        settings: IdentitySettings,
        keys: IdentityKeys,
        store: IdentityStore,
        web: Web,
        now: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._keys = keys
        self._store = store
        self._web = web
        self._now: Callable[[], int] = lambda: int(now().timestamp())
        self._rules = Rules(settings.did, strict=settings.strict)
        self._resolver = DidResolver(
            web, self._now, development=settings.development, seconds=settings.document_seconds
        )
        self._verifier = Verifier(
            settings.did,
            Trust({i: frozenset(kinds) for i, kinds in settings.trusted_issuers.items()}),
            self._resolver,
            WebEvidence(web, self._now),
            settings.strict,
        )
        self._asks: asyncio.Task[None] | None = None
        self._asking: dict[str, asyncio.Lock] = {}
        self._believed: OrderedDict[str, _Believed] = OrderedDict()
        self._read_tokens: OrderedDict[str, tuple[str, int]] = OrderedDict()
        self._jti = secrets.token_urlsafe(12)
        self._minted = 0
        self.wallet = Wallet(settings, keys, store, self._verifier, web, self._call)
        self.issuer = Issuer(settings, keys, store, self._resolver, self._call)

    @classmethod
    def open(
        cls, home: Path, settings: IdentitySettings, web: Web, now: Callable[[], datetime]
    ) -> "DcpIdentity":
        """The identity in *home*; its keys are made there at the first start, mode 0600."""
        keys = open_keys(home, settings.did, settings.key_kind)
        return cls(settings, keys, IdentityStore(home / "identity.db"), web, now)

    @property
    def did(self) -> str:
        """Our participant id."""
        return self._settings.did

    # -- what the connector asks ---------------------------------------------------------------

    async def header_for(self, audience: str) -> str:
        """An ``Authorization`` header for one request to *audience*.

        Every call gives a new token: a token is good for one request. The read token inside
        is shared by the calls of two minutes.
        """
        now = self._now()
        kept = self._read_tokens.get(audience)
        if kept is None or now >= kept[1]:
            token = self._keys.read_tokens.make(audience, self._settings.shows, now)
            kept = (token, now + REUSE_SECONDS)
            self._read_tokens[audience] = kept
            if len(self._read_tokens) > MAX_PEERS:
                self._read_tokens.popitem(last=False)
        return "Bearer " + self._mint(audience, now, kept[0])

    async def identify(self, authorization: str | None) -> Participant:
        """Who sends a request, and what was proved about it.

        Raises:
            NotAllowedError: the token, the peer's document or its credentials do not hold.
            DidAwayError: the peer's document or credential service is away: try again.
        """
        now = self._now()
        try:
            speaker = await self._speaker(authorization, now)
            claims = await self._claims(speaker, now) if self._settings.scopes else ()
        except (TokenError, DidError) as error:
            raise NotAllowedError(error.message, hint=error.hint) from error
        except (CredentialError, DcpMessageError) as error:
            asked = f"this node asks every peer for {', '.join(self._settings.scopes)}"
            raise NotAllowedError(error.message, hint=error.hint or asked) from error
        return Participant(speaker.did, claims)

    def routes(self) -> list[Route]:
        """The doors of this identity, with their whole paths."""
        issues = bool(self._settings.entitlements.holders) or self._store.has_issued()
        document = parse_did(self.did).document_path()
        return identity_routes(self, document, self._settings.address, issues=issues)

    async def start(self) -> None:
        """Deliver what the issuer still owes and ask for what the wallet lacks, from now on."""
        self.issuer.start(self._now)
        if self._settings.asks and self._asks is None:
            self._asks = asyncio.create_task(self.wallet.stay_current(self._now))

    async def close(self) -> None:
        """Stop delivering and asking, and close the store."""
        await self.issuer.stop()
        if self._asks is not None:
            self._asks.cancel()
            await asyncio.gather(self._asks, return_exceptions=True)
            self._asks = None
        self._store.close()

    def forget(self, did: str) -> None:
        """Let *did* prove its claims anew at its next request."""
        self._believed.pop(did, None)

    # -- tokens and claims ---------------------------------------------------------------------

    def _mint(self, audience: str, now: int, access_token: str | None) -> str:
        self._minted += 1
        jti = f"{self._jti}{self._minted}"
        return mint(
            self._keys.signing,
            issuer=self.did,
            audience=audience,
            jti=jti,
            now=now,
            access_token=access_token,
        )

    async def _speaker(self, authorization: str | None, now: int) -> Speaker:
        return await check(
            bearer(authorization),
            rules=self._rules,
            resolver=self._resolver,
            used=self._store,
            now=now,
        )

    async def _claims(self, speaker: Speaker, now: int) -> tuple[Claim, ...]:
        """What is known of *speaker*; requests that come meanwhile wait for the one question."""
        kept = self._believed.get(speaker.did)
        if kept is not None and now < kept.until:
            return kept.claims
        lock = self._asking.setdefault(speaker.did, asyncio.Lock())
        try:
            async with lock:
                kept = self._believed.get(speaker.did)
                if kept is None or now >= kept.until:
                    kept = await self._ask_for_claims(speaker, now)
        finally:
            if not lock.locked():
                self._asking.pop(speaker.did, None)
        return kept.claims

    async def _ask_for_claims(self, speaker: Speaker, now: int) -> _Believed:
        if speaker.access_token is None:
            raise TokenError(
                "the token opens no credentials",
                hint="this node asks for credentials: the token must carry an access token",
            )
        document = await self._resolver.resolve(speaker.did)
        address = document.service("CredentialService")
        query = PresentationQuery(self._settings.scopes).to_plain()
        answer = await self._call(
            speaker.did, f"{address}/presentations/query", query, speaker.access_token
        )
        claims, until = await self._verifier.verify(
            PresentationResponse.from_plain(answer),
            holder=speaker.did,
            wanted=self._settings.scopes,
            now=now,
        )
        until = min(until, now + min(self._settings.claims_seconds, MAX_BELIEF_SECONDS))
        self._believed[speaker.did] = _Believed(claims, until)
        if len(self._believed) > MAX_PEERS:
            self._believed.popitem(last=False)
        return self._believed[speaker.did]

    async def _call(
        self, audience: str, url: str, message: Mapping[str, Any], access_token: str | None
    ) -> dict[str, Any]:
        """Send a message of the protocol to *audience* and read the answer."""
        token = self._mint(audience, self._now(), access_token)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        try:
            status, body = await self._web.post(
                url, to_bytes(message), headers=headers, max_bytes=MAX_RESPONSE_BYTES
            )
        except RefusedError as error:
            raise CredentialError(f"the peer's service is not asked: {error.message}") from error
        if not 200 <= status < 300:
            raise CredentialError(f"the service of {audience} answers {status}")
        try:
            return read_object(body) if body.strip() else {}
        except InputError as error:
            raise CredentialError(f"the peer's answer cannot be read: {error.message}") from error

    # -- what the doors ask --------------------------------------------------------------------

    def document(self) -> Mapping[str, Any]:
        """Our DID document."""
        services = {"CredentialService": self._settings.address + HOLDER}
        if self._settings.entitlements.holders:
            services["IssuerService"] = self._settings.address + ISSUER
        return build_document(self.did, self._keys.public(), services)

    async def query(self, authorization: str | None, plain: object) -> Mapping[str, Any]:
        """A verifier asks for presentations."""
        speaker = await self._speaker(authorization, self._now())
        return self.wallet.query(speaker, plain, self._now())

    async def deliver(self, authorization: str | None, plain: object) -> None:
        """An issuer delivers credentials."""
        speaker = await self._speaker(authorization, self._now())
        await self.wallet.deliver(speaker, plain, self._now())

    async def offer(self, authorization: str | None, plain: object) -> None:
        """An issuer offers credentials."""
        speaker = await self._speaker(authorization, self._now())
        await self.wallet.offer(speaker, plain, self._now())

    def grant(self, form: Mapping[str, str]) -> Mapping[str, Any]:
        """A client of ours asks for a self-issued token.

        Raises:
            NotEntitledError: there is no such client, or its secret is another one.
            DcpMessageError: the form is not the one of the token service.
        """
        client = self._keys.client
        given = f"{form.get('client_id', '')}\n{form.get('client_secret', '')}".encode()
        if client is None or not hmac.compare_digest(given, client):
            raise NotEntitledError("the token service does not know this client")
        if form.get("grant_type") != "client_credentials":
            raise DcpMessageError("the grant type is not client_credentials")
        try:
            audience = parse_did(form.get("audience")).text
        except DidError as error:
            raise DcpMessageError("the audience is no DID") from error
        kinds = tuple(kind_of(scope) for scope in form.get("bearer_access_scope", "").split())
        now = self._now()
        access = self._keys.read_tokens.make(audience, kinds, now) if kinds else form.get("token")
        token = self._mint(audience, now, access)
        return {"access_token": token, "token_type": "Bearer", "expires_in": LIFE_SECONDS}

    def metadata(self) -> Mapping[str, Any]:
        """What we issue."""
        return self.issuer.metadata()

    async def request(self, authorization: str | None, plain: object) -> str:
        """A holder asks for credentials; gives the name of its request."""
        speaker = await self._speaker(authorization, self._now())
        return self.issuer.take(speaker, plain, self._now())

    async def request_status(self, authorization: str | None, name: str) -> Mapping[str, Any]:
        """Where a holder's request stands."""
        speaker = await self._speaker(authorization, self._now())
        return self.issuer.status(speaker, name)

    def status_list(self, kind: str, number: int) -> str:
        """One of our status lists as a token."""
        return self.issuer.status_list(kind, number, self._now())
