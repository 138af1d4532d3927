"""One run of the three hosts: evaluate circuits block by block, accept, and only then open.

Guarantees:
    Nothing is opened before every block evaluated so far was accepted by all three hosts, and after
    any error the keys are gone and every call is refused
    (``tests/unit/shares/test_shares_session.py``).
"""

import hashlib
import threading
from collections.abc import Callable, Sequence
from typing import Literal, NoReturn, TypeVar

import numpy as np

from delian.shares.blocks import Lane
from delian.shares.execute import Executor
from delian.shares.execute_numpy import NumpyExecutor
from delian.shares.kernels import Kernels
from delian.shares.kernels_numpy import NumpyKernels
from delian.shares.keys import RunKeys, confirm_run
from delian.shares.links import LinkMismatchError, Links, link_name
from delian.shares.opening import compare, open_planes
from delian.shares.program import Program, Words
from delian.terms.errors import RefusedError

Mode = Literal["malicious", "semi-honest"]
Source = Callable[[int, int, Words, Words], None]
"""Fills own and next input planes for the words ``first..stop``, and leaves the tail alone."""
Sink = Callable[[int, int, Words, Words], None]
"""Takes own and next output planes for the words ``first..stop``; must copy what it keeps."""
T = TypeVar("T")


class RunOverError(RefusedError):
    """The run has ended, or the step is not allowed yet."""

    code = "run-over"


class Run:
    """One run on agreed keys.

    Args:
        lanes: Links of this host, one per thread; the same number at all hosts.
        keys: From ``keys.agree``.
        mode: ``malicious`` checks every block; ``semi-honest`` compares transcripts.
        list_digest: Digest of the ordered manifest list.
        executor: Runs the rows.
        kernels: Array work of the check.
        block_words: Words of 64 cells per block; a multiple of eight.

    Leaks:
        Sizes, block ids and verdicts; nothing about the figures until ``open``.
    """

    def __init__(
        self,
        lanes: Sequence[Links],
        keys: RunKeys,
        mode: Mode,
        list_digest: bytes,
        *,
        executor: Executor | None = None,
        kernels: Kernels | None = None,
        block_words: int = 256,
    ) -> None:
        if block_words <= 0 or block_words % 8:
            raise ValueError("a block holds a multiple of eight words")
        self._keys, self._mode, self._list_digest = keys, mode, list_digest
        self._block_words = block_words
        self._links = tuple(lanes)
        self._over = False
        self._names: set[str] = set()
        self._records: list[bytes] = []
        self._pending = False
        executor = executor or NumpyExecutor()
        check = (kernels or NumpyKernels()) if mode == "malicious" else None
        self._lanes = [Lane(link, keys, executor, check, list_digest) for link in lanes]
        self._guard(self._confirm_lanes)

    @property
    def rank(self) -> int:
        """Which host this is."""
        return self._keys.rank

    @property
    def run_id(self) -> bytes:
        """The id of the run, public."""
        return self._keys.run_id

    @property
    def mode(self) -> Mode:
        """How the run is checked."""
        return self._mode

    def evaluate(self, program: Program, own: Words, nxt: Words, block: str) -> tuple[Words, Words]:
        """The program's output shares for input shares of any number of words.

        Args:
            program: The circuit; the same at all hosts.
            own: x_i of every input plane, ``[n_inputs, words]``.
            nxt: x_{i+1} likewise.
            block: A name unique in the run and the same at all hosts.

        Raises:
            CheckFailedError: Malicious mode: some host erred or lied; nothing was opened.
            LinkError: A link failed or a peer stopped.
            RunOverError: The run has ended, or the name was used before.
        """
        n_words = own.shape[1]
        own_out = np.empty((len(program.outputs), n_words), dtype=np.uint64)
        nxt_out = np.empty_like(own_out)

        def source(first: int, stop: int, into_own: Words, into_nxt: Words) -> None:
            into_own[:, : stop - first] = own[:, first:stop]
            into_nxt[:, : stop - first] = nxt[:, first:stop]

        def sink(first: int, stop: int, from_own: Words, from_nxt: Words) -> None:
            own_out[:, first:stop] = from_own[:, : stop - first]
            nxt_out[:, first:stop] = from_nxt[:, : stop - first]

        self.stream(program, n_words, source, sink, block)
        return own_out, nxt_out

    def stream(
        self, program: Program, n_words: int, source: Source, sink: Sink, block: str
    ) -> None:
        """Evaluates a program block by block: memory is bounded by the block, not by the table.

        ``source`` and ``sink`` are called from several threads, each block once.
        """
        self._guard(lambda: self._stream(program, n_words, source, sink, block))

    def accept(self) -> bytes:
        """Ends a stage: all hosts have accepted the same blocks. Returns the transcript's digest.

        The digest covers the output shares of every block, each compared between the two hosts
        that hold it; a host signs it as its transcript.

        Raises:
            LinkMismatchError: A peer evaluated other blocks, or holds other shares.
        """
        return self._guard(self._accept)

    def open(self, own: Words, nxt: Words, stage: str) -> Words:
        """The planes behind shares, at all three hosts.

        Raises:
            RunOverError: Something was evaluated since the last ``accept``, or the stage is over.
            TamperedError: The two other hosts disagree on the share this host lacks.
        """
        return self._guard(lambda: self._open(own, nxt, stage))

    def compare(self, label: str, digest: bytes) -> None:
        """Compares a digest with both peers.

        Raises:
            TamperedError: A peer holds another one.
        """
        self._guard(lambda: compare(self._links[0], self.run_id, label, digest))

    def erase(self) -> None:
        """Ends the run: keys and buffers are gone, every later call is refused."""
        self._over = True
        self._keys.erase()
        for lane in self._lanes:
            lane.erase()

    def abort(self, reason: str) -> None:
        """Ends the run at all three hosts."""
        self.erase()
        for link in self._links:
            link.abort(reason)

    def __repr__(self) -> str:
        return f"Run(rank={self.rank}, mode={self._mode!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a run is never pickled")

    def _guard(self, step: Callable[[], T]) -> T:
        if self._over:
            raise RunOverError("this run has ended", hint="start a new run with fresh keys")
        try:
            return step()
        except BaseException:
            self.abort("the run failed")
            raise

    def _confirm_lanes(self) -> None:
        for number, link in enumerate(self._links):
            confirm_run(link, self.run_id, f"lane {number} of {len(self._links)} {self._mode}")

    def _claim(self, name: str) -> None:
        if name in self._names:
            raise RunOverError("this name was already used in the run", where=name)
        self._names.add(name)

    def _stream(
        self, program: Program, n_words: int, source: Source, sink: Sink, block: str
    ) -> None:
        self._claim(f"block {block}")
        self._pending = True
        step = self._block_words
        starts = range(0, n_words, step)
        records: dict[int, bytes] = {}
        failures: list[BaseException] = []

        def work(number: int) -> None:
            lane = self._lanes[number]
            try:
                for first in starts[number :: len(self._lanes)]:
                    stop = min(first + step, n_words)
                    name = f"{block}/{first}-{stop}"
                    records[first] = lane.evaluate(program, first, stop, source, sink, name)
            except BaseException as error:  # noqa: BLE001 -- a thread's error is raised by its caller
                failures.append(error)
                for link in self._links:
                    link.abort("another lane failed")

        threads = [
            threading.Thread(target=work, args=(number,), name=f"lane-{number}")
            for number in range(1, min(len(self._lanes), len(starts)))
        ]
        for thread in threads:
            thread.start()
        work(0)
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        header = hashlib.sha256(f"{block}/{n_words}/{step}".encode() + program.digest).digest()
        self._records += [header, *(records[first] for first in starts)]

    def _accept(self) -> bytes:
        """Compares, per pair of hosts, what both of them must hold alike.

        A record is the digest of the own and of the next output share: P_i's next share is the own
        share of P_{i+1}. The header of every evaluation binds block, size and program.
        """
        links, rank = self._links[0], self.rank
        before, after = (rank - 1) % 3, (rank + 1) % 3
        mine, theirs = self._transcript(0), self._transcript(1)
        both = {before: before, after: rank}
        message = {
            before: _directed(self.run_id, rank, before, mine),
            after: _directed(self.run_id, rank, after, theirs),
        }
        expected = {
            before: _directed(self.run_id, before, rank, mine),
            after: _directed(self.run_id, after, rank, theirs),
        }
        got = links.exchange(message, dict.fromkeys(both, 32))
        for peer, value in expected.items():
            if got[peer] != value:
                raise LinkMismatchError(
                    f"{link_name(links.names, rank, peer)}: the hosts' transcripts differ",
                    hint="run the round again; ask for the cause if it repeats",
                )
        self._pending = False
        return hashlib.sha256(b"delian-transcript-1" + self.run_id + mine + theirs).digest()

    def _transcript(self, part: int) -> bytes:
        hasher = hashlib.sha256(b"delian-transcript-1" + bytes([(self.rank + part) % 3]))
        for record in self._records:
            hasher.update(record if len(record) == 32 else record[32 * part : 32 * part + 32])
        return hasher.digest()

    def _open(self, own: Words, nxt: Words, stage: str) -> Words:
        if self._pending:
            raise RunOverError("nothing may be opened before the run is accepted")
        self._claim(f"stage {stage}")
        return open_planes(own, nxt, links=self._links[0], run_id=self.run_id, stage=stage)


def _directed(run_id: bytes, sender: int, receiver: int, digest: bytes) -> bytes:
    way = bytes([sender, receiver])
    return hashlib.sha256(b"delian-accept-1" + way + run_id + digest).digest()
