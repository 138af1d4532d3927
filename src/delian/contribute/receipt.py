"""The receipt: the secretariat's signature and those of all three hosts on one sheet.

May touch: DSSE. It carries no time. A nation without it shows its sheet as unconfirmed.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from delian.approve.document import begin, check_signed, finish, sign_document, spell
from delian.contribute.agreed import AgreedTerms
from delian.contribute.arrival import ArrivalVerdict
from delian.contribute.errors import (
    AwaitingError,
    ContributionFormError,
    DisputedError,
    ReceiptError,
)
from delian.contribute.manifest import MAX_NUMBER, Manifest, check_belongs
from delian.contribute.shape import SHARES
from delian.crypto.armor import from_base64, to_base64
from delian.crypto.dsse import Envelope
from delian.crypto.sign import PrivateKey
from delian.terms.encode import Digest

KIND: Final = "receipt"
_MAX_VERDICT_BYTES: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the secretariat signs once all three hosts have said ok.

    Args:
        round_id: The round.
        terms: Digest of its terms.
        nation: Whose sheet.
        number: Its number.
        manifest: Digest of its manifest.
        verdicts: The hosts' signed verdicts, in the order of the terms.
    """

    round_id: str
    terms: Digest
    nation: str
    number: int
    manifest: Digest
    verdicts: tuple[Envelope, ...]

    def to_wire(self) -> bytes:
        """The receipt as canonical JSON."""
        return spell(
            KIND,
            round=self.round_id,
            terms=self.terms,
            nation=self.nation,
            number=self.number,
            manifest=self.manifest,
            verdicts=[to_base64(verdict.to_wire()) for verdict in self.verdicts],
        )

    @classmethod
    def from_wire(cls, payload: bytes) -> "Receipt":
        """Read what :meth:`to_wire` writes.

        Raises:
            InputError: anything else.
        """
        f = begin(payload, KIND)
        receipt = cls(
            f.text("round", max_length=80),
            f.digest("terms"),
            f.text("nation", max_length=80),
            f.whole("number", 1, MAX_NUMBER),
            f.digest("manifest"),
            tuple(_verdict(text) for text in f.texts("verdicts")),
        )
        if len(receipt.verdicts) != SHARES:
            raise ContributionFormError("a receipt carries three verdicts")
        finish(f, receipt, payload)
        return receipt


def _verdict(text: str) -> Envelope:
    data = from_base64(text, max_bytes=_MAX_VERDICT_BYTES)
    return Envelope.from_wire(data, max_bytes=_MAX_VERDICT_BYTES)


def issue_receipt(
    manifest: Manifest, verdicts: Collection[Envelope], agreed: AgreedTerms, key: PrivateKey
) -> Envelope:
    """The receipt for *manifest*, signed by the secretariat.

    Args:
        manifest: As checked on arrival.
        verdicts: The hosts' verdicts that have come so far.
        agreed: The agreed terms.
        key: The secretariat's signing key.

    Raises:
        DisputedError: a host has said "not ok".
        AwaitingError: a host has not said anything yet.
    """
    said = _said(manifest, verdicts, agreed)
    for host, (verdict, _) in said.items():
        if not verdict.is_ok:
            raise DisputedError(
                f"{host} cannot use the sheet of {manifest.nation}",
                hint="the nation sends a new sheet; unless it does, the round stops",
            )
    missing = [host for host in agreed.terms.hosts if host not in said]
    if missing:
        raise AwaitingError(f"{', '.join(missing)} has not checked the sheet yet")
    receipt = Receipt(
        manifest.round_id,
        manifest.terms,
        manifest.nation,
        manifest.number,
        manifest.digest,
        tuple(said[host][1] for host in agreed.terms.hosts),
    )
    return sign_document(KIND, receipt, f"{agreed.terms.chair}/sign", key)


def _said(
    manifest: Manifest, verdicts: Collection[Envelope], agreed: AgreedTerms
) -> dict[str, tuple[ArrivalVerdict, Envelope]]:
    """What each host has said about *manifest*; "not ok" wins over "ok" of the same host."""
    said: dict[str, tuple[ArrivalVerdict, Envelope]] = {}
    for envelope in verdicts:
        verdict = ArrivalVerdict.from_envelope(envelope, agreed)
        if (verdict.nation, verdict.number, verdict.manifest) != (
            manifest.nation,
            manifest.number,
            manifest.digest,
        ):
            raise ReceiptError("a verdict speaks of another sheet")
        if verdict.host not in said or not verdict.is_ok:
            said[verdict.host] = (verdict, envelope)
    return said


def check_receipt(envelope: Envelope, agreed: AgreedTerms) -> Receipt:
    """The receipt in *envelope* with all four signatures checked.

    Raises:
        ReceiptError: a verdict is not ok, is not by the right host, or speaks of another sheet.
        TamperedError: a signature does not hold.
        DelianError: malformed, or of another round.
    """
    receipt = Receipt.from_wire(envelope.payload)
    check_belongs(receipt.round_id, receipt.terms, agreed)
    agreed.check_nation(receipt.nation)
    check_signed(envelope, KIND, f"{agreed.terms.chair}/sign", agreed.resolve)
    for host, signed in zip(agreed.terms.hosts, receipt.verdicts, strict=True):
        verdict = ArrivalVerdict.from_envelope(signed, agreed)
        about = (verdict.nation, verdict.number, verdict.manifest)
        if about != (receipt.nation, receipt.number, receipt.manifest) or verdict.host != host:
            raise ReceiptError("a verdict in the receipt speaks of another sheet or host")
        if not verdict.is_ok:
            raise ReceiptError("a host's verdict in the receipt is not ok")
    return receipt


class Standing(StrEnum):
    """How far a nation's sheet has come, as its own node shows it."""

    NOT_SENT = "not sent"
    UNCONFIRMED = "unconfirmed"
    CONFIRMED = "confirmed"


def standing(sent: Manifest | None, receipt: Receipt | None) -> Standing:
    """How far the latest sheet has come; a receipt for an earlier one confirms nothing.

    Args:
        sent: The manifest of the latest contribution that this node made, or None.
        receipt: The latest receipt checked by :func:`check_receipt`, or None.
    """
    if sent is None:
        return Standing.NOT_SENT
    if receipt is None or receipt.manifest != sent.digest:
        return Standing.UNCONFIRMED
    return Standing.CONFIRMED
