"""Who somebody is in another data space: signed identity records, and what they allow to be said.

May touch: values, ``crypto.dsse``. A DID and a foreign name are never silently equal: a record,
signed by somebody who vouches for it, joins them for a time and at a level of assurance, and
whatever the bridge says about its subject names the record, the voucher and the level.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from delian.crypto.dsse import Envelope, Resolve, document_type, sign, signers
from delian.crypto.sign import PrivateKey
from delian.exchange.bridge_errors import CheckDigitError, NotMappedError, WeakIdentityError
from delian.exchange.foreign_name import ForeignName, Scheme
from delian.terms.encode import Fields, canonical, digest, parse, parse_utc, utc_text
from delian.terms.errors import TamperedError

KIND = "identity-record"
CREDENTIAL_TYPE = "DelianBridgeCredential"
MAX_NAMES = 32
MAX_RECORD_BYTES = 64 * 1024


class Assurance(StrEnum):
    """How well the voucher knows the subject; low, substantial, high, in this order."""

    LOW = "low"
    SUBSTANTIAL = "substantial"
    HIGH = "high"

    def reaches(self, least: "Assurance") -> bool:
        """Is this level at least *least*?"""
        return _RANK[self] >= _RANK[least]


_RANK = {level: rank for rank, level in enumerate(Assurance)}


class RecordError(TamperedError):
    """An identity record is not signed by the voucher that it names."""

    code = "bridge-record"


@dataclass(frozen=True, slots=True)
class IdentityRecord:
    """A DID and the foreign names of the same party, as one voucher states it.

    Args:
        did: The subject.
        names: Its names elsewhere.
        assurance: How well the voucher knows this.
        voucher: Key id of who vouches; the record counts only with this key's signature.
        basis: What the voucher looked at ("extract of the register of 2026-10-01").
        valid_from: First moment at which the record holds.
        valid_until: First moment at which it no longer holds.
    """

    did: str
    names: tuple[ForeignName, ...]
    assurance: Assurance
    voucher: str
    basis: str
    valid_from: datetime
    valid_until: datetime

    def __post_init__(self) -> None:
        if not _is_did(self.did):
            raise CheckDigitError("the subject of an identity record is a DID")
        if not 0 < len(self.names) <= MAX_NAMES or len(set(self.names)) != len(self.names):
            raise CheckDigitError("an identity record holds 1 to 32 different names")
        if self.valid_from >= self.valid_until:
            raise CheckDigitError("an identity record ends before it begins")

    def to_bytes(self) -> bytes:
        """The record in its canonical spelling: what the voucher signs."""
        return canonical(
            {
                "format": f"delian-{KIND}",
                "version": 1,
                "did": self.did,
                "names": [
                    {"scheme": name.scheme.value, "value": name.value}
                    for name in sorted(self.names, key=lambda n: (n.scheme.value, n.value))
                ],
                "assurance": self.assurance.value,
                "voucher": self.voucher,
                "basis": self.basis,
                "valid_from": utc_text(self.valid_from),
                "valid_until": utc_text(self.valid_until),
            }
        )

    @property
    def digest(self) -> str:
        """Digest of the canonical spelling."""
        return digest(self.to_bytes())

    @classmethod
    def from_bytes(cls, data: bytes) -> "IdentityRecord":
        """Read a record; its signature is checked elsewhere (:func:`open_record`).

        Raises:
            InputError: not a record, unknown fields, a name whose check digits do not hold.
        """
        fields = Fields(parse(data, max_bytes=MAX_RECORD_BYTES, max_depth=4), KIND)
        fields.form(f"delian-{KIND}")
        names = tuple(_name(item) for item in fields.items("names"))
        record = cls(
            did=fields.text("did"),
            names=names,
            assurance=_member(Assurance, fields.text("assurance")),
            voucher=fields.text("voucher"),
            basis=fields.text("basis"),
            valid_from=parse_utc(fields.text("valid_from")),
            valid_until=parse_utc(fields.text("valid_until")),
        )
        fields.end()
        return record


def sign_record(record: IdentityRecord, key: PrivateKey) -> Envelope:
    """The record signed by its voucher."""
    return sign(document_type(KIND), record.to_bytes(), {record.voucher: key})


def open_record(envelope: Envelope, resolve: Resolve) -> IdentityRecord:
    """The record in *envelope*, if the voucher that it names signed it with a pinned key.

    Raises:
        RecordError: another kind of document, or no valid signature of the named voucher.
        InputError: the payload is not a record.
    """
    if envelope.payload_type != document_type(KIND):
        raise RecordError("the envelope holds another kind of document")
    record = IdentityRecord.from_bytes(envelope.payload)
    if record.voucher not in signers(envelope, resolve):
        raise RecordError(
            "the identity record is not signed by the voucher that it names",
            hint="pin the voucher's key, or ask for a record of a voucher that is pinned",
        )
    return record


@dataclass(frozen=True, slots=True)
class Vouched:
    """A DID for a foreign name (or the other way round), with everything that qualifies it."""

    did: str
    name: ForeignName
    assurance: Assurance
    voucher: str
    record: str
    valid_until: datetime

    def claims(self, original_issuer: str, bridge: str) -> Mapping[str, Any]:
        """The subject of the bridge-issued credential: never the original issuer's own word.

        Args:
            original_issuer: Who authenticated the party in the other data space.
            bridge: The DID of this bridge, which is all that the credential speaks for.
        """
        return {
            "id": self.did,
            "foreignName": {"scheme": self.name.scheme.value, "value": self.name.value},
            "originalIssuer": original_issuer,
            "issuedThrough": bridge,
            "assurance": self.assurance.value,
            "vouchedBy": self.voucher,
            "identityRecord": self.record,
        }


class IdentityMap:
    """Opened records, asked at a moment.

    Args:
        records: Each from :func:`open_record`.
    """

    __slots__ = ("_records",)

    def __init__(self, records: Iterable[IdentityRecord]) -> None:
        self._records = tuple(records)

    def did_of(
        self, name: ForeignName, now_utc: datetime, least: Assurance = Assurance.LOW
    ) -> Vouched:
        """The party behind a foreign name.

        Raises:
            NotMappedError: no record holds now, or two records name different parties.
            WeakIdentityError: the best record is below *least*.
        """
        found = [r for r in self._valid(now_utc) if name in r.names]
        if len({r.did for r in found}) > 1:
            raise NotMappedError(
                f"two identity records name different parties for one {name.scheme.value} name",
                hint="one of the vouchers must withdraw its record",
            )
        return self._best(found, name, least)

    def name_of(
        self,
        did: str,
        scheme: Scheme,
        now_utc: datetime,
        least: Assurance = Assurance.LOW,
    ) -> Vouched:
        """The party's name in another data space.

        Raises:
            NotMappedError: no record holds now, or the records give different names.
            WeakIdentityError: the best record is below *least*.
        """
        found = [r for r in self._valid(now_utc) if r.did == did]
        names = {n for r in found for n in r.names if n.scheme is scheme}
        if len(names) != 1:
            raise NotMappedError(
                f"{'no' if not names else 'more than one'} {scheme.value} name is on record",
                hint="sign an identity record that joins the DID and the name",
            )
        name = names.pop()
        self.did_of(name, now_utc)
        return self._best([r for r in found if name in r.names], name, least)

    def _valid(self, now_utc: datetime) -> list[IdentityRecord]:
        return [r for r in self._records if r.valid_from <= now_utc < r.valid_until]

    def _best(self, found: list[IdentityRecord], name: ForeignName, least: Assurance) -> Vouched:
        if not found:
            raise NotMappedError(
                f"no identity record for this {name.scheme.value} name holds now",
                hint="sign an identity record that joins the DID and the name",
            )
        best = max(found, key=lambda r: (_RANK[r.assurance], r.valid_until, r.digest))
        if not best.assurance.reaches(least):
            raise WeakIdentityError(
                f"the identity record says {best.assurance.value}; {least.value} is needed",
                hint="have a voucher look closer and sign a new record",
            )
        return Vouched(best.did, name, best.assurance, best.voucher, best.digest, best.valid_until)


def _is_did(text: str) -> bool:
    parts = text.split(":")
    signs = all(33 <= ord(sign) <= 126 for sign in text)
    return len(text) <= 2048 and len(parts) >= 3 and parts[0] == "did" and all(parts) and signs


def _name(plain: object) -> ForeignName:
    fields = Fields(plain, "name")
    scheme, value = fields.text("scheme"), fields.text("value")
    fields.end()
    return ForeignName(_member(Scheme, scheme), value)


def _member(kind: Any, text: str) -> Any:
    try:
        return kind(text)
    except ValueError as error:
        raise CheckDigitError(f"'{text[:60]}' is not one of the record's words") from error
