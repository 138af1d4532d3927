"""Issuing credentials to the holders whom the operator lists, and taking them back."""

import asyncio
import logging
import secrets
import uuid
from collections.abc import Callable
from typing import Any

from delian.adapters.dcp_server import STATUS
from delian.adapters.identity_store import IdentityStore, Pending
from delian.exchange.credentials import issue_list
from delian.exchange.dcp_messages import (
    CredentialMessage,
    CredentialRequest,
    issuer_metadata,
    status_message,
)
from delian.exchange.did import Resolver
from delian.exchange.errors import NotFoundHereError
from delian.exchange.issuance import (
    CREDENTIAL_LIFE_SECONDS,
    Place,
    RequestStatus,
    chosen,
    fulfil,
    is_entitled,
    offered,
    rejection,
)
from delian.exchange.self_issued import Speaker
from delian.exchange.status_list import BITSTRING, LIST_2021, OUR_LIST_BITS
from delian.nodes.exchange_identity_home import IdentityKeys
from delian.nodes.exchange_identity_settings import IdentitySettings
from delian.nodes.exchange_wallet import Call
from delian.terms.errors import DelianError

KINDS = {"bitstring": BITSTRING, "list2021": LIST_2021}
MAX_TRIES = 12
MAX_PAUSE_SECONDS = 3600
_log = logging.getLogger("delian.exchange.issuer")


class Issuer:
    """The issuer service of one node.

    Args:
        settings: What the operator set.
        keys: The node's keys.
        store: Requests, and places in the status lists.
        resolver: Gives holders' documents.
        call: Sends a message with a token of ours.
    """

    def __init__(
        self,
        settings: IdentitySettings,
        keys: IdentityKeys,
        store: IdentityStore,
        resolver: Resolver,
        call: Call,
    ) -> None:
        self._settings = settings
        self._keys = keys
        self._store = store
        self._resolver = resolver
        self._call = call
        self._offered = offered(settings.entitlements.kinds())
        self._news = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    def metadata(self) -> dict[str, Any]:
        """What this issuer publishes about itself."""
        return issuer_metadata(self._settings.did, self._offered)

    def take(self, speaker: Speaker, plain: object, now: int) -> str:
        """Take a request in and sign what *speaker* is entitled to; gives the request's name.

        Raises:
            DcpMessageError: the message, or an id that the metadata does not list.
        """
        request = CredentialRequest.from_plain(plain)
        wanted = chosen(request, self._offered)
        pid = secrets.token_urlsafe(16)
        message = rejection(request.holder_pid, pid)
        if is_entitled(speaker.did, wanted, self._settings.entitlements):
            ends = now + CREDENTIAL_LIFE_SECONDS
            numbers = [self._store.take_place(pid, speaker.did, one.kind, ends) for one in wanted]
            credentials = fulfil(
                self._keys.signing,
                issuer=self._settings.did,
                holder=speaker.did,
                wanted=wanted,
                entitlements=self._settings.entitlements,
                places=tuple(self._place(number) for number in numbers),
                now=now,
            )
            message = CredentialMessage(request.holder_pid, pid, True, credentials)
        self._store.add_request(
            Pending(
                pid,
                speaker.did,
                request.holder_pid,
                speaker.access_token,
                message,
                RequestStatus.RECEIVED,
                0,
                max(now, 1),
            )
        )
        self._news.set()
        return pid

    def status(self, speaker: Speaker, name: str) -> dict[str, Any]:
        """Where the request *name* of *speaker* stands.

        Raises:
            NotFoundHereError: no such request, or another holder's.
        """
        found = self._store.request(name)
        if found is None or found.holder != speaker.did:
            raise NotFoundHereError("there is no such request here for you")
        return status_message(found.holder_pid, found.issuer_pid, found.status)

    def status_list(self, kind: str, number: int, now: int) -> str:
        """One status list as a token.

        Raises:
            NotFoundHereError: there is no such list.
        """
        if kind not in KINDS or not 0 <= number <= 1000:
            raise NotFoundHereError("there is no such list")
        low = number * OUR_LIST_BITS
        revoked = self._store.revoked()
        here = frozenset(p - low for p in revoked if low <= p < low + OUR_LIST_BITS)
        claims, typ = issue_list(
            kind=KINDS[kind],
            issuer=self._settings.did,
            address=self._address(kind, number),
            revoked=here,
            now=now,
        )
        return self._keys.signing.sign(claims, typ=typ)

    def revoke(self, holder: str, kind: str) -> int:
        """Take back every credential of *kind* that *holder* has; gives how many."""
        return self._store.revoke(holder, kind)

    def revoke_unlisted(self) -> int:
        """Take back what the operator no longer lists; gives how many credentials."""
        done = 0
        for holder, kind in self._store.living():
            if self._settings.entitlements.subject(holder, kind) is None:
                done += self._store.revoke(holder, kind)
        return done

    def start(self, now: Callable[[], int]) -> None:
        """Take back what is no longer listed, and deliver what is owed until :meth:`stop`."""
        revoked = self.revoke_unlisted()
        if revoked:
            _log.info("credentials taken back: %s", revoked)
        if self._running is None:
            self._running = asyncio.create_task(self._deliver(now))

    async def stop(self) -> None:
        """Stop delivering; what is owed stays in the store."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
            self._running = None

    def _address(self, kind: str, number: int) -> str:
        return f"{self._settings.address}{STATUS}/{kind}/{number}"

    def _place(self, place: int) -> Place:
        number, index = divmod(place, OUR_LIST_BITS)
        lists = {name: self._address(short, number) for short, name in KINDS.items()}
        return Place(f"urn:uuid:{uuid.uuid4()}", index, lists)

    async def _deliver(self, now: Callable[[], int]) -> None:
        while True:
            self._news.clear()
            for pending in self._store.due(now()):
                await self._deliver_one(pending, now())
            due = self._store.next_due()
            wait = None if due is None else max(0.05, due - now())
            try:
                await asyncio.wait_for(self._news.wait(), wait)
            except TimeoutError:
                continue

    async def _deliver_one(self, pending: Pending, now: int) -> None:
        try:
            document = await self._resolver.resolve(pending.holder)
            address = document.service("CredentialService")
            plain = pending.message.to_plain(early=not self._settings.strict)
            await self._call(pending.holder, f"{address}/credentials", plain, pending.token)
        except DelianError as error:
            _log.info("a credential is not delivered: %s", error.code)
            if pending.tries + 1 >= MAX_TRIES:
                self._store.settle_request(pending.issuer_pid, RequestStatus.REJECTED)
                return
            pause = min(2**pending.tries, MAX_PAUSE_SECONDS)
            self._store.postpone(pending.issuer_pid, now + pause)
            return
        done = RequestStatus.ISSUED if pending.message.is_issued else RequestStatus.REJECTED
        self._store.settle_request(pending.issuer_pid, done)
