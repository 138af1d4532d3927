"""Trust profiles: whose word a participant takes, for what, and how far.

May touch: values, ``crypto.dsse``, ``label``. A profile is a signed document that says which issuer
is believed in which scope at which assurance. Claims pass through it before any offer is decided,
so a credential of an issuer that nobody named, or outside of its scope, weighs nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from delian.crypto.dsse import Envelope, Resolve, document_type, sign, signers
from delian.crypto.sign import PrivateKey
from delian.exchange.identity_map import Assurance
from delian.exchange.profile_terms import Context
from delian.exchange.reactions import Claim, Participant
from delian.label.marking import MAX_LEVEL, Reader
from delian.terms.encode import Fields, canonical, digest, parse, utc_text
from delian.terms.errors import InputError, TamperedError

KIND = "trust-profile"
FORMAT = f"delian-{KIND}"
MAX_PROFILE_BYTES = 1024 * 1024
MAX_ENTRIES = 1000
ANY = "*"


class Scope(StrEnum):
    """What an issuer can be believed about."""

    MEMBERSHIP = "membership"
    CLEARANCE = "clearance"
    PURPOSE = "purpose"
    PARTICIPANT_CLASS = "participantClass"
    TREATY_KIND = "treatyKind"


class TrustFormError(InputError):
    """A trust profile is not in its form."""

    code = "trust-form"


class TrustSignatureError(TamperedError):
    """A trust profile is not signed by its owner."""

    code = "trust-signature"


@dataclass(frozen=True, slots=True)
class Entry:
    """One issuer, believed in one scope.

    Args:
        issuer: Its DID.
        scope: About what.
        assurance: How well it is believed to know.
        values: What it may say (affiliations for a clearance); ``*`` alone is anything.
        level: Highest rank that it may vouch for; for clearances only.
        policy: Labelling policy of its clearances; for clearances only.
    """

    issuer: str
    scope: Scope
    assurance: Assurance
    values: frozenset[str] = frozenset((ANY,))
    level: int = 0
    policy: str = ""

    def __post_init__(self) -> None:
        if not self.issuer.startswith("did:") or not self.values:
            raise TrustFormError("an entry needs an issuer's DID and at least one value")
        if (self.scope is Scope.CLEARANCE) is not bool(self.policy):
            raise TrustFormError("a clearance, and nothing else, names its labelling policy")

    @property
    def place(self) -> tuple[str, str, str]:
        """What two profiles are compared by: issuer, scope and labelling policy."""
        return self.issuer, self.scope.value, self.policy

    def says(self, value: str) -> bool:
        """May the issuer say *value*?"""
        return value in self.values or ANY in self.values

    def to_plain(self) -> dict[str, Any]:
        """The entry as it stands in the document."""
        body: dict[str, Any] = {
            "issuer": self.issuer,
            "scope": self.scope.value,
            "assurance": self.assurance.value,
            "values": sorted(self.values),
        }
        if self.scope is Scope.CLEARANCE:
            body |= {"policy": self.policy, "level": self.level}
        return body


@dataclass(frozen=True, slots=True)
class TrustProfile:
    """Whose word one participant takes.

    Args:
        owner: DID of who states this.
        entries: Whom it believes.
        needs: The least assurance it asks for in a scope; absent is ``low``.
        valid_from: First moment at which it holds.
        valid_until: First moment at which it no longer holds.
    """

    owner: str
    entries: tuple[Entry, ...]
    needs: Mapping[Scope, Assurance]
    valid_from: datetime
    valid_until: datetime

    def __post_init__(self) -> None:
        places = [entry.place for entry in self.entries]
        if len(set(places)) != len(places) or len(places) > MAX_ENTRIES:
            raise TrustFormError("a profile names an issuer once for each scope and policy")
        if not self.owner.startswith("did:") or self.valid_from >= self.valid_until:
            raise TrustFormError("a profile has a DID as owner and ends after it begins")

    @property
    def keyid(self) -> str:
        """The key id under which its owner signs it."""
        return f"{self.owner}#trust"

    @property
    def digest(self) -> str:
        """Digest of the canonical spelling."""
        return digest(self.to_bytes())

    def least(self, scope: Scope) -> Assurance:
        """The assurance that the owner asks for in *scope*."""
        return self.needs.get(scope, Assurance.LOW)

    def holds_at(self, now_utc: datetime) -> bool:
        """Does the profile hold now?"""
        return self.valid_from <= now_utc < self.valid_until

    def to_bytes(self) -> bytes:
        """The profile in its canonical spelling: what its owner signs."""
        return canonical(
            {
                "format": FORMAT,
                "version": 1,
                "owner": self.owner,
                "accepts": [e.to_plain() for e in sorted(self.entries, key=lambda e: e.place)],
                "needs": {scope.value: least.value for scope, least in self.needs.items()},
                "valid_from": utc_text(self.valid_from),
                "valid_until": utc_text(self.valid_until),
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "TrustProfile":
        """Read a profile; whether its owner signed it is another question.

        Raises:
            InputError: not a profile, or unknown fields.
        """
        fields = Fields(parse(data, max_bytes=MAX_PROFILE_BYTES, max_depth=6), KIND)
        fields.form(FORMAT)
        needs = {
            _word(Scope, name): _word(Assurance, least)
            for name, least in fields.mapping("needs").items()
        }
        profile = cls(
            owner=fields.text("owner"),
            entries=tuple(_entry(item) for item in fields.items("accepts")),
            needs=needs,
            valid_from=fields.utc("valid_from"),
            valid_until=fields.utc("valid_until"),
        )
        fields.end()
        return profile


def sign_profile(profile: TrustProfile, key: PrivateKey) -> Envelope:
    """The profile signed by its owner."""
    return sign(document_type(KIND), profile.to_bytes(), {profile.keyid: key})


def open_profile(envelope: Envelope, resolve: Resolve) -> TrustProfile:
    """The profile in *envelope*, if its owner signed it with a pinned key.

    Raises:
        TrustSignatureError: another kind of document, or no valid signature of the owner.
        InputError: the payload is not a profile.
    """
    if envelope.payload_type != document_type(KIND):
        raise TrustSignatureError("the envelope holds another kind of document")
    profile = TrustProfile.from_bytes(envelope.payload)
    if profile.keyid not in signers(envelope, resolve):
        raise TrustSignatureError(
            "the trust profile is not signed by its owner",
            hint="pin the owner's key, or ask the owner for the file again",
        )
    return profile


def context_of(
    who: Participant,
    profile: TrustProfile | None,
    now_utc: datetime,
    *,
    uses: int = 0,
    is_aggregate: bool = False,
) -> Context:
    """What is known of a participant, as far as *profile* believes it.

    Args:
        who: An identified peer and its verified claims.
        profile: Whose word counts; None is nobody's.
        now_utc: The moment of the decision.
        uses: How often what is asked for was used already.
        is_aggregate: Is what is asked for an aggregate, whatever the claims say?

    Guarantees:
        A claim counts only where its issuer is named for its scope, reaches the needed assurance
        and says no more than it may (``tests/unit/exchange/test_exchange_trust.py``).
    """
    if profile is None or not profile.holds_at(now_utc):
        return Context(who.id, now_utc, uses=uses, is_aggregate=is_aggregate)
    readers = {r for claim in who.claims for r in _readers(claim, profile)}
    return Context(
        participant=who.id,
        now_utc=now_utc,
        readers=tuple(sorted(readers, key=lambda r: (r.policy, r.affiliation, r.level))),
        purposes=_values(who, profile, Scope.PURPOSE, "purposes"),
        classes=_values(who, profile, Scope.PARTICIPANT_CLASS, "classes"),
        treaties=_values(who, profile, Scope.TREATY_KIND, "treaties"),
        uses=uses,
        is_aggregate=is_aggregate or any(_undertakes(claim, profile) for claim in who.claims),
    )


def _trusted(claim: Claim, profile: TrustProfile, scope: Scope) -> Iterator[Entry]:
    """Entries that let *claim* count in *scope*; one that admits to less is taken at its word."""
    least = profile.least(scope)
    stated = claim.subject.get("assurance", least.value)
    if stated not in list(Assurance) or not Assurance(stated).reaches(least):
        return
    for entry in profile.entries:
        is_meant = entry.issuer == claim.issuer and entry.scope is scope
        if is_meant and entry.assurance.reaches(least):
            yield entry


def _values(who: Participant, profile: TrustProfile, scope: Scope, name: str) -> frozenset[str]:
    return frozenset(
        value
        for claim in who.claims
        for entry in _trusted(claim, profile, scope)
        for value in _list(claim.subject.get(name))
        if entry.says(value)
    )


def _undertakes(claim: Claim, profile: TrustProfile) -> bool:
    """Does somebody whose word counts say that the participant uses aggregates only?"""
    is_said = claim.subject.get("aggregate_only") is True
    return is_said and any(_trusted(claim, profile, Scope.PURPOSE))


def _readers(claim: Claim, profile: TrustProfile) -> Iterator[Reader]:
    """The clearance in *claim*: cut down to what its issuer may vouch for."""
    stated = claim.subject.get("clearance")
    if not isinstance(stated, Mapping):
        return
    policy, party, level = (stated.get(n) for n in ("policy", "affiliation", "level"))
    if not isinstance(policy, str) or not isinstance(party, str) or not _is_rank(level):
        return
    for entry in _trusted(claim, profile, Scope.CLEARANCE):
        if entry.policy == policy and entry.says(party):
            try:
                held = frozenset(_list(stated.get("holds")))
                yield Reader(policy, party, min(int(str(level)), entry.level), held)
            except InputError:
                return


def _is_rank(level: object) -> bool:
    return isinstance(level, int) and not isinstance(level, bool) and 0 <= level <= MAX_LEVEL


def _list(value: object) -> list[str]:
    items = value if isinstance(value, list | tuple) else [value]
    return [item for item in items if isinstance(item, str) and item]


def _entry(plain: object) -> Entry:
    fields = Fields(plain, "entry")
    scope = _word(Scope, fields.text("scope"))
    is_clearance = scope is Scope.CLEARANCE
    entry = Entry(
        issuer=fields.text("issuer"),
        scope=scope,
        assurance=_word(Assurance, fields.text("assurance")),
        values=frozenset(fields.texts("values")),
        level=fields.whole("level", 0, MAX_LEVEL) if is_clearance else 0,
        policy=fields.text("policy") if is_clearance else "",
    )
    fields.end()
    return entry


def _word(kind: Any, text: object) -> Any:
    try:
        return kind(text)
    except ValueError as error:
        raise TrustFormError(f"'{str(text)[:60]}' is not one of the profile's words") from error
