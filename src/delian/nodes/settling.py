"""Puts checked rosters and roots into a home, so that its node can start or go on."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from delian.adapters.files import read_bytes, write_bytes
from delian.approve.membership import Membership
from delian.crypto.dsse import Envelope
from delian.nodes.desk import keep_roster, known_memberships
from delian.nodes.genesis import known_roots, plan_root, read_card, read_roster, settle
from delian.nodes.keyring import take_over
from delian.nodes.settings import load
from delian.release.repository import check_roots, join_roots, root_version
from delian.terms.encode import Digest
from delian.terms.errors import InputError, RefusedError
from delian.terms.party import Kind, Roster

ROLES = {Kind.ALLY: "nation", Kind.HOST: "host", Kind.INSTITUTION: "secretariat"}


class NotSettledError(RefusedError):
    """The first roster of a home needs the digest that came by another road."""

    code = "not-settled"


def settle_home(
    home: Path, envelope: Envelope, pinned: Digest | None, values: Mapping[str, str | int]
) -> tuple[str, ...]:
    """Take the first roster, or the next one, into *home*.

    Args:
        home: With keys and card.
        envelope: The roster with all signatures.
        pinned: Digest of the first roster, received by another road; not needed for a later one.
        values: Settings for the first time.

    Returns:
        What was done, in lines for a person.

    Raises:
        DelianError: the roster does not hold; nothing has changed.
    """
    roster = read_roster(envelope.to_wire())
    if roster.version > 1:
        return _succeed(home, envelope, roster)
    if pinned is None:
        raise NotSettledError(
            "which digest has the first roster?",
            hint="give --digest as you received it by telephone or in person",
        )
    card = read_card(read_bytes(home / "card.json"))
    office = [p.code for p in roster.of_kind(Kind.INSTITUTION)]
    if not office:
        raise InputError("the roster names no secretariat")
    known = {"role": ROLES[card.kind], "code": card.code, "office_code": office[0]}
    settle(home, envelope, pinned, {**known, **values})
    return (f"{card.code} is settled in {home}", "start its node now")


def _succeed(home: Path, envelope: Envelope, roster: Roster) -> tuple[str, ...]:
    settings = load(home)
    known = known_memberships(home, settings.roster_digest)
    if known[-1].roster.digest == roster.digest and len(known) > 1:
        known = known[:-1]  # it was taken in before the keys took their place
    before = known[-1]
    membership = keep_roster(home, envelope, before)
    changed = take_over(home, roster.party(settings.code), roster.version)
    lines = [f"roster {roster.version} follows {before.roster.version}"]
    lines += [f"{key} is new without the old key's word: a recovery" for key in _lost(membership)]
    lines += [f"{name} is the next key now" for name in changed]
    return (*lines, "start the node again")


def _lost(membership: Membership) -> tuple[str, ...]:
    """Recovered signing keys; sealing keys and certificates can never vouch for their next."""
    return tuple(k for k in membership.recovered if "seal" not in k and "tls" not in k)


def next_root(home: Path, expires_utc: datetime) -> bytes:
    """The unsigned root that follows those in the secretariat's *home*, over every roster there."""
    memberships = known_memberships(home, load(home).roster_digest)
    return plan_root(home, memberships[-1].roster, expires_utc, memberships)


def join_root(home: Path, signed: Sequence[bytes]) -> bytes:
    """The root with every signature, kept in the secretariat's *home*.

    Raises:
        RefusedError: fewer than two thirds of the officers have signed, by this root or by the
            one before.
    """
    joined, known = join_roots(signed[0], signed[1:]), known_roots(home)
    version = root_version(joined)
    if version <= len(known):  # more signatures for a root that is here already
        joined = join_roots(known[version - 1], [joined])
    chain = (*known[: version - 1], joined)
    check_roots(chain)
    place = "root.json" if len(chain) == 1 else f"roots/{len(chain)}.json"
    write_bytes(home / place, joined)
    return joined
