"""What the secretariat checks when a contribution arrives, and the hosts' signed verdicts on it.

May touch: DSSE. No arrival time is kept or returned; the clock is only asked whether the round
still takes sheets. Only this product's secretariat and hosts run it; it never sees a share.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from delian.approve.document import begin, check_signed, finish, sign_document, spell
from delian.contribute.agreed import AgreedTerms
from delian.contribute.contribution import Contribution, Slice
from delian.contribute.errors import (
    AlteredError,
    ContributionFormError,
    LateError,
    OlderNumberError,
    ReplayError,
    TwoManifestsError,
)
from delian.contribute.manifest import MAX_NUMBER, Manifest, check_belongs, check_manifest
from delian.contribute.shape import SHARES
from delian.crypto.dsse import Envelope
from delian.crypto.sign import PrivateKey
from delian.terms.encode import Digest

KIND: Final = "arrival"
FAULTS: Final = ("", "seal", "commitment")


@dataclass(frozen=True, slots=True)
class Known:
    """The latest statement of a nation that has arrived: its number and its digest."""

    number: int
    digest: Digest


def check_arrival(
    contribution: Contribution,
    agreed: AgreedTerms,
    known: Mapping[str, Known],
    now_utc: datetime,
) -> Manifest:
    """The manifest of a contribution that may be stored and relayed.

    Args:
        contribution: As parsed, with all three parts.
        agreed: The agreed terms.
        known: The latest statement of each nation in this round.
        now_utc: One reading of the secretariat's clock.

    Guarantees:
        Signature, sizes and digests hold, and the number is higher than any before. On any
        error nothing has changed (``tests/unit/contribute/test_contribute_arrival.py``).

    Leaks:
        The secretariat learns who has sent.

    Raises:
        WrongRoundError: of another round.
        WrongTermsError: under other terms.
        UnknownNationError: the terms or the roster do not know the nation.
        LateError: the round no longer takes sheets.
        ReplayError: it has arrived before.
        OlderNumberError: a later one has arrived before.
        TwoManifestsError: another one with the same number has arrived before.
        AlteredError: a part is not what the nation signed.
        TamperedError: the signature does not hold.
        InputError: malformed.
    """
    manifest = check_manifest(contribution.envelope, agreed)
    check_in_time(agreed, now_utc)
    check_sequence(manifest.nation, Known(manifest.number, manifest.digest), known)
    for host in range(SHARES):
        check_part(manifest, contribution.part(host), host)
    return manifest


def check_part(manifest: Manifest, part: Slice, host: int) -> None:
    """Return if *part* is, byte for byte, what the manifest names for P_*host*.

    Raises:
        AlteredError: another size or digest.
    """
    named = manifest.parts[host]
    if part.size_bytes != named.size_bytes or part.digest() != named.digest:
        raise AlteredError(f"the part for {named.host} is not what {manifest.nation} signed")


def check_in_time(agreed: AgreedTerms, now_utc: datetime) -> None:
    """Return if the round still takes sheets at *now_utc*.

    Raises:
        LateError: it does not.
    """
    if now_utc > agreed.terms.calendar.sheets_until:
        raise LateError(
            "the round no longer takes sheets",
            hint="a nation without a sheet is published as absent; the next round takes it",
        )


def check_sequence(nation: str, new: Known, known: Mapping[str, Known]) -> None:
    """Return if *new* follows what *nation* has sent before; hosts hold this rule too.

    Raises:
        ReplayError: the same statement again.
        TwoManifestsError: another one with the same number.
        OlderNumberError: a lower number.
    """
    last = known.get(nation)
    if last is None or new.number > last.number:
        return
    if new.digest == last.digest:
        raise ReplayError(f"this sheet of {nation} has arrived before")
    if new.number == last.number:
        raise TwoManifestsError(
            f"{nation} signed two different manifests with one number",
            hint="keep both; its contribute key may be in other hands",
        )
    raise OlderNumberError(f"a later sheet of {nation} has arrived before")


@dataclass(frozen=True, slots=True)
class ArrivalVerdict:
    """One host's signed word on one contribution.

    Args:
        round_id: The round.
        terms: Digest of its terms.
        nation: Whose contribution.
        number: Its number.
        manifest: Digest of its manifest.
        host: Who says it.
        fault: "" for ok; "seal" if the part does not open, "commitment" if a share or salt is
            not the one committed to.
    """

    round_id: str
    terms: Digest
    nation: str
    number: int
    manifest: Digest
    host: str
    fault: str = ""

    def __post_init__(self) -> None:
        if self.fault not in FAULTS:
            raise ContributionFormError("an arrival verdict names an unknown fault")

    @property
    def is_ok(self) -> bool:
        """Can this host compute with the contribution?"""
        return not self.fault

    def to_wire(self) -> bytes:
        """The verdict as canonical JSON."""
        return spell(
            KIND,
            round=self.round_id,
            terms=self.terms,
            nation=self.nation,
            number=self.number,
            manifest=self.manifest,
            host=self.host,
            fault=self.fault,
        )

    @classmethod
    def from_wire(cls, payload: bytes) -> "ArrivalVerdict":
        """Read what :meth:`to_wire` writes.

        Raises:
            InputError: anything else.
        """
        f = begin(payload, KIND)
        verdict = cls(
            f.text("round", max_length=80),
            f.digest("terms"),
            f.text("nation", max_length=80),
            f.whole("number", 1, MAX_NUMBER),
            f.digest("manifest"),
            f.text("host", max_length=80),
            f.text("fault", max_length=20),
        )
        finish(f, verdict, payload)
        return verdict

    def signed(self, key: PrivateKey) -> Envelope:
        """The verdict, signed with the host's signing key."""
        return sign_document(KIND, self, f"{self.host}/host-sign", key)

    @classmethod
    def from_envelope(cls, envelope: Envelope, agreed: AgreedTerms) -> "ArrivalVerdict":
        """The verdict in *envelope*, signed by a host of this round.

        Raises:
            DelianError: malformed, of another round, of no host of it, or not signed by it.
        """
        verdict = cls.from_wire(envelope.payload)
        check_belongs(verdict.round_id, verdict.terms, agreed)
        if verdict.host not in agreed.terms.hosts:
            raise ContributionFormError("the verdict is not by a host of this round")
        check_signed(envelope, KIND, f"{verdict.host}/host-sign", agreed.resolve)
        return verdict


def verdict_on(manifest: Manifest, host: str, fault: str = "") -> ArrivalVerdict:
    """The verdict of *host* on a checked manifest."""
    return ArrivalVerdict(
        manifest.round_id,
        manifest.terms,
        manifest.nation,
        manifest.number,
        manifest.digest,
        host,
        fault,
    )
