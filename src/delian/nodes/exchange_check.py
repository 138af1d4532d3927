"""What is wrong with a stranger's connector, in plain words: what, where, and how to mend it.

May touch: a peer's public addresses, through a port. It begins no process and changes nothing:
every request is one that any connector must answer. The judgments are functions of what came
back (``exchange_check_answers``), so a test can hold them against every kind of broken peer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

from delian.adapters.peer_client import Answer
from delian.exchange.dcp_errors import DidError
from delian.exchange.did import DidWeb, parse_did
from delian.exchange.plain import to_bytes
from delian.exchange.words import CONTEXT
from delian.nodes import exchange_check_answers as answers
from delian.terms.errors import DelianError

WELL_KNOWN = "/.well-known/dspace-version"
NO_SUCH_PID = "urn:uuid:00000000-0000-4000-8000-000000000000"


class Grade(StrEnum):
    """How a finding weighs: only ``WRONG`` keeps two connectors apart."""

    FINE = "fine"
    NOTICE = "notice"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Args:
        step: Which step of the examination ("version", "catalog").
        grade: How it weighs.
        what: What was found.
        where: The address or member that it was found at.
        mend: What the operator of the connector can do, or "".
    """

    step: str
    grade: Grade
    what: str
    where: str = ""
    mend: str = ""

    def to_plain(self) -> dict[str, str]:
        """The finding for ``--json``."""
        names = ("step", "what", "where", "mend")
        return {"grade": self.grade.value, **{name: getattr(self, name) for name in names}}

    def lines(self) -> list[str]:
        """The finding for a person."""
        place = f" ({self.where})" if self.where else ""
        mend = [f"        to mend: {self.mend}"] if self.mend else []
        return [f"{self.grade.value:6}  {self.step}: {self.what}{place}", *mend]


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was looked at, in the order of the examination."""

    url: str
    findings: tuple[Finding, ...]

    @property
    def is_well(self) -> bool:
        """Whether nothing keeps this connector and ours apart."""
        return all(finding.grade is not Grade.WRONG for finding in self.findings)

    def to_plain(self) -> dict[str, object]:
        """The report for ``--json``."""
        listed = [finding.to_plain() for finding in self.findings]
        return {"url": self.url, "ok": self.is_well, "findings": listed}

    def lines(self) -> list[str]:
        """The report for a person."""
        return [line for finding in self.findings for line in finding.lines()]


class Client(Protocol):
    """Asks strangers: a ``PeerClient``, with its guard on addresses and its bounds."""

    async def ask(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Answer:
        """The answer of *url*, whatever its status; redirects are answers, not followed.

        Raises:
            RefusedError: our own guard does not ask this address.
            UnavailableError: nobody answers, with the reason in the message.
        """
        ...


@dataclass(frozen=True, slots=True)
class Terms:
    """What an examination goes by.

    Args:
        now_utc: Our clock, to compare the peer's with.
        authorization: The header that shows who we are, or None to ask as nobody.
        is_development: Whether a loopback peer without TLS is in order.
    """

    now_utc: datetime
    authorization: str | None = field(default=None, repr=False)
    is_development: bool = False


async def diagnose(url: str, client: Client, terms: Terms) -> Report:
    """Look at the connector behind *url*.

    Args:
        url: Its root, its ``…/2025-1`` or its version address: whichever the operator was given.
        client: Asks it.
        terms: Our clock and identity.
    """
    examination = _Examination(client, terms)
    judged = answers.of_address(url, terms.is_development)
    shown = without_user(url)
    examination.note("address", judged, shown)
    if all(one.grade != Grade.WRONG for one in judged):
        await examination.run(url)
    return Report(shown, tuple(examination.findings))


class _Examination:
    """One examination: what was found so far."""

    def __init__(self, client: Client, terms: Terms) -> None:
        self.client = client
        self.terms = terms
        self.findings: list[Finding] = []

    def note(self, step: str, judged: list[answers.Judged], where: str) -> None:
        for one in judged:
            place = f"{where} {one.place}".strip()
            self.findings.append(Finding(step, Grade(one.grade), one.what, place, one.mend))

    async def ask(
        self, step: str, url: str, body: object = None, *, show: bool = True
    ) -> Answer | None:
        """The answer, or None after a finding that says why there is none."""
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if show and self.terms.authorization is not None:
            headers["Authorization"] = self.terms.authorization
        data = None if body is None else to_bytes(body)
        try:
            return await self.client.ask("GET" if body is None else "POST", url, headers, data)
        except DelianError as error:
            mend = error.hint or "see that the connector runs and that this address reaches it"
            self.note(step, [answers.wrong(error.message, mend)], url)
            return None

    async def run(self, url: str) -> None:
        found = await self._version(url)
        if found is None:
            return
        base, document = found
        self.note("identity", answers.of_identity(document), base)
        await self._catalog(base)
        for kind, error in (
            ("negotiations", "ContractNegotiationError"),
            ("transfers", "TransferError"),
        ):
            place = f"{base}/{kind}/{NO_SUCH_PID}"
            asked = await self.ask(kind, place)
            if asked is not None:
                self.note(kind, answers.of_unknown(asked.status, asked.body, error), place)
        if isinstance(document.get("serviceId"), str):
            await self._did(document["serviceId"])

    async def _version(self, url: str) -> tuple[str, dict[str, Any]] | None:
        """Where the protocol is spoken, and what the version document says beside it."""
        for root in roots(url):
            place = root + WELL_KNOWN
            asked = await self.ask("version", place, show=False)
            if asked is None:
                return None
            if asked.status == 404:
                continue
            judged, entry = answers.of_version(asked.status, asked.headers, asked.body)
            self.note("version", judged, place)
            self.note("clock", answers.of_clock(asked.headers, self.terms.now_utc), place)
            return None if entry is None else (root + entry["path"].rstrip("/"), entry)
        mend = f"serve {WELL_KNOWN} beside the protocol, without authentication"
        self.note("version", [answers.wrong("there is no version document", mend)], url)
        return None

    async def _catalog(self, base: str) -> None:
        place = f"{base}/catalog/request"
        request = {"@context": [CONTEXT], "@type": "CatalogRequestMessage"}
        asked = await self.ask("catalog", place, request)
        if asked is None:
            return
        judged, participant = answers.of_catalog(
            asked.status, asked.headers, asked.body, self.terms.authorization is not None
        )
        self.note("catalog", judged, place)
        if participant.startswith("did:"):
            await self._did(participant)

    async def _did(self, participant: str) -> None:
        if any(finding.step == "identifier" for finding in self.findings):
            return
        try:
            did = parse_did(participant)
        except DidError as error:
            mend = error.hint or "use a did:web in lower case"
            self.note("identifier", [answers.wrong(error.message, mend)], participant)
            return
        place = did.document_url(self._scheme(did))
        asked = await self.ask("identifier", place, show=False)
        if asked is not None:
            self.note("identifier", answers.of_document(asked.status, asked.body, did.text), place)

    def _scheme(self, did: DidWeb) -> str:
        is_near = did.host in ("localhost", "127.0.0.1")
        return "http" if is_near and self.terms.is_development else "https"


def without_user(url: str) -> str:
    """The address without a name and password in it."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def roots(url: str) -> list[str]:
    """Where the version document may stand: below the address, or below its parents."""
    parts = urlsplit(url)
    path = parts.path.removesuffix(WELL_KNOWN).rstrip("/")
    found = []
    while True:
        found.append(f"{parts.scheme}://{parts.netloc}{path}")
        if not path or len(found) == 4:
            return found
        path = path.rpartition("/")[0]
