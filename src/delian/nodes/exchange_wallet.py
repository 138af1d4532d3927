"""Our own credentials: asked for, taken in, shown to those who may see them."""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from delian.adapters.did_resolver import Web
from delian.adapters.identity_store import IdentityStore
from delian.exchange.credentials import form_of
from delian.exchange.dcp_errors import CredentialError, DcpMessageError, NotEntitledError
from delian.exchange.dcp_messages import (
    CredentialMessage,
    CredentialObject,
    CredentialOffer,
    CredentialRequest,
    Delivered,
    PresentationQuery,
    read_metadata,
)
from delian.exchange.issuance import RequestStatus
from delian.exchange.jose import take_apart
from delian.exchange.plain import read_object
from delian.exchange.presentation import Shown, Verifier, present
from delian.exchange.self_issued import Speaker
from delian.nodes.exchange_identity_home import IdentityKeys
from delian.nodes.exchange_identity_settings import IdentitySettings
from delian.terms.errors import DelianError

Call: TypeAlias = Callable[[str, str, Mapping[str, Any], str | None], Awaitable[dict[str, Any]]]
MAX_METADATA_BYTES = 256 * 1024
ASK_EVERY_SECONDS = 3600
RENEW_BEFORE_SECONDS = 14 * 86_400
_log = logging.getLogger("delian.exchange.wallet")


class Wallet:
    """The credential service of one node.

    Args:
        settings: What the operator set.
        keys: The node's keys.
        store: Where credentials lie.
        verifier: Judges what issuers deliver.
        web: The guarded way out.
        call: Sends a message with a token of ours.
    """

    def __init__(
        self,
        settings: IdentitySettings,
        keys: IdentityKeys,
        store: IdentityStore,
        verifier: Verifier,
        web: Web,
        call: Call,
    ) -> None:
        self._settings = settings
        self._keys = keys
        self._store = store
        self._verifier = verifier
        self._web = web
        self._call = call
        self._news = asyncio.Condition()

    def query(self, speaker: Speaker, plain: object, now: int) -> dict[str, Any]:
        """Show *speaker* what its read token opens.

        Where it asks for more than that, a strict node answers with the permitted part and
        a relaxed one refuses; the two editions of the protocol's kit differ here.

        Raises:
            NotEntitledError: the token is not ours, not this verifier's, or opens too little.
            DcpMessageError, NotSupportedHereError: the query.
        """
        permitted = self._keys.read_tokens.read(speaker.access_token, speaker.did, now)
        query = PresentationQuery.from_plain(plain)
        opened = [kind for kind in query.kinds if kind in permitted]
        if not opened or (len(opened) < len(query.kinds) and not self._settings.strict):
            raise NotEntitledError("the access token does not open what is asked for")
        shown = tuple(Shown(c.form, c.payload) for c in self._store.held(opened))
        response = present(
            self._keys.signing,
            holder=self._settings.did,
            verifier=speaker.did,
            shown=shown,
            jti=secrets.token_urlsafe(16),
            now=now,
        )
        return response.to_plain()

    async def deliver(self, speaker: Speaker, plain: object, now: int) -> None:
        """Take in what an issuer delivers for a request of ours.

        Every credential is checked like a stranger's before it is kept: signature, issuer,
        subject, dates and status.

        Raises:
            NotEntitledError: not a pinned issuer, or no request of ours to it.
            CredentialError: a credential does not hold.
            DcpMessageError: the message.
        """
        trusted = self._verifier.trust.of(speaker.did)
        message = CredentialMessage.from_plain(plain)
        expected = self._store.expected(message.holder_pid)
        if not trusted or expected is None or expected.issuer != speaker.did:
            raise NotEntitledError("nothing was asked of this issuer under this name")
        for one in message.credentials:
            if one.kind not in expected.kinds:
                raise NotEntitledError("a credential of this type was not asked for")
            await self._check(one, speaker.did, now)
        if message.is_issued:
            self._store.keep(message.holder_pid, speaker.did, message.credentials)
        else:
            self._store.rejected(message.holder_pid, message.reason)
        async with self._news:
            self._news.notify_all()

    async def answered(self, holder_pid: str) -> RequestStatus:
        """Wait until the issuer has answered the request *holder_pid*; gives ISSUED or REJECTED.

        Raises:
            NotEntitledError: we made no such request.
        """
        async with self._news:
            while True:
                expected = self._store.expected(holder_pid)
                if expected is None:
                    raise NotEntitledError("this node made no such request")
                if expected.status is not RequestStatus.RECEIVED:
                    return expected.status
                await self._news.wait()

    async def _check(self, one: Delivered, issuer: str, now: int) -> None:
        if form_of(take_apart(one.payload)) != one.form:
            raise CredentialError("the credential is in another form than announced")
        found = await self._verifier.check_credential(
            one.payload, self._settings.did, frozenset({one.kind}), now
        )
        if found is None or found.issuer != issuer:
            raise CredentialError("the credential is of another type or issuer than announced")

    async def offer(self, speaker: Speaker, plain: object, now: int) -> None:
        """Remember what a pinned issuer offers; the operator decides whether to ask for it.

        Raises:
            NotEntitledError: not a pinned issuer, or in another's name.
            DcpMessageError: the message, or ids that the issuer's metadata does not list.
        """
        offer = CredentialOffer.from_plain(plain, speaker.did)
        if not self._verifier.trust.of(speaker.did):
            raise NotEntitledError("offers are taken from pinned issuers only")
        sparse = [one.id for one in offer.credentials if not one.kind]
        if sparse and self._settings.strict:
            known = {one.id for one in await self.supported(speaker.did)}
            if not set(sparse) <= known:
                raise DcpMessageError("an offered id is not in the issuer's metadata")
        self._store.keep_offer(speaker.did, offer.credentials, now)

    async def supported(self, issuer: str) -> tuple[CredentialObject, ...]:
        """What *issuer* says that it issues.

        Raises:
            DcpMessageError: its metadata are malformed or cannot be had.
        """
        address = (await self._verifier.resolver.resolve(issuer)).service("IssuerService")
        status, body = await self._web.get(f"{address}/metadata", max_bytes=MAX_METADATA_BYTES)
        if status != 200:
            raise DcpMessageError(f"the issuer's metadata cannot be had: answer {status}")
        return read_metadata(read_object(body, max_bytes=MAX_METADATA_BYTES), issuer)

    async def ask(self, issuer: str, kinds: tuple[str, ...]) -> str:
        """Ask a pinned *issuer* for credentials; gives the name of our request.

        Raises:
            NotEntitledError: the issuer is not pinned for these types.
            DcpMessageError: it does not issue one of them.
        """
        if not set(kinds) <= self._verifier.trust.of(issuer):
            raise NotEntitledError("the issuer is not pinned for these types")
        supported = await self.supported(issuer)
        ids: list[str] = []
        for kind in kinds:
            found = next((one for one in supported if one.kind == kind and one.form), None)
            if found is None:
                raise DcpMessageError(f"the issuer does not issue {kind}")
            ids.append(found.id)
        pid = secrets.token_urlsafe(16)
        self._store.expect(pid, issuer, kinds)
        address = (await self._verifier.resolver.resolve(issuer)).service("IssuerService")
        request = CredentialRequest(pid, tuple(ids)).to_plain()
        await self._call(issuer, f"{address}/credentials", request, None)
        return pid

    async def stay_current(self, now: Callable[[], int]) -> None:
        """Ask for what the settings list and the wallet lacks or will soon lack, until cancelled.

        One question an hour at most to each issuer, whatever it answers.
        """
        while True:
            for issuer, kinds in self._settings.asks.items():
                lacking = self.lacking(kinds, now())
                if not lacking:
                    continue
                try:
                    await self.ask(issuer, lacking)
                except DelianError as error:
                    _log.info("a credential is not asked for: %s", error.code)
            await asyncio.sleep(ASK_EVERY_SECONDS)

    def lacking(self, kinds: tuple[str, ...], now: int) -> tuple[str, ...]:
        """Which of *kinds* we do not hold, or not for long enough."""
        ends: dict[str, int] = {}
        for one in self._store.held(kinds):
            second = take_apart(one.payload).moment("exp")
            ends[one.kind] = max(ends.get(one.kind, 0), second if second is not None else 2**40)
        return tuple(kind for kind in kinds if ends.get(kind, 0) < now + RENEW_BEFORE_SECONDS)

    def held(self, kinds: tuple[str, ...]) -> tuple[Delivered, ...]:
        """The credentials of *kinds* that we hold."""
        return self._store.held(kinds)
