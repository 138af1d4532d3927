"""How fast a gigabyte goes through the TDF writer and reader, and how much memory that takes.

A child process writes 512 pieces of 2 MiB to a sink that keeps nothing, and reads such a file from
disk cache, every piece proved. The reference is AES-256-GCM alone over the same pieces into memory
that is used again, on one thread, timed right before each pass; a ratio is the median of these
pairs, so that what else the machine does falls on both. The signed figures add what an
originator's signature costs: SHA-384 of every sealed piece.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from delian.crypto.sign import PrivateKey
from delian.crypto.tdf_assertion import label_assertion
from delian.crypto.tdf_keys import KeyAccessGrant, unwrap
from delian.crypto.tdf_policy import TdfPolicy
from delian.crypto.tdf_read import TdfPins, open_tdf
from delian.crypto.tdf_write import TdfPlan, TdfSigner, write_tdf

PIECE, PIECES = 2 * 1024 * 1024, 512
PASSES, SIGNED_PASSES = 7, 3
MEMORY_GOAL_MB = 64
RATIOS = ("tdf_write", "tdf_read", "tdf_signed_write", "tdf_signed_read")
IDS = (*RATIOS, "tdf_memory_mb")


def run(only: Collection[str] | None = None) -> list[dict[str, object]]:
    """Figures ``{id, value, unit, reference, ratio}``; a ratio of 1 is as fast as AES-GCM alone.

    Args:
        only: Ids to measure, or None for all of ``IDS``.
    """
    wanted = [name for name in IDS if not only or name in only]
    signed = any("signed" in name for name in wanted)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(Path(__file__).resolve()), folder, str(int(signed))]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    answer = json.loads(done.stdout)
    seconds: dict[str, list[list[float]]] = answer["seconds"]
    figures: list[dict[str, object]] = []
    for name in wanted:
        if name == "tdf_memory_mb":
            figures.append(_figure(name, answer["memory_mb"], "MB", MEMORY_GOAL_MB))
            continue
        ratio = median(raw / ours for raw, ours in seconds[name])
        raws, ours = zip(*seconds[name], strict=True)
        speeds = {"mb_per_s": _speed(median(ours)), "raw_mb_per_s": _speed(median(raws))}
        figures.append({**_figure(name, ratio, "x raw AES-GCM", 1.0), **speeds})
    return figures


def _figure(name: str, value: float, unit: str, reference: float) -> dict[str, object]:
    ratio = round(value / reference, 3)
    value = round(value, 3)
    return {"id": name, "value": value, "unit": unit, "reference": reference, "ratio": ratio}


def _speed(seconds: float) -> float:
    return round(PIECE * PIECES / seconds / 1e6, 1)


class Stream:
    """A gigabyte that is never in memory at once."""

    def __init__(self) -> None:
        self.piece, self.left = memoryview(os.urandom(PIECE)), PIECES

    def readinto(self, buffer: memoryview, /) -> int:
        if not self.left or len(buffer) < PIECE:
            return 0
        buffer[:PIECE] = self.piece
        self.left -= 1
        return PIECE


class Nowhere:
    """A sink that counts."""

    def __init__(self) -> None:
        self.size = 0

    def write(self, data: Any, /) -> None:
        self.size += len(data)


class Opened:
    """A file on disk, read without a copy."""

    def __init__(self, path: Path) -> None:
        self.number = os.open(path, os.O_RDONLY)
        self.size = os.fstat(self.number).st_size

    def read_at(self, start: int, count: int) -> bytes:
        return os.pread(self.number, count, start)

    def read_into(self, start: int, buffer: memoryview) -> int:
        return os.preadv(self.number, [buffer], start)


def child(folder: Path, *, signed: bool) -> dict[str, Any]:
    """Measures everything in this process."""
    service = ec.generate_private_key(ec.SECP256R1())
    originator = PrivateKey.generate()
    pem = service.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    grant = KeyAccessGrant("https://kas.example/kas", "e1", pem.decode())

    def plan(signer: TdfSigner | None) -> TdfPlan:
        label = label_assertion("{}", form="json+stanag5636", schema="urn:example")
        policy = TdfPolicy("00000000-0000-4000-8000-000000000000")
        return TdfPlan(
            (grant,), policy, (label,), plain_bytes=PIECE * PIECES, segment_bytes=PIECE,
            signer=signer,
        )  # fmt: skip

    measured: dict[str, list[tuple[float, float]]] = {}
    rounds = [("tdf_", plan(None), PASSES)]
    if signed:
        signer = TdfSigner({"a/sign": originator})
        rounds.append(("tdf_signed_", plan(signer), SIGNED_PASSES))
    for prefix, made, passes in rounds:
        path = folder / f"{prefix}file"
        source = Stream()
        with path.open("wb", buffering=0) as sink:
            write_tdf(source, sink, made, os.urandom)
        file = Opened(path)
        pins = TdfPins({"a/sign": originator.public} if made.signer else {})
        compare(file, service, pins, source.piece)
        for _ in range(passes):
            for name, raw, ours in (
                (f"{prefix}write", raw_seal, partial(write, made)),
                (f"{prefix}read", raw_open, partial(read, file, service, pins)),
            ):
                measured.setdefault(name, []).append((timed(raw), timed(ours)))
        os.close(file.number)
        path.unlink()
    status = Path("/proc/self/status").read_text("ascii")
    peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
    return {"seconds": measured, "memory_mb": peak}


def timed(step: Callable[[], object]) -> float:
    begin = time.perf_counter()
    step()
    return time.perf_counter() - begin


def write(plan: TdfPlan) -> None:
    sink = Nowhere()
    written = write_tdf(Stream(), sink, plan, os.urandom)
    if sink.size != written.file_bytes or written.manifest.plain_bytes != PIECE * PIECES:
        raise RuntimeError("the writer wrote another length")


def read(file: Opened, service: ec.EllipticCurvePrivateKey, pins: TdfPins) -> None:
    total = 0
    for piece in open_tdf(file, lambda access, _: unwrap(service, access), pins).pieces():
        total += len(piece)
    if total != PIECE * PIECES:
        raise RuntimeError("the reader gave another length")


def compare(
    file: Opened, service: ec.EllipticCurvePrivateKey, pins: TdfPins, expected: memoryview
) -> None:
    """Not timed: what is read is what was written."""
    for piece in open_tdf(file, lambda access, _: unwrap(service, access), pins).pieces():
        if piece != expected:
            raise RuntimeError("the reader gave other bytes")


def raw_seal() -> None:
    cipher, plain, sealed = AESGCM(os.urandom(32)), bytearray(PIECE), bytearray(PIECE + 16)
    for number in range(PIECES):
        cipher.encrypt_into(number.to_bytes(12, "big"), plain, None, sealed)


def raw_open() -> None:
    cipher, plain = AESGCM(os.urandom(32)), bytearray(PIECE)
    nonce = bytes(12)
    sealed = cipher.encrypt(nonce, bytes(PIECE), None)
    for _ in range(PIECES):
        cipher.decrypt_into(nonce, sealed, None, plain)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(child(Path(sys.argv[1]), signed=sys.argv[2] == "1")))
