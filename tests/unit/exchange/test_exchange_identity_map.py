"""Identity records: forms and check digits, signatures, validity, and nobody is silently equal."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from delian.crypto.dsse import document_type, sign
from delian.crypto.sign import PrivateKey
from delian.exchange.bridge_errors import CheckDigitError, NotMappedError, WeakIdentityError
from delian.exchange.foreign_name import ForeignName, Scheme
from delian.exchange.identity_map import (
    Assurance,
    IdentityMap,
    IdentityRecord,
    RecordError,
    open_record,
    sign_record,
)
from delian.terms.errors import InputError

NOW = datetime(2026, 11, 21, tzinfo=UTC)
KEY = PrivateKey.from_seed("ed25519", b"\x01" * 32)
OTHER = PrivateKey.from_seed("ed25519", b"\x02" * 32)
JP = ForeignName(Scheme.CADDE, "7000012050002-A")


def record(**changes: object) -> IdentityRecord:
    plain = IdentityRecord(
        did="did:web:example.jp",
        names=(JP, ForeignName(Scheme.OPEN_OPERATOR, "7000012050002")),
        assurance=Assurance.SUBSTANTIAL,
        voucher="voucher-jp",
        basis="登記簿 2026-10-01",
        valid_from=datetime(2026, 1, 1, tzinfo=UTC),
        valid_until=datetime(2027, 1, 1, tzinfo=UTC),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def weighted(twelve: str) -> int:
    """The ordinance's rule, restated: weights 1, 2, 1, 2 … from the lowest digit."""
    total = 0
    for place in range(12):
        total += int(twelve[11 - place]) * (1 if place % 2 == 0 else 2)
    return 9 - total % 9


@pytest.mark.parametrize("twelve", ["000012050002", "180001038380", "999999999999", "000000000000"])
def test_corporate_numbers_are_checked(twelve: str) -> None:
    good = str(weighted(twelve))
    ForeignName(Scheme.OPEN_OPERATOR, good + twelve)
    for digit in "0123456789":
        if digit != good:
            with pytest.raises(CheckDigitError):
                ForeignName(Scheme.OPEN_OPERATOR, digit + twelve)


def test_a_published_corporate_number_and_lei_hold() -> None:
    ForeignName(Scheme.OPEN_OPERATOR, "7000012050002")
    ForeignName(Scheme.LEI, "5493001KJTIIGC8Y1R12")


@pytest.mark.parametrize("at", range(20))
def test_one_changed_sign_breaks_an_lei(at: int) -> None:
    good = "529900T8BM49AURSDO55"
    changed = good[:at] + ("7" if good[at] != "7" else "8") + good[at + 1 :]
    with pytest.raises(CheckDigitError):
        ForeignName(Scheme.LEI, changed)


@pytest.mark.parametrize(
    ("scheme", "value"),
    [
        (Scheme.OPERATOR, "B39E6248-c888-56ca-d9d0-89de1b1adc8e"),
        (Scheme.OPERATOR, "b39e6248c88856cad9d089de1b1adc8e"),
        (Scheme.OPEN_OPERATOR, "700001205000２"),
        (Scheme.BPN, "BPNS00000003CRHK"),
        (Scheme.LEI, "5493001kjtiigc8y1r12"),
        (Scheme.CADDE, ""),
        (Scheme.CADDE, "a\nb"),
        (Scheme.ODS, " a"),
    ],
)
def test_names_of_another_form_are_refused(scheme: Scheme, value: str) -> None:
    with pytest.raises(CheckDigitError):
        ForeignName(scheme, value)


def test_a_signed_record_comes_back() -> None:
    envelope = sign_record(record(), KEY)
    assert open_record(envelope, {"voucher-jp": KEY.public}.get) == record()


def test_only_the_named_voucher_with_its_pinned_key_counts() -> None:
    for envelope in (sign_record(record(), OTHER), sign_record(record(voucher="else"), KEY)):
        with pytest.raises(RecordError):
            open_record(envelope, {"voucher-jp": KEY.public}.get)
    borrowed = sign(document_type("identity-record"), record().to_bytes(), {"else": OTHER})
    with pytest.raises(RecordError):
        open_record(borrowed, {"voucher-jp": KEY.public, "else": OTHER.public}.get)
    changed = replace(
        sign_record(record(), KEY), payload=record(assurance=Assurance.HIGH).to_bytes()
    )
    with pytest.raises(RecordError):
        open_record(changed, {"voucher-jp": KEY.public}.get)


def test_a_record_with_more_or_less_is_refused() -> None:
    data = record().to_bytes()
    for broken in (
        data.replace(b'"version":1', b'"version":2'),
        data.replace(b'"basis"', b'"bases"'),
        data.replace(b"substantial", b"certain"),
        data.replace(b'7000012050002"', b'7000012050003"'),
    ):
        assert broken != data
        with pytest.raises(InputError):
            IdentityRecord.from_bytes(broken)


def test_a_name_is_mapped_with_everything_that_qualifies_it() -> None:
    found = IdentityMap([record()]).did_of(JP, NOW)
    assert (found.did, found.assurance, found.voucher) == (
        "did:web:example.jp",
        Assurance.SUBSTANTIAL,
        "voucher-jp",
    )
    claims = found.claims("https://idp.example.jp", "did:web:bridge.example")
    assert claims["originalIssuer"] == "https://idp.example.jp"
    assert claims["issuedThrough"] == "did:web:bridge.example"
    assert claims["assurance"] == "substantial"
    assert claims["identityRecord"] == record().digest


def test_validity_is_half_open() -> None:
    known = IdentityMap([record(valid_until=NOW)])
    with pytest.raises(NotMappedError):
        known.did_of(JP, NOW)
    IdentityMap([record(valid_from=NOW)]).did_of(JP, NOW)


def test_two_parties_under_one_name_are_nobody() -> None:
    known = IdentityMap([record(), record(did="did:web:other.jp")])
    with pytest.raises(NotMappedError, match="different parties"):
        known.did_of(JP, NOW)
    with pytest.raises(NotMappedError):
        known.name_of("did:web:example.jp", Scheme.CADDE, NOW)


def test_a_name_must_be_the_only_one_of_its_scheme() -> None:
    known = IdentityMap([record()])
    assert known.name_of("did:web:example.jp", Scheme.OPEN_OPERATOR, NOW).name.value.endswith("2")
    with pytest.raises(NotMappedError):
        known.name_of("did:web:example.jp", Scheme.LEI, NOW)
    more = record(names=(ForeignName(Scheme.CADDE, "second"),))
    with pytest.raises(NotMappedError, match="more than one"):
        IdentityMap([record(), more]).name_of("did:web:example.jp", Scheme.CADDE, NOW)


def test_the_best_record_must_reach_the_assurance_asked_for() -> None:
    weak = record(assurance=Assurance.LOW, voucher="else")
    known = IdentityMap([weak, record()])
    assert known.did_of(JP, NOW, Assurance.SUBSTANTIAL).voucher == "voucher-jp"
    with pytest.raises(WeakIdentityError, match="high is needed"):
        known.did_of(JP, NOW, Assurance.HIGH)
    with pytest.raises(WeakIdentityError):
        IdentityMap([weak]).did_of(JP, NOW, Assurance.SUBSTANTIAL)
