"""The named checks: stock writers and readers against ours, through our key services."""

import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from delian.crypto.tdf_errors import TdfOriginError
from delian.crypto.tdf_read import TdfPins
from delian.exchange.key_access import ProofRule
from delian.exchange.key_access_errors import KeyAnswerError, KeyDeniedError
from delian.label import from_json
from delian.nodes.exchange_keys import KeyService
from delian.terms.errors import DelianError
from tests.conformance.tdf.house import LABEL, PLAIN, POLICY, House
from tests.key_access_world import FRA, Reader, make_reader

Check: TypeAlias = "tuple[str, Callable[[House], None]]"
RSA, EC = "rsa:2048", "ec:secp256r1"
KINDS = {"rsa": RSA, "ec": EC}
FORMATS = ("4.3.0", "4.2.2")
SMALL = 64 * 1024


def every() -> Iterator[Check]:
    """Every check, by a name of its own."""
    for kind, algorithm in KINDS.items():
        for form in FORMATS:
            end = f"{kind}, {form}"
            yield f"go writes, we read: {end}", partial(go_to_us, algorithm, form)
            for session, session_kind in KINDS.items():
                name = f"we write, go reads: {end}, {session} session"
                yield name, partial(us_to_go, algorithm, form, session_kind)
            yield f"go writes, go reads: {end}", partial(go_to_go, algorithm, form)
    for kind, algorithm in KINDS.items():
        for form in FORMATS:
            name = f"we write, otdf-python reads: {kind}, {form}"
            yield name, partial(us_to_python, algorithm, form)
    yield "otdf-python writes, we read: rsa, 4.3.0", python_to_us
    yield "otdf-python writes, go reads", python_to_go
    yield "go writes, otdf-python reads", go_to_python
    yield "go asks for rules and keys before it writes", go_autoconfigures
    yield "many pieces: we write, go reads", many_pieces_to_go
    yield "many pieces: go writes, we read", many_pieces_from_go
    yield "many pieces: otdf-python writes, we read", many_pieces_from_python
    for kind, algorithm in KINDS.items():
        yield (
            f"split over two services: we write, go reads: {kind}",
            partial(split_to_go, algorithm),
        )
        yield f"split over two services: go writes, we read: {kind}", partial(go_split, algorithm)
        yield f"split over two services: we write, we read: {kind}", partial(our_split, algorithm)
    yield "split: the nation alone can say no", nation_says_no
    yield "split: without the nation's account we read nothing", half_a_key
    yield "split: every grant is audited by the service that gave it", both_audit
    yield "the label is seen by go", label_in_go
    yield "the label is seen by otdf-python", label_in_python
    yield "the label is seen by us, and the originator's signature holds", label_here
    yield "go's own assertion is read and its binding holds", go_assertion
    yield "an originator that is not pinned is refused before a byte", wrong_originator
    yield "an attribute not held: go is denied and understands", denied_go
    yield "an attribute not held: otdf-python is denied and says so", denied_python
    yield "an attribute not held: we are denied and told the reason", denied_us
    yield "a policy moved between files: go calls it tampering", moved_policy_go
    yield "a policy moved between files: we refuse", moved_policy_us
    yield "go proves possession, otdf-python is a bearer by the operator's rule", proof_rules
    yield "a bearer where possession is demanded gets nothing", python_needs_proof
    yield "after the withdrawal go is denied", partial(withdrawn, "go")
    yield "after the withdrawal otdf-python is denied", partial(withdrawn, "python")
    yield "after the withdrawal we are denied", withdrawn_us
    yield "over TLS: we write, go reads, and proves possession", tls_to_go
    yield "over TLS: go writes, we read", tls_from_go
    yield "the chain of both audits holds", chains_hold


def must(holds: object, what: str) -> None:
    """Fail with *what* unless it holds."""
    if not holds:
        raise AssertionError(what)


def must_give(answer: dict[str, Any], plain: bytes = PLAIN) -> None:
    """A stock reader gave exactly *plain*."""
    must(answer["ok"], f"it does not read: {answer.get('error')}")
    must(answer["plain"] == plain, "it reads something else than was written")


def must_refuse(answer: dict[str, Any], *words: str) -> None:
    """A stock reader gave nothing and says why."""
    must(not answer["ok"], "it reads what it must not")
    must(answer["plain"] == b"", "it handed something out")
    for word in words:
        must(word in answer["error"], f"it does not say '{word}': {answer['error']}")


def last(service: KeyService, event: str) -> dict[str, Any]:
    """The newest audit entry of a kind."""
    found = [e.body for e in service.audit_entries() if e.body["event"] == event]
    must(found, f"the audit has no '{event}'")
    return found[-1]


def schema_of(path: Path) -> str:
    """The schema version that a file names, "4.2.2" where it names none."""
    with zipfile.ZipFile(path) as archive:
        return str(json.loads(archive.read("0.manifest.json")).get("schemaVersion") or "4.2.2")


def kind_of(path: Path) -> set[str]:
    """How the keys of a file are wrapped."""
    with zipfile.ZipFile(path) as archive:
        plain = json.loads(archive.read("0.manifest.json"))
    return {key["type"] for key in plain["encryptionInformation"]["keyAccess"]}


# --- both directions -----------------------------------------------------------------------------


def go_to_us(algorithm: str, form: str, house: House) -> None:
    path = house.they_write("go", algorithm=algorithm, format=form)
    must(schema_of(path) == form, "go wrote another format")
    must(kind_of(path) == {"wrapped" if algorithm == RSA else "ec-wrapped"}, "another kind of key")
    must(house.we_read(path) == PLAIN, "we read something else")


def us_to_go(algorithm: str, form: str, session: str, house: House) -> None:
    path = house.we_write(house.grants(algorithm), schema=form)
    must(schema_of(path) == form, "we wrote another format")
    answer = house.they_read("go", path, session=session)
    must_give(answer)
    must(answer["attributes"] == [FRA], "go sees other attributes")


def go_to_go(algorithm: str, form: str, house: House) -> None:
    path = house.they_write("go", algorithm=algorithm, format=form)
    must_give(house.they_read("go", path, session=algorithm))


def us_to_python(algorithm: str, form: str, house: House) -> None:
    must_give(house.they_read("python", house.we_write(house.grants(algorithm), schema=form)))


def python_to_us(house: House) -> None:
    path = house.they_write("python")
    must(schema_of(path) == "4.3.0", "otdf-python wrote another format")
    must(house.we_read(path) == PLAIN, "we read something else")


def python_to_go(house: House) -> None:
    must_give(house.they_read("go", house.they_write("python")))


def go_to_python(house: House) -> None:
    must_give(house.they_read("python", house.they_write("go", algorithm=RSA)))


def go_autoconfigures(house: House) -> None:
    path = house.they_write("go", services=[], autoconfigure=True, format="", algorithm="")
    must(house.we_read(path) == PLAIN, "we read something else")


def many_pieces_to_go(house: House) -> None:
    plain = bytes(range(256)) * 1024 * 4 + b"end"
    path = house.we_write(house.grants(EC), plain=plain, segment_bytes=SMALL)
    must_give(house.they_read("go", path, session=EC), plain)


def many_pieces_from_go(house: House) -> None:
    plain = bytes(range(256)) * 1024 * 4 + b"end"
    path = house.they_write("go", plain=plain, segment_size=SMALL)
    reader = house.we_open(path)
    must(len(reader.manifest.segments) > 10, "go wrote one piece")
    must(b"".join(reader.stream()) == plain, "we read something else")


def many_pieces_from_python(house: House) -> None:
    plain = bytes(range(256)) * 1024 * 4 + b"end"
    path = house.they_write("python", plain=plain, segment_size=SMALL)
    reader = house.we_open(path)
    must(len(reader.manifest.segments) > 10, "otdf-python wrote one piece")
    must(b"".join(reader.stream()) == plain, "we read something else")


# --- split keys ----------------------------------------------------------------------------------


def split(house: House, algorithm: str, **changes: Any) -> Path:
    """A file of ours that needs the alliance and the nation."""
    both = {"a": house.alliance, "n": house.nation}
    return house.we_write(house.grants(algorithm, both), **changes)


def split_to_go(algorithm: str, house: House) -> None:
    must_give(house.they_read("go", split(house, algorithm), session=algorithm))


def go_split(algorithm: str, house: House) -> None:
    both = [{"url": s.address, "algorithm": algorithm} for s in (house.alliance, house.nation)]
    path = house.they_write("go", services=both, algorithm=algorithm)
    reader = house.we_open(path)
    must(len(reader.manifest.splits) == 2, "go wrote one split")
    must(b"".join(reader.stream()) == PLAIN, "we read something else")


def our_split(algorithm: str, house: House) -> None:
    must(house.we_read(split(house, algorithm), house.pins()) == PLAIN, "we read something else")


def nation_says_no(house: House) -> None:
    path = split(house, RSA, uuid="nation-only")
    house.nation.withdraw("nation-only", "the nation's own decision")
    must_refuse(house.they_read("go", path), "PermissionDenied", "the nation's own decision")
    refused(house, path, KeyDeniedError, "the nation's own decision")
    must(last(house.nation, "deny")["policy"] == "nation-only", "the nation did not audit it")


def half_a_key(house: House) -> None:
    path = split(house, EC)
    try:
        house.we_open(path, client=house.client(asks_nation=False))
    except KeyDeniedError as error:
        must("no account" in error.message, f"another reason: {error.message}")
        return
    raise AssertionError("half a key opened the file")


def both_audit(house: House) -> None:
    path = split(house, RSA, uuid="both-audit")
    must_give(house.they_read("go", path))
    for service in (house.alliance, house.nation):
        entry = last(service, "grant")
        must(entry["policy"] == "both-audit", "a grant is missing")
        must(entry["client"] == "go-fra", "a grant names another reader")


# --- the label -----------------------------------------------------------------------------------


def must_be_label(assertions: Sequence[dict[str, Any]]) -> None:
    """A stock reader shows the label, and its text still is the label."""
    must(len(assertions) == 1, "it shows no assertion, or several")
    must(assertions[0]["id"] == LABEL.id, "it shows another assertion")
    must(assertions[0]["format"] == LABEL.form, "it shows another format")
    must(assertions[0]["value"] == LABEL.value, "it shows another text")
    found = from_json(assertions[0]["value"].encode(), POLICY)
    must("JPN" in found.marking.audience, "the text is not the label")


def label_in_go(house: House) -> None:
    for form in FORMATS:
        answer = house.they_read("go", house.we_write(house.grants(RSA), schema=form))
        must_give(answer)
        must_be_label(answer["assertions"])


def label_in_python(house: House) -> None:
    answer = house.they_read("python", house.we_write(house.grants(RSA)))
    must_give(answer)
    must_be_label(answer["assertions"])


def label_here(house: House) -> None:
    reader = house.we_open(house.we_write(house.grants(EC)), house.pins())
    must(reader.label == LABEL.value, "we see another label")
    must(reader.signed_by == "office", "the originator is not proved")


def go_assertion(house: House) -> None:
    said = {"id": "note", "format": "text", "schema": "urn:example:note", "value": "by hand"}
    for form in FORMATS:
        reader = house.we_open(house.they_write("go", assertions=[said], format=form))
        must([a.id for a in reader.manifest.assertions] == ["note"], "the assertion is missing")
        must(reader.manifest.assertions[0].value == "by hand", "it says something else")


def wrong_originator(house: House) -> None:
    path = house.we_write(house.grants(RSA))
    before = len(house.alliance.audit_entries())
    stranger = type(house.originator).generate()
    try:
        house.we_open(path, TdfPins({"office": stranger.public}))
    except TdfOriginError:
        must(len(house.alliance.audit_entries()) == before, "a key service was asked")
        return
    raise AssertionError("a stranger's signature was taken for the originator's")


# --- refusals ------------------------------------------------------------------------------------


def refused(house: House, path: Path, kind: type[DelianError], words: str) -> None:
    """Our own reader is refused with *words*."""
    try:
        house.we_open(path)
    except kind as error:
        must(words in error.message, f"another reason: {error.message}")
        return
    raise AssertionError("we read what we must not")


def must_be_denial(house: House, client: str) -> None:
    """The alliance audited a denial, with its reason."""
    entry = last(house.alliance, "deny")
    must(entry["client"] == client, "another reader was denied")
    must(entry["reasons"] == [f"none of {FRA} is held"], f"another reason: {entry['reasons']}")


def denied_go(house: House) -> None:
    for kind in KINDS.values():
        path = house.we_write(house.grants(kind))
        answer = house.they_read("go", path, "jpn", session=kind)
        must_refuse(answer, "PermissionDenied", f"none of {FRA} is held")
        must(answer["forbidden"], "go does not take it for a denial")
        must(not answer["tampered"], "go takes it for tampering")
        must_be_denial(house, "go-jpn")


def denied_python(house: House) -> None:
    answer = house.they_read("python", house.we_write(house.grants(RSA)), "jpn")
    must_refuse(answer, "PermissionDenied", f"none of {FRA} is held")
    must_be_denial(house, "python-jpn")


def denied_us(house: House) -> None:
    path = house.we_write(house.grants(EC))
    try:
        house.we_open(path, client=house.client("jpn"))
    except KeyDeniedError as error:
        must(f"none of {FRA} is held" in error.message, f"another reason: {error.message}")
        must_be_denial(house, "ours-jpn")
        return
    raise AssertionError("we read what we must not")


def moved(house: House) -> Path:
    """A file for JPN that carries the policy of a file for FRA; we signed neither of the two."""
    secret = house.we_write(house.grants(RSA), attributes=(FRA.replace("fra", "jpn"),))
    open_to_fra = house.we_write(house.grants(RSA))
    with zipfile.ZipFile(open_to_fra) as archive:
        policy = json.loads(archive.read("0.manifest.json"))["encryptionInformation"]["policy"]
    path = house.path()
    with zipfile.ZipFile(secret) as archive, zipfile.ZipFile(path, "w") as made:
        plain = json.loads(archive.read("0.manifest.json"))
        plain["encryptionInformation"]["policy"] = policy
        made.writestr("0.payload", archive.read("0.payload"))
        made.writestr("0.manifest.json", json.dumps(plain))
    return path


def moved_policy_go(house: House) -> None:
    answer = house.they_read("go", moved(house))
    must_refuse(answer, "InvalidArgument")
    must(answer["tampered"], "go does not take it for tampering")
    reasons = last(house.alliance, "deny")["reasons"]
    must(reasons == ["the policy is not the one bound to this key"], f"another reason: {reasons}")


def moved_policy_us(house: House) -> None:
    refused(house, moved(house), KeyAnswerError, "not bound to this policy")


def proof_rules(house: House) -> None:
    must_give(house.they_read("go", house.we_write(house.grants(RSA))))
    must(last(house.alliance, "token")["holder"], "go's token is bound to no key")
    must_give(house.they_read("python", house.we_write(house.grants(RSA))))
    entry = last(house.alliance, "token")
    must((entry["client"], entry["holder"]) == ("python-fra", ""), "otdf-python's token is bound")


def python_needs_proof(house: House) -> None:
    reader = house.readers["go", "fra"]
    path = house.we_write(house.grants(RSA))
    job = {"client": reader.name, "secret": reader.secret}
    must_refuse(house.they_read("python", path, **job))


# --- withdrawal, audit ---------------------------------------------------------------------------


def withdrawn(kind: str, house: House) -> None:
    path = house.we_write(house.grants(RSA), uuid=f"withdrawn-{kind}")
    must_give(house.they_read(kind, path))
    house.alliance.withdraw(f"withdrawn-{kind}", "a wrong figure")
    answer = house.they_read(kind, path)
    must_refuse(answer, "PermissionDenied", "the release was withdrawn: a wrong figure")
    must(last(house.alliance, "deny")["policy"] == f"withdrawn-{kind}", "it was not audited")
    must_give(house.they_read(kind, house.we_write(house.grants(RSA))))


def withdrawn_us(house: House) -> None:
    path = house.we_write(house.grants(EC), uuid="withdrawn-us")
    must(house.we_read(path) == PLAIN, "we read something else")
    house.alliance.withdraw("withdrawn-us", "a wrong figure")
    refused(house, path, KeyDeniedError, "the release was withdrawn: a wrong figure")


def tls_to_go(house: House) -> None:
    reader = make_reader(house.secure, "go-tls", [FRA], ProofRule.DPOP)
    path = house.we_write(house.grants(RSA, {"": house.secure}))
    must_give(house.they_read("go", path, **over_tls(house, reader)))
    must(last(house.secure, "token")["holder"], "go's token is bound to no key")


def tls_from_go(house: House) -> None:
    reader = make_reader(house.secure, "go-tls", [FRA], ProofRule.DPOP)
    services = [{"url": house.secure.address, "algorithm": EC}]
    job = over_tls(house, reader) | {"services": services, "algorithm": EC}
    path = house.they_write("go", **job)
    must(house.secure.address.startswith("https://"), "it is not served over TLS")
    opened = house.we_open(path, client=house.secure_client(reader))
    must(b"".join(opened.stream()) == PLAIN, "we read something else")


def over_tls(house: House, reader: Reader) -> dict[str, Any]:
    """A stock client's job at the service behind TLS."""
    address = house.secure.address
    named = {"client": reader.name, "secret": reader.secret}
    return {"platform": address, "allowed": [address], **named}


def chains_hold(house: House) -> None:
    for service in (house.alliance, house.nation):
        must(service.check_audit() == len(service.audit_entries()) > 3, "an entry is missing")
