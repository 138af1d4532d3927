"""A release sealed for a closed audience: out as TDF, back as the folder, proved again."""

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import cache
from itertools import chain, combinations
from typing import Any

import pytest

from delian.crypto.sign import PublicKey
from delian.crypto.tdf_errors import TdfKeyError, TdfLabelError, TdfOriginError, TdfTamperedError
from delian.crypto.tdf_policy import TdfPolicy
from delian.crypto.tdf_read import FOREIGN_FILE, TdfPins, open_tdf
from delian.crypto.tdf_write import TdfPlan, TdfSigner, write_tdf
from delian.crypto.tdf_zip import MemoryAccess
from delian.exchange.key_access import (
    Attribute,
    AttributeRule,
    Client,
    KeyPolicy,
    ProofRule,
    decide,
)
from delian.label import (
    Label,
    Marking,
    Originator,
    Reader,
    bundled_policy,
    from_json,
    from_xml,
    may_read,
)
from delian.release.errors import SealedReleaseError, VerifyError
from delian.release.verify import verify
from delian.release.ztdf import (
    SealedRelease,
    SealPlan,
    is_inside,
    open_release,
    policy_id,
    seal_release,
)
from delian.release.ztdf_attributes import attributes_of, scheme_of
from tests.release_world import (
    NOW,
    Released,
    World,
    draw_table,
    finish,
    frame_of,
    key,
    make_statement,
    released_from,
    roster_of,
    terms_of,
)
from tests.tdf_world import grant, randomness, services

POLICY = bundled_policy()
AUTHORITY = "https://league.example"
OFFICE = key("SEC/sign")
PINNED = {"SEC/sign": OFFICE.public}


def label(**changes: Any) -> Label:
    context = POLICY.contexts[0]
    values: dict[str, Any] = {
        "marking": Marking(POLICY.oid, 1, context.members | POLICY.audiences[0].members),
        "context": context.value,
        "originator": Originator("rfc822Name", "office@league.example"),
        "created_utc": NOW,
        "review_utc": NOW + timedelta(days=900),
    }
    return Label(**{**values, **changes})


@cache
def release(made: Label | None = None, title: str = "Munitions") -> Released:
    codes = ("ALB", "BEL", "CAN", "FRA")
    roster = roster_of(codes)
    plain = (made or label()).to_plain()
    terms = terms_of(codes, roster, frame_of(6, 3, 1), label=plain, title=title)
    return released_from(World(codes, roster, terms, draw_table(terms, codes, 1)))


def plan(**changes: Any) -> SealPlan:
    grants = (grant("alliance", "alliance"), grant("nation", "nation"))
    return replace(SealPlan(POLICY, AUTHORITY, grants, {"SEC/sign": OFFICE}), **changes)


def seal(folder: Mapping[str, bytes], made: SealPlan | None = None) -> bytes:
    sink = io.BytesIO()
    seal_release(folder, sink, made or plan(), randomness("release"))
    return sink.getvalue()


def unseal(
    data: bytes, ask: Any = None, pins: Mapping[str, PublicKey] | None = None
) -> SealedRelease:
    chosen = PINNED if pins is None else pins
    return open_release(MemoryAccess(data), ask or services(), chosen, POLICY, AUTHORITY)


def test_the_folder_comes_back_and_its_release_verifies() -> None:
    made = release()
    opened = unseal(seal(made.folder))
    assert opened.files == made.folder
    assert opened.signed_by == "SEC/sign"
    assert opened.statement == made.statement
    assert opened.label == label()
    report = verify(opened.files, made.root, now_utc=NOW)
    report.raise_for_failure()


@pytest.mark.parametrize("schema", ["4.3.0", "4.2.2"])
def test_stock_readers_see_a_zip_and_both_labels(schema: str) -> None:
    data = seal(release().folder, plan(schema=schema))
    opened = open_tdf(MemoryAccess(data), services(), FOREIGN_FILE)
    with zipfile.ZipFile(io.BytesIO(b"".join(opened.stream()))) as folder:
        assert {name: folder.read(name) for name in folder.namelist()} == release().folder
    assert opened.manifest.mime_type == "application/zip"
    told = {a.id: a for a in opened.manifest.assertions}
    lasting = replace(label(), originator=None, review_utc=None)
    assert from_json(told["label"].value.encode(), POLICY) == lasting
    assert from_xml(told["label-4774"].value.encode(), POLICY) == label()
    assert json.loads(told["label"].value)["ocl"]["cls"] == "UNCLASSIFIED"


def test_the_same_folder_and_randomness_give_the_same_payload() -> None:
    def payload(data: bytes) -> bytes:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return archive.read("0.payload")

    turned = dict(reversed(list(release().folder.items())))
    assert payload(seal(release().folder)) == payload(seal(turned))


def test_a_label_without_a_review_date_travels_in_json_alone() -> None:
    made = label(originator=None, review_utc=None)
    opened = open_tdf(MemoryAccess(seal(release(made).folder)), services(), TdfPins(PINNED))
    assert [a.id for a in opened.manifest.assertions] == ["label"]
    assert unseal(seal(release(made).folder)).label == made


def test_both_services_must_agree() -> None:
    data = seal(release().folder)
    for one in ("alliance", "nation"):
        with pytest.raises(TdfKeyError):
            unseal(data, services(one))


def test_only_the_pinned_office_seals() -> None:
    data = seal(release().folder, plan(originator={"SEC/sign": key("thief")}))
    with pytest.raises(TdfOriginError):
        unseal(data)
    with pytest.raises(SealedReleaseError, match="pinned originator"):
        unseal(seal(release().folder), pins={})


def test_an_altered_file_is_refused() -> None:
    data = bytearray(seal(release().folder))
    data[5000] ^= 1
    with pytest.raises(TdfTamperedError):
        unseal(bytes(data))


def _resealed(folder: Mapping[str, bytes], change: Callable[[TdfPlan], TdfPlan]) -> bytes:
    """What an office that errs, or a hand in it, could seal: the plan changed, then signed."""
    good = open_tdf(MemoryAccess(seal(folder)), services(), TdfPins(PINNED))
    if good.origin is None:
        raise AssertionError("a sealed release has an origin")
    made = TdfPlan(
        plan().key_access,
        good.manifest.policy,
        tuple(replace(a, binding="") for a in good.manifest.assertions),
        signer=TdfSigner({"SEC/sign": OFFICE}, good.origin.subject),
    )
    sink = io.BytesIO()
    write_tdf([b"".join(good.stream())], sink, change(made), randomness("resealed"))
    return sink.getvalue()


def _wider(made: TdfPlan) -> TdfPlan:
    return replace(made, policy=TdfPolicy(made.policy.uuid, made.policy.attributes[:1]))


def _other_id(made: TdfPlan) -> TdfPlan:
    return replace(made, policy=replace(made.policy, uuid="another"))


def _other_subject(made: TdfPlan) -> TdfPlan:
    subject = release(title="Another").statement.digest
    return replace(made, signer=TdfSigner({"SEC/sign": OFFICE}, subject))


def _other_label(made: TdfPlan) -> TdfPlan:
    first, second = made.assertions
    return replace(made, assertions=(replace(first, value=first.value.replace("UN", "")), second))


def _one_label(made: TdfPlan) -> TdfPlan:
    return replace(made, assertions=made.assertions[:1])


@pytest.mark.parametrize("change", [_wider, _other_id, _other_subject, _other_label, _one_label])
def test_file_and_release_must_say_the_same(change: Callable[[TdfPlan], TdfPlan]) -> None:
    assert unseal(_resealed(release().folder, lambda made: made)).files == release().folder
    with pytest.raises(VerifyError):
        unseal(_resealed(release().folder, change))


def test_a_file_without_its_labels_is_refused() -> None:
    bare = _resealed(release().folder, lambda made: replace(made, assertions=()))
    with pytest.raises(TdfLabelError):
        unseal(bare)


def test_a_payload_that_is_no_folder_is_refused() -> None:
    for payload in (b"no zip", _zip({"a": b"x"}), b""):
        with pytest.raises((VerifyError, SealedReleaseError)):
            unseal(_with_payload(payload))


def _with_payload(payload: bytes) -> bytes:
    """Sealed by the office itself, everything else as it should be."""
    signer = TdfSigner({"SEC/sign": OFFICE}, release().statement.digest)
    good = open_tdf(MemoryAccess(seal(release().folder)), services(), TdfPins(PINNED))
    labels = tuple(replace(a, binding="") for a in good.manifest.assertions)
    made = TdfPlan(plan().key_access, good.manifest.policy, labels, signer=signer)
    sink = io.BytesIO()
    write_tdf([payload], sink, made, randomness("payload"))
    return sink.getvalue()


def test_a_name_that_leads_out_is_refused_even_from_the_office() -> None:
    assert unseal(_with_payload(_zip(release().folder))).files == release().folder
    with pytest.raises(VerifyError, match="leads out"):
        unseal(_with_payload(_zip({**release().folder, "../up": b"x"})))


def test_a_folder_beyond_the_limit_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    data = seal(release().folder)
    monkeypatch.setattr("delian.release.ztdf.MAX_FOLDER_BYTES", 1000)
    with pytest.raises(SealedReleaseError, match="larger than allowed"):
        unseal(data)


def _zip(files: Mapping[str, bytes]) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return sink.getvalue()


@pytest.mark.parametrize("name", ["", "/a", "a//b", "../a", "a/..", "./a", "a\\b", "a\n", "a/"])
def test_names_that_lead_out_of_the_folder_are_refused(name: str) -> None:
    assert not is_inside(name)
    with pytest.raises(SealedReleaseError):
        seal({**release().folder, name: b"x"})


def test_what_cannot_be_sealed_is_refused() -> None:
    folder = dict(release().folder)
    del folder["statement.dsse.json"]
    with pytest.raises(SealedReleaseError, match="statement"):
        seal(folder)
    with pytest.raises(SealedReleaseError, match="larger"):
        seal({**release().folder, **{f"more/{n}": b"" for n in range(1024)}})
    nobody = Marking(POLICY.oid, 1, frozenset())
    with pytest.raises(SealedReleaseError, match="nobody"):
        attributes_of(nobody, POLICY, AUTHORITY)
    for authority in ("http://league.example", "https://", "https://League.example", "league"):
        with pytest.raises(SealedReleaseError, match="authority"):
            attributes_of(label().marking, POLICY, authority)
    with pytest.raises(SealedReleaseError, match="too long"):
        attributes_of(Marking(POLICY.oid, 1, frozenset({"a" * 70})), POLICY, AUTHORITY)
    with pytest.raises(SealedReleaseError, match="another policy"):
        attributes_of(replace(label().marking, policy="1.2.3"), POLICY, AUTHORITY)


def test_a_release_has_one_identifier_and_another_release_another() -> None:
    first, second = release().statement, release(title="Another").statement
    assert policy_id(first) == policy_id(replace(first))
    assert policy_id(first) != policy_id(second)
    assert policy_id(first)[14] == "8"


def decided(wanted: tuple[str, ...], held: frozenset[str]) -> bool:
    """The three rules, restated."""
    ranks = {s.name: s.values for s in scheme_of(POLICY, AUTHORITY) if s.rule == "hierarchy"}
    kinds = {s.name: s.rule for s in scheme_of(POLICY, AUTHORITY)}
    groups: dict[str, list[str]] = {}
    for name in wanted:
        attribute, _, value = name.partition("/value/")
        groups.setdefault(attribute, []).append(value)
    for attribute, values in groups.items():
        has = {h.partition("/value/")[2] for h in held if h.startswith(f"{attribute}/value/")}
        if kinds[attribute] == "any-of" and not has & set(values):
            return False
        if kinds[attribute] == "all-of" and not set(values) <= has:
            return False
        if kinds[attribute] == "hierarchy":
            order = ranks[attribute]
            best = min((order.index(h) for h in has), default=len(order))
            if best > min(order.index(v) for v in values):
                return False
    return True


def test_attributes_open_to_exactly_the_readers_of_the_marking() -> None:
    names = sorted(POLICY.affiliations)[:3]
    tags = [s.value for s in POLICY.sensitivities][:2]
    ranks = sorted(level.rank for level in POLICY.levels)
    subsets = list(chain(*(combinations(tags, n) for n in range(len(tags) + 1))))
    pairs = 0
    for level in ranks:
        for audience in (names[:1], names[1:], names):
            for needed in subsets:
                marking = Marking(POLICY.oid, level, frozenset(audience), frozenset(needed))
                wanted = attributes_of(marking, POLICY, AUTHORITY)
                for who in names:
                    for cleared in ranks:
                        for holds in subsets:
                            reader = Reader(POLICY.oid, who, cleared, frozenset(holds))
                            own = Marking(POLICY.oid, cleared, frozenset({who}), frozenset(holds))
                            held = frozenset(attributes_of(own, POLICY, AUTHORITY))
                            assert decided(wanted, held) == may_read(reader, marking).allowed
                            pairs += 1
    assert pairs > 100


def test_our_key_service_decides_as_the_lattice_does() -> None:
    kinds = {rule.value: rule for rule in AttributeRule}
    rules = {
        s.name: Attribute(s.name, kinds[s.rule], s.values) for s in scheme_of(POLICY, AUTHORITY)
    }
    names = sorted(POLICY.affiliations)
    for cleared in (level.rank for level in POLICY.levels):
        for who in names[:4]:
            own = Marking(POLICY.oid, cleared, frozenset({who}))
            client = Client(who, frozenset(attributes_of(own, POLICY, AUTHORITY)), ProofRule.DPOP)
            for level in (level.rank for level in POLICY.levels):
                marking = Marking(POLICY.oid, level, frozenset(names[1:3]))
                policy = KeyPolicy("id", attributes_of(marking, POLICY, AUTHORITY), ())
                reader = Reader(POLICY.oid, who, cleared)
                allowed = decide(policy, client, rules, None).allowed
                assert allowed == may_read(reader, marking).allowed


def test_every_value_of_an_attribute_is_in_its_scheme_once() -> None:
    schemes = {s.name: s for s in scheme_of(POLICY, AUTHORITY)}
    wide = Marking(POLICY.oid, 1, POLICY.affiliations)
    for name in attributes_of(wide, POLICY, AUTHORITY):
        attribute, _, value = name.partition("/value/")
        assert value in schemes[attribute].values
    for scheme in schemes.values():
        assert len(set(scheme.values)) == len(scheme.values)


def test_names_that_differ_in_case_or_signs_stay_different() -> None:
    names = ("FRA", "fra", "X-1", "A B", "a b", "É", "x-46")
    made = {
        attributes_of(Marking(POLICY.oid, 1, frozenset({name})), POLICY, AUTHORITY)[1]
        for name in names
    }
    assert len(made) == len(names)
    assert all(name == name.lower() and " " not in name for name in made)


def test_the_release_in_the_file_is_still_the_one_that_the_nations_signed() -> None:
    """Sealing proves nothing about consent: an unsigned release opens, and does not verify."""
    made = release()
    package = {name: made.folder[name] for name in made.package}
    odd = finish(made.world, make_statement(made.world, package), package, envelope=None)
    broken = {**odd.folder, "demand.csv": b"altered"}
    opened = unseal(seal(broken))
    report = verify(opened.files, odd.root, now_utc=NOW)
    with pytest.raises(VerifyError):
        report.raise_for_failure()
