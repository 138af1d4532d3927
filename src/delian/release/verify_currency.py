"""The steps that ask: is this the newest list, is it fresh, and is this folder what it lists?

May touch: values. Each step returns what it found in words, or raises.
"""

import re

from delian.release import currency
from delian.release.bundle import METADATA, WITHDRAWALS
from delian.release.errors import VerifyError
from delian.release.report import NotReachedError
from delian.release.verification import Verification, need
from delian.terms.encode import utc_text

_NUMBERED = re.compile(r"metadata/([1-9][0-9]{0,8})\.(snapshot|targets)\.json\Z")


def check_root(run: Verification) -> str:
    """The pinned root holds by itself: two thirds of its officers, no key twice."""
    run.pinned = currency.read_root(run.request.root)
    held = run.pinned.root.roles["root"]
    return (
        f"{run.pinned.partnership}, version {run.pinned.root.version}, "
        f"{held.threshold} of {len(held.keyids)} officers"
    )


def check_roots(run: Verification) -> str:
    """Each newer root in the folder is signed by the old and by the new officers."""
    pinned = need(run.pinned, "root")
    run.trusted = currency.follow_roots(pinned, run.request.root, run.metadata)
    for version, pin in sorted(run.trusted.rosters.items()):
        if pin.recovered:
            run.log.notes.append(
                f"roster {version} replaced keys without their old signature: "
                + ", ".join(pin.recovered)
            )
    return f"version {run.trusted.root.version} is the newest in the folder"


def check_timestamp(run: Verification) -> str:
    """The timestamp is signed by the online key, and fresh."""
    run.timestamp = currency.read_timestamp(need(run.trusted, "roots"), run.metadata, run.now)
    return f"version {run.timestamp.version}, fresh until {utc_text(run.timestamp.expires)}"


def check_snapshot(run: Verification) -> str:
    """The snapshot is the one that the timestamp names."""
    stamp = need(run.timestamp, "timestamp")
    trusted = need(run.trusted, "roots")
    run.snapshot = currency.read_snapshot(trusted, stamp, run.metadata, run.now)
    return f"version {run.snapshot.version}"


def check_targets(run: Verification) -> str:
    """The list is the one that the snapshot names, and all parts are for one audience."""
    trusted, snapshot = need(run.trusted, "roots"), need(run.snapshot, "snapshot")
    stamp = need(run.timestamp, "timestamp")
    found = currency.read_targets(trusted, snapshot, run.metadata, run.now)
    audience = currency.audience_of(trusted, stamp, snapshot, found)
    run.targets = found
    run.versions = currency.Versions(
        trusted.root.version, stamp.version, snapshot.version, found.version
    )
    return f"version {found.version} for audience {audience}"


def check_rollback(run: Verification) -> str:
    """No role is older than what the state remembers."""
    if run.request.at_utc is not None:
        raise NotReachedError("not checked as of a date")
    if run.request.state is None:
        raise NotReachedError("rollback not checked: no state was given")
    seen = currency.Seen.from_wire(run.request.state)
    now, trusted = need(run.versions, "targets"), need(run.trusted, "roots")
    audience = currency.audience_of(trusted, need(run.targets, "targets"))
    name = (trusted.partnership, audience)
    before = seen.repositories.get(name)
    if before is not None:
        currency.check_rollback(before, now)
    run.seen = currency.Seen({**seen.repositories, name: now})
    return "nothing is older than before" if before else "first sight of this repository"


def check_folder(run: Verification) -> str:
    """The folder holds exactly the listed files of this release, byte for byte."""
    statement, targets = need(run.statement, "statement"), need(run.targets, "targets")
    prefix = f"{statement.release_id}/"
    listed = {p.removeprefix(prefix): t for p, t in targets.targets.items() if p.startswith(prefix)}
    if not listed:
        raise VerifyError(
            "the list does not hold this release",
            hint="it was withdrawn, or it belongs to another repository",
        )
    used = _used_metadata(run)
    there = {
        n
        for n in run.request.files
        if not n.startswith(WITHDRAWALS) and n not in used and not _is_superseded(n, used)
    }
    extra, lacking = sorted(there - set(listed)), sorted(set(listed) - there)
    if extra or lacking:
        names = ", ".join(extra or lacking)
        raise VerifyError(f"the folder {'holds a file too many' if extra else 'lacks'}: {names}")
    for name, target in listed.items():
        if f"sha256:{target.hashes.get('sha256')}" != run.digest(name):
            raise VerifyError(f"{name} is not the file that is listed")
    return f"{len(listed)} files, each with the listed digest, none too many"


def _is_superseded(name: str, used: set[str]) -> bool:
    """Is this a numbered metadata file older than the one in use? It is not read."""
    found = _NUMBERED.match(name)
    if found is None or name in used:
        return False
    same = [m for m in map(_NUMBERED.match, used) if m is not None and m[2] == found[2]]
    return any(int(found[1]) < int(m[1]) for m in same)


def _used_metadata(run: Verification) -> set[str]:
    trusted, now = need(run.trusted, "roots"), need(run.versions, "targets")
    names = {f"{n}.root.json" for n in range(1, trusted.root.version + 1)}
    names |= {"timestamp.json", f"{now.snapshot}.snapshot.json", f"{now.targets}.targets.json"}
    return {METADATA + name for name in names}
