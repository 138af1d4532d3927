"""What we ask of peers outside of a process: which protocol they speak, and their catalogue."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from delian.adapters.json_ld import is_plain, normalise
from delian.adapters.peer_client import Answer, PeerClient, PeerUnreachableError
from delian.exchange.catalogue import CatalogPage, Dataset, matches, read_catalog
from delian.exchange.catalogue_filter import read_filter
from delian.exchange.errors import MessageError, NotAllowedError, NotFoundHereError
from delian.exchange.messages import CatalogRequest
from delian.exchange.plain import many, read_object, to_bytes
from delian.exchange.version import choose_version, read_versions
from delian.exchange.words import MEDIA_TYPE, VERSION_PATH, WELL_KNOWN_PATH
from delian.nodes.exchange_ports import Identity

MAX_CATALOG_VALUES = 20_000  # of a page that we asked for, where it needs JSON-LD
MAX_PAGES = 200
MAX_CATALOG_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Peer:
    """A connector that we know how to reach.

    Args:
        participant: Its identifier; empty where it did not say.
        base: Where its protocol endpoints begin.
    """

    participant: str
    base: str


@dataclass(frozen=True, slots=True)
class Peers:
    """Asks other connectors.

    Args:
        client: The client to peers.
        identity: Who we are.
    """

    client: PeerClient
    identity: Identity

    async def find(self, url: str, participant: str = "") -> Peer:
        """The connector at *url* (its root, or its base).

        Raises:
            PeerUnreachableError: it does not answer.
            MessageError: it speaks no version that we speak.
        """
        root = url.rstrip("/").removesuffix(VERSION_PATH)
        answer = await self.client.ask("GET", root + WELL_KNOWN_PATH, max_bytes=65_536)
        if answer.status != 200:
            if url.rstrip("/").endswith(VERSION_PATH):
                return Peer(participant, url.rstrip("/"))
            raise PeerUnreachableError(
                f"there is no connector: {WELL_KNOWN_PATH} answered {answer.status}"
            )
        version = choose_version(read_versions(read_object(answer.body)))
        return Peer(participant or version.service_id or "", root + version.path)

    async def catalogue(
        self, peer: Peer, wanted: Sequence[dict[str, Any]] = ()
    ) -> tuple[str, list[Dataset], list[str]]:
        """The peer's participant id, its datasets that meet *wanted*, and what could not be read.

        Raises:
            PeerUnreachableError: it does not answer.
            NotAllowedError: it does not believe us.
        """
        body = to_bytes(CatalogRequest(tuple(wanted)).to_plain())
        condition = read_filter(wanted)
        url = f"{peer.base}/catalog/request"
        found: dict[str, Dataset] = {}
        unread: list[str] = []
        participant = peer.participant
        for _ in range(MAX_PAGES):
            answer = await self.ask(peer, "POST", url, body)
            page = _page(answer)
            participant = page.participant_id or participant
            found |= {d.id: d for d in page.datasets if matches(d, condition)}
            unread += page.unread
            following = _next(answer, url)
            if following is None:
                break
            url = following
        return participant, list(found.values()), unread

    async def dataset(self, peer: Peer, name: str) -> tuple[str, Dataset]:
        """One dataset of the peer, and the peer's participant id.

        Raises:
            NotFoundHereError: it is not there for us.
        """
        participant, datasets, _ = await self.catalogue(
            peer, [{"property": "id", "operator": "=", "value": name}]
        )
        if not datasets:
            raise NotFoundHereError("the peer offers no such dataset to us")
        return participant, datasets[0]

    async def ask(self, peer: Peer, method: str, url: str, body: bytes | None) -> Answer:
        """One request with our proof.

        Raises:
            NotAllowedError: it answered 401 or 403.
            PeerUnreachableError: it answered otherwise than with success.
        """
        headers = {"Content-Type": MEDIA_TYPE}
        proof = await self.identity.header_for(peer.participant)
        if proof is not None:
            headers["Authorization"] = proof
        answer = await self.client.ask(method, url, headers, body, max_bytes=MAX_CATALOG_BYTES)
        if answer.status in (401, 403):
            raise NotAllowedError("the peer does not believe who we are", hint=_said(answer))
        if answer.status != 200:
            raise PeerUnreachableError(f"the peer answered {answer.status}", hint=_said(answer))
        return answer


def _page(answer: Answer) -> CatalogPage:
    plain = read_object(answer.body, max_bytes=MAX_CATALOG_BYTES)
    return read_catalog(
        plain if is_plain(plain) else normalise(plain, max_values=MAX_CATALOG_VALUES)
    )


def _next(answer: Answer, url: str) -> str | None:
    """The next page, at the same host and scheme only."""
    for part in answer.headers.get("link", "").split(","):
        target, _, rest = part.strip().partition(">")
        if target.startswith("<") and 'rel="next"' in rest.replace(" ", ""):
            found = urljoin(url, target[1:])
            if urlsplit(found)[:2] != urlsplit(url)[:2]:
                raise MessageError("the next page lies at another host", where="Link")
            return found
    return None


def _said(answer: Answer) -> str:
    try:
        reasons = many(read_object(answer.body, max_bytes=65_536).get("reason"), "reason")
    except MessageError:
        return ""
    texts = [r for r in reasons if isinstance(r, str) and r.isprintable()]
    return "; ".join(texts)[:500]
