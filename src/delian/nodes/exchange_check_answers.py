"""What a stranger's answers say about it: one function per step, values in, judgments out.

May touch: values. A judgment names what is wrong as the protocol sees it and what its operator
can do; a peer's own text appears in it shortened, and only what cannot be a secret.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from delian.adapters.json_ld import ForeignContextError, is_plain, normalise
from delian.exchange.dcp_errors import DidError
from delian.exchange.did import Relation, read_document
from delian.exchange.errors import MessageError
from delian.exchange.plain import has_type, many, read_object
from delian.exchange.words import CONTEXT, VERSION

MOST_SECONDS_OFF = 60
TOKEN_SECONDS_OFF = 300
CATALOG_VALUES = 50_000
CATALOG_BYTES = 8 * 1_048_576


@dataclass(frozen=True, slots=True)
class Judged:
    """One judgment: grade, what was found, what mends it, and the member it was found at."""

    grade: str
    what: str
    mend: str = ""
    place: str = ""


def fine(what: str) -> Judged:
    """Nothing to do."""
    return Judged("fine", what)


def notice(what: str, mend: str = "", place: str = "") -> Judged:
    """Worth knowing; nothing fails over it."""
    return Judged("notice", what, mend, place)


def wrong(what: str, mend: str, place: str = "") -> Judged:
    """This keeps two connectors apart."""
    return Judged("wrong", what, mend, place)


def of_address(url: str, is_development: bool) -> list[Judged]:
    """The address itself: scheme, host, nothing that does not belong there."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return [wrong("this is no web address", "give https://host/path")]
    judged = []
    if parts.username is not None or parts.password is not None:
        judged.append(wrong("the address holds a name or password", "take it out of the address"))
    if parts.query or parts.fragment:
        judged.append(notice("what follows ? or # in the address is not used"))
    if parts.scheme == "https":
        return [*judged, fine("TLS is used")]
    if is_development:
        return [*judged, notice("no TLS; in order under development only", "serve it over https")]
    return [
        *judged,
        wrong("no TLS: anybody on the way reads and changes it", "serve it over https"),
    ]


def of_clock(headers: Mapping[str, str], now_utc: datetime) -> list[Judged]:
    """The peer's clock beside ours, as far as its Date header tells."""
    try:
        theirs = parsedate_to_datetime(headers["date"])
        seconds = abs((theirs - now_utc).total_seconds())
    except (KeyError, ValueError, TypeError):
        return [notice("no readable Date header, so its clock cannot be compared")]
    if seconds <= MOST_SECONDS_OFF:
        return [fine("its clock and ours agree")]
    mend = "set both clocks by a time service"
    if seconds <= TOKEN_SECONDS_OFF:
        return [notice(f"its clock and ours differ by {seconds:.0f} s", mend)]
    what = f"its clock and ours differ by {seconds:.0f} s: each will refuse the other's tokens"
    return [wrong(what, mend)]


def of_version(
    status: int, headers: Mapping[str, str], body: bytes
) -> tuple[list[Judged], dict[str, Any] | None]:
    """The version document, and its entry for the version that we speak."""
    if status != 200:
        return [_of_status(status, "the version document")], None
    judged = _of_media_type(headers)
    try:
        listed = many(read_object(body).get("protocolVersions"), "protocolVersions")
    except MessageError as error:
        return [*judged, wrong(f"not readable: {error.message}", "send a JSON object")], None
    entries = [entry for entry in listed if isinstance(entry, dict)]
    found = next((entry for entry in entries if entry.get("version") == VERSION), None)
    if found is None:
        theirs = ", ".join(str(entry.get("version"))[:20] for entry in entries[:8]) or "nothing"
        mend = f"enable version {VERSION} of the protocol"
        return [*judged, wrong(f"{VERSION} is not offered; it offers {theirs}", mend)], None
    path = found.get("path")
    if not isinstance(path, str) or not path.startswith("/"):
        mend = 'name the path of the version, beginning with "/"'
        return [*judged, wrong("the version has no path", mend, "protocolVersions[].path")], None
    if found.get("binding") not in (None, "HTTPS"):
        judged.append(notice("its binding is not called HTTPS", 'write "binding": "HTTPS"'))
    return [*judged, fine(f"{VERSION} is spoken below {path}")], found


def of_identity(entry: Mapping[str, Any]) -> list[Judged]:
    """What the version entry says about how participants show who they are."""
    auth = entry.get("auth")
    if not isinstance(auth, dict):
        mend = "announce auth, or tell your peers which tokens you take"
        return [notice("it does not announce how participants show who they are", mend)]
    protocol = str(auth.get("protocol"))[:40]
    profiles = ", ".join(str(p)[:40] for p in many(auth.get("profile"), "profile")[:6]) or "none"
    if protocol != "DCP":
        mend = "only DCP is understood here; agree on a token with the operator"
        return [notice(f"it announces {protocol}", mend, "auth.protocol")]
    return [fine(f"it announces DCP with the profiles {profiles}")]


def of_catalog(
    status: int, headers: Mapping[str, str], body: bytes, is_known: bool
) -> tuple[list[Judged], str]:
    """The catalog: reachable, in a form that we read, complete; and its participant, or ""."""
    if status in (401, 403, 404) and not is_known:
        return [notice(f"it asks who we are ({status})", "ask again with an identity")], ""
    if status in (401, 403, 404):
        mend = "have the operator trust our DID and issuer, and compare both clocks"
        return [wrong(f"it does not accept our identity, or has no catalog ({status})", mend)], ""
    if status != 200:
        return [_of_status(status, "the catalog")], ""
    judged = _of_media_type(headers)
    try:
        catalog = read_object(body, max_bytes=CATALOG_BYTES)
        judged += _of_context(catalog)
        catalog = normalise(catalog, max_values=CATALOG_VALUES)
    except (MessageError, ForeignContextError) as error:
        mend = error.hint or "send the catalog as the protocol has it"
        return [*judged, wrong(f"not readable: {error.message}", mend)], ""
    if not has_type(catalog, "Catalog"):
        return [*judged, wrong("the answer is no Catalog", 'write "@type": "Catalog"')], ""
    participant = catalog.get("participantId")
    if not isinstance(participant, str):
        judged.append(wrong("it does not say whose it is", "name it", "participantId"))
        participant = ""
    return [*judged, *_of_datasets(catalog)], participant


def _of_context(catalog: dict[str, Any]) -> list[Judged]:
    context = many(catalog.get("@context"), "@context")
    if CONTEXT not in context:
        mend = f"put {CONTEXT} into the array @context"
        return [notice("it is not under the protocol's own context", mend, "@context")]
    if not is_plain(catalog):
        return [notice("it needs JSON-LD to be understood", "write plain names", "@context")]
    return [fine("its form is plain")]


def _of_datasets(catalog: dict[str, Any]) -> list[Judged]:
    datasets = [d for d in many(catalog.get("dataset"), "dataset") if isinstance(d, dict)]
    if not datasets:
        return [notice("it offers nothing to us", "offer something, or let our policy in")]
    judged = [fine(f"the first page holds {len(datasets)} datasets")]
    first: dict[str, str] = {}
    for number, dataset in enumerate(datasets):
        for what, place in _dataset_faults(dataset):
            first.setdefault(what, f"dataset[{number}].{place}")
    return judged + [
        wrong(*_DATASET_FAULTS[w], p) if w != "pull" else notice(*_DATASET_FAULTS[w], p)
        for w, p in first.items()
    ]


_DATASET_FAULTS = {
    "id": ("a dataset has no identifier", 'give every dataset an "@id"'),
    "offers": ("a dataset has no offer", "give every dataset at least one hasPolicy"),
    "offer-id": ("an offer has no identifier", 'give every offer an "@id"'),
    "target": ("an offer in the catalog has a target", "leave target out inside a catalog"),
    "rules": ("an offer has no rule", "give it a permission or a prohibition"),
    "pull": (
        "a dataset has no distribution: nothing can be fetched yet",
        "connect a data plane, so that distribution names a format",
    ),
}


def _dataset_faults(dataset: Mapping[str, Any]) -> list[tuple[str, str]]:
    faults = []
    if not isinstance(dataset.get("@id"), str):
        faults.append(("id", "@id"))
    offers = [o for o in many(dataset.get("hasPolicy"), "hasPolicy") if isinstance(o, dict)]
    if not offers:
        faults.append(("offers", "hasPolicy"))
    for offer in offers:
        if not isinstance(offer.get("@id"), str):
            faults.append(("offer-id", "hasPolicy.@id"))
        if "target" in offer:
            faults.append(("target", "hasPolicy.target"))
        if not offer.get("permission") and not offer.get("prohibition"):
            faults.append(("rules", "hasPolicy.permission"))
    if not dataset.get("distribution"):
        faults.append(("pull", "distribution"))
    return faults


def of_unknown(status: int, body: bytes, kind: str) -> list[Judged]:
    """The answer about a process that does not exist."""
    if status in (401, 403):
        return [notice(f"it asks who we are ({status}); the protocol would answer 404")]
    if status != 404:
        return [wrong(f"a process that does not exist gives {status}", "answer 404 with an error")]
    try:
        said = read_object(body)
    except MessageError:
        return [notice("its 404 has no error object", f"send a {kind} with a reason")]
    if not has_type(said, kind):
        return [notice(f"its 404 is no {kind}", f'write "@type": "{kind}"')]
    return [fine("an unknown process is answered as the protocol has it")]


def of_document(status: int, body: bytes, did: str) -> list[Judged]:
    """The DID document: readable, its own, with keys that may speak and services."""
    if status != 200:
        return [_of_status(status, "the DID document")]
    try:
        document = read_document(read_object(body, max_bytes=65_536), did)
    except (MessageError, DidError) as error:
        return [wrong(f"the DID document: {error.message}", error.hint or "publish it anew")]
    judged = []
    if not document.methods:
        judged.append(wrong("it holds no key", "list a key", "verificationMethod"))
    elif not document.relations.get(Relation.SPEAK):
        mend = f"list the signing key under {Relation.SPEAK}"
        judged.append(wrong("no key may sign tokens", mend, Relation.SPEAK))
    if "CredentialService" not in document.services:
        mend = "list its address if this participant holds credentials"
        judged.append(notice("it names no CredentialService", mend, "service"))
    return judged or [fine("the DID document holds keys and services")]


def _of_media_type(headers: Mapping[str, str]) -> list[Judged]:
    media = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media in ("application/json", "application/ld+json"):
        return []
    return [notice(f"its media type is {media[:60] or 'missing'}", "send application/json")]


def _of_status(status: int, what: str) -> Judged:
    if 300 <= status < 400:
        mend = "serve it at this address; redirects are not followed"
        return wrong(f"{what} is redirected ({status})", mend)
    if status in (401, 403):
        return wrong(f"{what} asks who we are ({status})", "serve it without authentication")
    if status == 404:
        return wrong(f"{what} is not there (404)", "publish it at this address")
    if status >= 500:
        return wrong(f"{what} fails inside the connector ({status})", "look into its log")
    return wrong(f"{what} is answered with {status}", "answer 200")
