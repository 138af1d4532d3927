"""Who is who, proven: the first roster by its pinned digest, each later one by its chain.

May touch: DSSE and the roster. A roster counts only when every party in it that can sign has
signed it (``docs/round.md``, Roster). A changed key also needs the old key's signature; without
that it is a recovery, which every verification prints.
"""

from dataclasses import dataclass
from functools import cached_property

from delian.crypto.dsse import Envelope, document_type, sign, signers
from delian.crypto.sign import PrivateKey, PublicKey
from delian.terms.encode import Digest, canonical, parse
from delian.terms.errors import NotYetError, RefusedError, TamperedError
from delian.terms.party import SIGNING, Party, Roster

KIND = "roster"
NOT_SIGNING = ("host-seal", "host-tls", "office-tls")


class RosterMismatchError(TamperedError):
    """A roster is not the pinned one, or does not follow the one before."""

    code = "roster-mismatch"


class RosterUnsignedError(NotYetError):
    """Not every party in the roster has signed it."""

    code = "roster-unsigned"


class RosterChangeError(RefusedError):
    """A successor roster drops history or changes what may not change."""

    code = "roster-change"


@dataclass(frozen=True)
class Membership:
    """A roster that was checked.

    Args:
        roster: Who takes part.
        recovered: Key ids whose key changed without the old key's signature; empty as a rule.
    """

    roster: Roster
    recovered: tuple[str, ...] = ()

    def resolve(self, keyid: str) -> PublicKey | None:
        """The public key behind a key id, or None for a stranger."""
        return self._by_keyid.get(keyid)

    @cached_property
    def _by_keyid(self) -> dict[str, PublicKey]:
        """Every signing key of the roster, read once."""
        return {
            f"{party.code}/{purpose}": PublicKey.from_wire(wire)
            for party in self.roster.parties
            for purpose, wire in party.keys.items()
            if purpose not in NOT_SIGNING
        }


def sign_roster(roster: Roster, keyid: str, key: PrivateKey) -> Envelope:
    """One party's signature under *roster*; signatures are joined with ``Envelope.added``."""
    return sign(document_type(KIND), _payload(roster), {keyid: key})


def check_first(envelope: Envelope, pinned: Digest) -> Membership:
    """The first roster, if it is the pinned one and everybody in it signed.

    Args:
        envelope: From anywhere.
        pinned: Digest that came out of band.

    Raises:
        RosterMismatchError: another roster.
        RosterUnsignedError: names who has not signed.
    """
    roster = _read(envelope)
    if roster.digest != pinned:
        raise RosterMismatchError(
            "this is not the roster whose digest is pinned",
            hint="compare the digest with the one received out of band",
        )
    _check_all_signed(envelope, roster)
    return Membership(roster)


def check_successor(before: Roster, envelope: Envelope) -> Membership:
    """The roster after *before*.

    Guarantees:
        Version one higher, chained by digest, signed by every party in it; nobody vanishes
        (a party that leaves keeps its entry with a day of leaving). At most one party's signing
        key is new without its old key's word, so that all others vouch for a recovery.

    Raises:
        RosterMismatchError: it does not follow *before*.
        RosterUnsignedError: a signature is missing.
        RosterChangeError: a party vanished or changed its kind, or two recover at once.
    """
    roster = _read(envelope)
    if roster.previous != before.digest or roster.version != before.version + 1:
        raise RosterMismatchError("the roster does not follow the one that is known")
    now = {p.code: p for p in roster.parties}
    for party in before.parties:
        if party.code not in now or now[party.code].kind is not party.kind:
            raise RosterChangeError(f"{party.code} vanished from the roster or changed its kind")
    _check_all_signed(envelope, roster)
    old = {keyid: key for p in before.parties for keyid, key in _keys(p).items()}
    changed = [k for k, v in old.items() if _current(now, k) not in (None, v)]
    approved = signers(envelope, lambda keyid: _old_key(keyid, old, before.version))
    kept = {keyid.partition("@")[0] for keyid in approved}
    recovered = set(changed) - kept
    _check_others_vouch(before, recovered)
    return Membership(roster, tuple(sorted(recovered)))


def _check_others_vouch(before: Roster, recovered: set[str]) -> None:
    """A recovery needs all others, with keys that were known before.

    Everybody in the successor has signed it. Of those whose signing key is new and not vouched
    for by the old one there may be one at most: two could be one stranger with a roster of his
    own keys.
    """
    lost = sorted(recovered & set(before.signers))
    if len(lost) > 1:
        raise RosterChangeError(
            f"{', '.join(lost)} changed at once without their old keys",
            hint="recover one party at a time; the others sign with keys known before",
        )


def old_keyid(keyid: str, version: int) -> str:
    """How the signature of a replaced key is named in the successor roster."""
    return f"{keyid}@{version}"


def _payload(roster: Roster) -> bytes:
    return canonical(roster.to_plain())


def _read(envelope: Envelope) -> Roster:
    if envelope.payload_type != document_type(KIND):
        raise RosterMismatchError("the file does not hold a roster")
    return Roster.from_plain(parse(envelope.payload, max_bytes=16 * 1024 * 1024))


def _check_all_signed(envelope: Envelope, roster: Roster) -> None:
    have = signers(envelope, Membership(roster).resolve)
    missing = sorted(set(roster.signers) - set(have))
    if missing:
        raise RosterUnsignedError(f"the roster lacks the signatures of {', '.join(missing)}")


def _keys(party: Party) -> dict[str, str]:
    purpose = SIGNING.get(party.kind)
    if purpose is None:
        return {}
    return {f"{party.code}/{name}": key for name, key in party.keys.items()}


def _current(now: dict[str, Party], keyid: str) -> str | None:
    code, _, purpose = keyid.partition("/")
    return now[code].keys.get(purpose)


def _old_key(keyid: str, old: dict[str, str], version: int) -> PublicKey | None:
    name, at, number = keyid.partition("@")
    if not at or number != str(version) or name not in old or "seal" in name or "tls" in name:
        return None
    return PublicKey.from_wire(old[name])
