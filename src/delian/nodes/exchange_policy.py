"""The policy of one connector: what it knows of each peer, what it shows, what it lets go.

``trust.json`` in the node's home says whose credentials count (``docs/formats/trust-profile.md``);
``parties.toml`` says what this node itself knows of single participants. Without either, a peer is
known by its name alone, and only offers without conditions are open to it.
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from delian.adapters.files import read_bytes
from delian.exchange.answer import Answer
from delian.exchange.catalogue import Dataset
from delian.exchange.gate import Gate
from delian.exchange.identity_map import Assurance
from delian.exchange.odrl import Policy
from delian.exchange.profile_terms import Context
from delian.exchange.reactions import Claim, Participant, Terminate
from delian.exchange.transfer import Transfer
from delian.exchange.trust import ANY, Entry, Scope, TrustFormError, TrustProfile, context_of
from delian.label.marking import MAX_LEVEL

TRUST_FILE, PARTIES_FILE = "trust.json", "parties.toml"
OWN_STATEMENT = "OwnStatement"
MAX_PARTIES_BYTES = 4 * 1024 * 1024
REFUSED = "policy"
_NO_TIME, _RECENT = timedelta(0), timedelta(seconds=1)
_MOST_KEPT = 1000
_PLAIN = ("purposes", "classes", "treaties", "aggregate_only")
_CLEARANCE = ("policy", "affiliation", "level", "holds")
_FIRST = datetime(1, 1, 1, tzinfo=UTC)
_LAST = datetime(9999, 12, 31, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class PolicyDesk:
    """Decides for one connector; every decision reads the clock once.

    Args:
        own: Our participant id; our own statements are issued under it.
        now: The clock.
        profiles: Whose word counts, ours included.
        parties: What we state ourselves, by participant.
        gate: Compiled offers.
    """

    own: str
    now: Callable[[], datetime]
    profiles: tuple[TrustProfile, ...] = ()
    parties: Mapping[str, tuple[Claim, ...]] = field(default_factory=dict)
    gate: Gate = field(default_factory=Gate)
    _kept: dict[str, tuple[Participant, Context]] = field(default_factory=dict, repr=False)

    @classmethod
    def load(cls, home: Path, own: str, now: Callable[[], datetime]) -> "PolicyDesk":
        """The policy of the node in *home*.

        Raises:
            InputError: a file is not in its form.
        """
        parties = _parties(home / PARTIES_FILE, own)
        profile = _profile(home / TRUST_FILE)
        ours = _own_profile(own, parties)
        return cls(own, now, (ours,) if profile is None else (profile, ours), parties)

    def context(self, who: Participant) -> Context:
        """What counts about *who* now."""
        now_utc = self.now()
        known = Participant(who.id, (*who.claims, *self.parties.get(who.id, ())))
        made = Context(who.id, now_utc)
        for profile in self.profiles:
            more = context_of(known, profile, now_utc)
            made = replace(
                made,
                readers=tuple(dict.fromkeys((*made.readers, *more.readers))),
                purposes=made.purposes | more.purposes,
                classes=made.classes | more.classes,
                treaties=made.treaties | more.treaties,
                is_aggregate=made.is_aggregate or more.is_aggregate,
            )
        return made

    def shown(self, dataset: Dataset, who: Participant) -> Dataset | None:
        """*dataset* with the offers that *who* may know of, or None where there is none."""
        offers = self.gate.visible(dataset.offers, self._recent(who))
        if len(offers) == len(dataset.offers):
            return dataset
        return replace(dataset, offers=offers) if offers else None

    def _recent(self, who: Participant) -> Context:
        """The claims of at most a second ago: a page of a catalogue asks for them many times."""
        now_utc = self.now()
        kept = self._kept.get(who.id)
        if kept is not None and kept[0] == who:
            age = now_utc - kept[1].now_utc
            if _NO_TIME <= age < _RECENT:
                return kept[1]
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        made = self.context(who)
        self._kept[who.id] = (who, made)
        return made

    def may_see(self, dataset: Dataset, who: Participant) -> bool:
        """May *who* learn that *dataset* exists?"""
        return self.shown(dataset, who) is not None

    def answer(self, policy: Policy, who: Participant, *, uses: int = 0) -> Answer:
        """The decision on an offer or agreement, with its reasons."""
        context = replace(self._recent(who), now_utc=self.now(), uses=uses)
        return self.gate.compiled(policy).decide(context)

    def judge(
        self,
        t: Transfer,  # noqa: ARG002 - the connector's port hands it to every judge
        agreement: Policy,
        uses: int,
        who: Participant,
    ) -> Terminate | None:
        """Why a transfer ends before it starts, or None where it may go on."""
        answer = self.answer(agreement, who, uses=uses)
        return None if answer.allowed else Terminate(REFUSED, answer.public_reasons)


def _profile(path: Path) -> TrustProfile | None:
    return TrustProfile.from_bytes(read_bytes(path)) if path.exists() else None


def _own_profile(own: str, parties: Mapping[str, tuple[Claim, ...]]) -> TrustProfile:
    """We believe ourselves, in exactly the labelling policies that our statements name."""
    policies = {
        str(claim.subject["clearance"]["policy"])
        for claims in parties.values()
        for claim in claims
        if "clearance" in claim.subject
    }
    scopes = (Scope.PURPOSE, Scope.PARTICIPANT_CLASS, Scope.TREATY_KIND)
    entries = [Entry(own, scope, Assurance.HIGH) for scope in scopes]
    entries += [
        Entry(own, Scope.CLEARANCE, Assurance.HIGH, frozenset((ANY,)), MAX_LEVEL, policy)
        for policy in sorted(policies)
    ]
    return TrustProfile(own, tuple(entries), {}, _FIRST, _LAST)


def _parties(path: Path, own: str) -> dict[str, tuple[Claim, ...]]:
    if not path.exists():
        return {}
    try:
        written = tomllib.loads(read_bytes(path, max_bytes=MAX_PARTIES_BYTES).decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TrustFormError(f"{PARTIES_FILE} is not TOML", where=str(path)) from error
    return {name: (_statement(name, body, own),) for name, body in written.items()}


def _statement(name: str, body: object, own: str) -> Claim:
    if not isinstance(body, dict):
        raise TrustFormError("a party is a table", where=f"{PARTIES_FILE}: {name}")
    unknown = sorted(set(body) - {*_PLAIN, *_CLEARANCE})
    if unknown:
        raise TrustFormError(f"unknown key '{unknown[0]}'", where=f"{PARTIES_FILE}: {name}")
    subject: dict[str, Any] = {key: body[key] for key in _PLAIN if key in body}
    if "affiliation" in body:
        if not isinstance(body.get("policy"), str):
            raise TrustFormError(
                "an affiliation needs its labelling policy", where=f"{PARTIES_FILE}: {name}"
            )
        subject["clearance"] = {"level": 0, "holds": []} | {
            key: body[key] for key in _CLEARANCE if key in body
        }
    return Claim(OWN_STATEMENT, own, subject)
