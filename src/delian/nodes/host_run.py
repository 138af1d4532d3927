"""One run: links up, keys agreed, circuits evaluated, and only what the rules allow opened."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from delian.adapters.links import MeshLinks
from delian.adapters.mesh import TlsFiles, connect_mesh
from delian.aggregate.held import HeldSheets
from delian.aggregate.netlist import netlist_digest
from delian.aggregate.replicated import ReplicatedBackend
from delian.contribute.closing import ClosingList
from delian.contribute.held import HeldShares
from delian.nodes.settings import Settings, split_address
from delian.protect.history import History
from delian.protect.opened import Closed, SafeTable, open_table
from delian.protect.record import OpeningRecord
from delian.shares.execute_numba import NumbaExecutor
from delian.shares.kernels import Kernels
from delian.shares.kernels_numba import NumbaKernels, is_supported
from delian.shares.kernels_numpy import NumpyKernels
from delian.shares.keys import agree, run_context
from delian.shares.links import LinkError
from delian.shares.rehearsal import rehearse
from delian.shares.session import Mode, Run
from delian.terms.encode import Digest
from delian.terms.errors import UnavailableError
from delian.terms.round_terms import RoundTerms

BLOCK_WORDS_MOST = 256


class PeerAwayError(UnavailableError):
    """The hosts have not met; nothing was computed, so this is no failed run."""

    code = "peer-away"


@dataclass(frozen=True, slots=True)
class Job:
    """Everything that one run needs.

    Args:
        terms: Agreed by every nation.
        listed: The countersigned closing list.
        history: Everything this host ever opened or tested.
        sheets: Nation to its two shares at this host.
        kept: Earlier round to the shares of its sheets, where they are still needed.
        kept_frames: The terms of those rounds.
        settings: Addresses, lanes, deadlines.
        code: This host's.
        keys: Folder with ``tls.pem`` and ``tls.key``.
        certificates: The peers' pinned certificates (PEM).
        randbytes: The operating system's randomness.
        persist: Writes an opening record durably.
        keep_transcript: Signs and keeps the digest of all that was exchanged, by run id.
    """

    terms: RoundTerms
    listed: ClosingList
    history: History
    sheets: Mapping[str, HeldShares] = field(repr=False)
    kept: Mapping[str, Mapping[str, HeldShares]] = field(repr=False)
    kept_frames: Mapping[str, RoundTerms]
    settings: Settings
    code: str
    keys: Path
    certificates: Mapping[str, bytes]
    randbytes: Callable[[int], bytes]
    persist: Callable[[OpeningRecord], None]
    keep_transcript: Callable[[str, Digest], None]


def run_round(job: Job) -> SafeTable:
    """Run the round with both peers and open what may be opened.

    Raises:
        PeerAwayError: the links did not come up in time.
        LinkError: a peer is away, silent or stopped; nothing more is opened.
        TamperedError: a check failed; keys are erased.
        RefusedError: the terms or the history forbid it.
    """
    terms, hosts = job.terms, job.terms.hosts
    rank = hosts.index(job.code)
    width = terms.frame.width_bits
    now = HeldSheets(terms.frame, job.sheets, width)
    earlier = {
        r: HeldSheets(job.kept_frames[r].frame, sheets, width) for r, sheets in job.kept.items()
    }
    circuits = netlist_digest(terms, len(job.listed.present))
    context = run_context(_raw(terms.digest), _raw(circuits), _raw(job.listed.digest))
    links = _meet(job, rank)
    run: Run | None = None
    try:
        keys = agree(links[0], job.randbytes, context)
        run = Run(
            links,
            keys,
            _mode(terms),
            _raw(job.listed.digest),
            executor=NumbaExecutor(),
            kernels=_kernels(),
            block_words=_block_words(job.settings.block_cells),
        )
        backend = ReplicatedBackend(run, terms, now, earlier)
        closed = Closed(job.listed.digest, job.listed.present, job.listed.missing)
        safe = open_table(
            backend,
            terms=terms,
            closed=closed,
            history=job.history,
            kept=tuple(earlier),
            persist=job.persist,
        )
        job.keep_transcript(backend.run_id, backend.transcript)
    except BaseException:
        for link in links:
            link.abort("the run failed")
        raise
    else:
        return safe
    finally:
        for link in links:
            link.close()
        if run is not None:
            run.erase()


def _meet(job: Job, rank: int) -> list[MeshLinks]:
    """Links of every lane to both peers."""
    settings, hosts = job.settings, job.terms.hosts
    addresses = {**settings.peer_addresses(), job.code: split_address(settings.listen)}
    try:
        return connect_mesh(
            rank,
            (hosts[0], hosts[1], hosts[2]),
            [addresses[h] for h in hosts],
            TlsFiles(job.keys / "tls.pem", job.keys / "tls.key", dict(job.certificates)),
            settings.lanes,
            float(settings.connect_seconds),
            stall_s=float(settings.stall_seconds),
        )
    except LinkError as error:
        raise PeerAwayError(error.message, hint=error.hint) from error


def warm(terms: RoundTerms) -> None:
    """Compile kernels and build the circuits of *terms* before the links open.

    Raises:
        RehearsalError: this machine does not compute what it must.
    """
    netlist_digest(terms, len(terms.nations))
    rehearse(NumbaExecutor(), _kernels(), _mode(terms))


def _mode(terms: RoundTerms) -> Mode:
    return "malicious" if terms.mode == "malicious" else "semi-honest"


def _kernels() -> Kernels:
    return NumbaKernels() if is_supported() else NumpyKernels()


def _block_words(cells: int) -> int:
    words = max(8, min(cells // 64, BLOCK_WORDS_MOST))
    return words - words % 8


def _raw(digest: Digest) -> bytes:
    return bytes.fromhex(digest.removeprefix("sha256:"))
