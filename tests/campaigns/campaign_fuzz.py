"""``./start campaign fuzz``: damaged documents for every parser of the product.

A parser may give a value or raise a ``DelianError``; anything else, and a parse that takes
longer than :data:`PATIENCE_SECONDS`, is a failure. Documents are genuine ones damaged in bytes
or, to come further in, in their structure. Parsers named ``from_wire`` and ``from_plain`` are
found by walking the product, so that a new one is never forgotten; those that need more than
bytes, and the genuine documents, are listed here.
"""

import copy
import importlib
import inspect
import json
import pkgutil
import random
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import delian
from delian.approve import voices
from delian.contribute.contribution import read_contribution
from delian.contribute.delimited import read_delimited
from delian.contribute.template import template, template_csv
from delian.contribute.workbook import read_workbook
from delian.crypto.chunked import MemorySource, open_chunks, seal_chunks
from delian.crypto.seal import SealPrivate, seal, unseal
from delian.crypto.sign import PrivateKey
from delian.crypto.tdf_manifest_read import read_manifest
from delian.crypto.tdf_read import FOREIGN_FILE
from delian.label import stanag4774, stanag5636
from delian.label.xml_guard import parse_xml
from delian.release.statement import read_statement
from delian.terms.encode import parse
from delian.terms.errors import DelianError
from delian.terms.party import Roster
from tests import fuzz_documents, tdf_world
from tests.silence_world import seeded

ROOMS = (
    "terms",
    "crypto",
    "shares",
    "label",
    "approve",
    "contribute",
    "aggregate",
    "protect",
    "release",
)
PATIENCE_SECONDS = 3.0
MAX_FAILURES = 20
MAX_SLOW = 3
SEAL = SealPrivate.generate()
INFO = b"fuzz"
PARTNERSHIP = b"""partnership = "League"
version = 1
[[party]]
code = "FRA"
kind = "ally"
name = "France"
joined = 2020-01-01
keys = { agent = "ed25519:AAAA" }
"""


@dataclass(frozen=True, slots=True)
class Target:
    """One parser and genuine documents for it; without any, it is fed those of all others."""

    name: str
    parse: Callable[[bytes], object]
    seeds: tuple[bytes, ...] = ()


def listed() -> Iterator[Target]:
    """Parsers with another name or another shape than ``from_wire(bytes)``."""
    for kind, wire in fuzz_documents.spoken().items():
        yield Target(f"voice {kind}", lambda d, kind=kind: voices.from_wire(kind, d), (wire,))
    whole = seal(SEAL.public, b"plain", info=INFO, aad=b"")
    pieces = b"".join(
        seal_chunks(SEAL.public, [bytes(50)], plain_bytes=50, info=INFO, aad=b"", chunk_bytes=20)
    )
    yield Target("unseal", lambda d: unseal(SEAL, d, info=INFO, aad=b""), (whole,))
    yield Target("open_chunks", open_pieces, (pieces,))
    yield Target("sign key file", PrivateKey.from_secret_bytes, (seeded("x").to_secret_bytes(),))
    yield Target("seal key file", SealPrivate.from_secret_bytes, (SEAL.to_secret_bytes(),))
    sent = fuzz_documents.contributed().data
    yield Target("contribution", lambda d: read_contribution(MemorySource(d)), (sent,))
    terms = fuzz_documents.ROUND.terms
    csv, xlsx = template_csv(terms, "AAA"), template(terms, "AAA")
    yield Target("sheet csv", lambda d: read_delimited(d, "sheet.csv"), (csv,))
    yield Target("sheet xlsx", read_workbook, (xlsx,))
    yield Target("release statement", read_statement)
    yield Target("partnership file", read_partnership, (PARTNERSHIP,))
    xml, ocl = fuzz_documents.labels()
    policy = fuzz_documents.POLICY
    yield Target("xml", parse_xml, (xml,))
    yield Target("stanag4774", lambda d: stanag4774.from_xml(d, policy), (xml,))
    file, key = tdf_world.write(tdf_world.plan(signed=True))
    manifest = json.dumps(tdf_world.TdfFile.of(file, key).manifest).encode()
    yield Target("tdf manifest", read_manifest, (manifest,))
    yield Target("tdf file", read_foreign, (file, file[-3000:]))
    yield Target("tdf file of a pinned originator", read_pinned, (file,))
    yield Target("stanag5636", lambda d: stanag5636.from_json(d, policy), (ocl,))


def read_partnership(data: bytes) -> Roster:
    return Roster.from_toml(data.decode("utf-8", "replace"))


def read_foreign(data: bytes) -> bytes:
    return tdf_world.read(data, FOREIGN_FILE)


def read_pinned(data: bytes) -> None:
    """Whatever is done to the file, it gives what was signed or nothing."""
    if tdf_world.read(data, tdf_world.PINNED) != tdf_world.PLAIN:
        raise RuntimeError("a damaged file gave other bytes")


def open_pieces(data: bytes) -> None:
    open_chunks(SEAL, MemorySource(data), info=INFO, aad=b"").check_all()


def walked() -> Iterator[Target]:
    """Every ``from_wire``, ``from_text`` and ``from_plain`` of one argument in the product."""
    seen: set[type] = set()
    for module in pkgutil.walk_packages(delian.__path__, "delian."):
        if module.name.split(".")[1] not in ROOMS:
            continue
        for _, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if kind in seen or not kind.__module__.startswith("delian."):
                continue
            seen.add(kind)
            yield from of_class(kind)


def of_class(kind: type) -> Iterator[Target]:
    for name in ("from_wire", "from_text", "from_plain"):
        method = inspect.getattr_static(kind, name, None)
        if not isinstance(method, classmethod):
            continue
        found: Any = getattr(kind, name)
        first, *others = inspect.signature(found).parameters.values()
        if any(p.default is p.empty and p.kind is not p.VAR_KEYWORD for p in others):
            continue
        label = f"{kind.__module__.removeprefix('delian.')}.{kind.__name__}.{name}"
        if name == "from_plain":
            yield Target(label, lambda d, f=found: f(parse(d)))
        elif first.annotation in (str, "str"):
            yield Target(label, lambda d, f=found: f(d.decode("utf-8", "replace")))
        else:
            yield Target(label, found)


TOKENS = (
    b'"', b"{", b"}", b"[", b"]", b"null", b"true", b"1e9", b"-1", b"9" * 50, b"\\ud800",
    b"\\u0000",
    b"\xff\xfe", b"\x00", b"sha256:", b"=", b"@", b",", b";", b"\r\n", b"<!", b"&a;", b"<", b"/>",
)  # fmt: skip
ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**63, 10**39, "", " ", "\x00", "\u202e", "٣", "x" * 5000, [], {},
    [[]], {"": ""}, ["", ""], "sha256:" + "0" * 64, "2026-11-21T00:00:00Z", "2026-02-30T00:00:00Z",
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "ed25519:AAAA", "FRA", "\ud800",
)  # fmt: skip


# Cheap to send; a parser that looks at them more than once or twice is a way to stop a node.
LONG: tuple[bytes, ...] = (
    b'"' + b'\\"' * 20_000,
    b'{"a":"' + b"\\\\" * 20_000,
    b"[" * 40_000,
    b'{"a":' * 10_000,
    b'[""' + b',""' * 10_000,
    b'{"a":' + b"9" * 40_000 + b"}",
    b"A" * 40_000,
    b"<a>" * 10_000,
    b"<a " + b'b="" ' * 10_000,
    b"\n" * 40_000,
    b'"' * 40_001,
    b";," * 20_000,
)


def damage_bytes(lot: random.Random, data: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(lot.choice((1, 1, 1, 2, 5, 20))):
        at = lot.randrange(len(out) + 1)
        how = lot.randrange(5)
        if how == 0 and out:
            out[at % len(out)] ^= 1 << lot.randrange(8)
        elif how == 1:
            out[at : at + lot.choice((1, 4, 40))] = b""
        elif how == 2:
            out[at:at] = lot.choice(TOKENS)
        elif how == 3:
            out[at:at] = out[at : at + lot.choice((1, 8, 64))] * lot.choice((1, 3))
        else:
            out[at : at + lot.choice((0, 1, 4))] = lot.randbytes(lot.choice((1, 4)))
    return bytes(out)


def places(plain: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a nested value."""
    found: list[tuple[Any, Any]] = []
    waiting = [plain]
    while waiting:
        here = waiting.pop()
        if isinstance(here, dict | list):
            keys = list(here) if isinstance(here, dict) else list(range(len(here)))
            found += [(here, key) for key in keys]
            waiting += [here[key] for key in keys]
    return found


def damage_structure(lot: random.Random, data: bytes) -> bytes:
    """Another value, a value missing, doubled or from elsewhere, spelled canonically again."""
    plain = json.loads(data)
    for _ in range(lot.choice((1, 1, 2, 3))):
        spots = places(plain)
        if not spots:
            break
        container, key = lot.choice(spots)
        how = lot.randrange(5)
        if how == 0:
            del container[key]
        elif how == 1 and isinstance(container, list):
            container.append(container[key])
        elif how == 2:
            other, where = lot.choice(spots)
            container[key] = json.loads(
                json.dumps(other.get(where) if isinstance(other, dict) else None)
            )
        elif how == 3 and isinstance(container[key], int):
            container[key] += lot.choice((-1, 1, 10**6))
        else:
            container[key] = copy.deepcopy(lot.choice(ODD))
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass")


def damaged(lot: random.Random, data: bytes) -> bytes:
    if lot.random() < 0.02:
        return lot.randbytes(lot.randrange(300))
    if data[:1] == b"{" and lot.random() < 0.7:
        return damage_structure(lot, data)
    return damage_bytes(lot, data)


def try_one(target: Target, data: bytes) -> tuple[str, str]:
    """("value" or "refused" or "failed", what happened)."""
    begin = time.monotonic()
    try:
        target.parse(data)
        outcome, what = "value", ""
    except DelianError:
        outcome, what = "refused", ""
    except Exception as error:  # noqa: BLE001 - exactly these are looked for
        place = traceback.extract_tb(error.__traceback__)[-1]
        outcome = "failed"
        what = f"{target.name}: {type(error).__name__} at {place.name}:{place.lineno}"
    if time.monotonic() - begin > PATIENCE_SECONDS:
        return "failed", f"{target.name}: slow for {len(data)} bytes"
    return outcome, what


def accepts(target: Target, data: bytes) -> bool:
    try:
        target.parse(data)
    except Exception:  # noqa: BLE001 - what it is does not matter here
        return False
    return True


@cache
def targets() -> tuple[Target, ...]:
    """All parsers, each with the genuine documents that it accepts."""
    pool = [*fuzz_documents.documents(), *fuzz_documents.texts()]
    found = [*listed(), *walked()]
    paired = []
    for target in found:
        seeds = target.seeds or tuple(data for data in pool if accepts(target, data))
        paired.append(Target(target.name, target.parse, seeds))
    return tuple(paired)


def long_documents(everything: Iterable[Target]) -> Counter[str]:
    """The first failures of the parsers on documents that are long and wrong."""
    failures: Counter[str] = Counter()
    for target in everything:
        for data in LONG:
            what = try_one(target, data)[1]
            if what:
                failures[f"{what}, beginning {data[:8]!r}"] += 1
                break
        if len(failures) == MAX_SLOW:
            break
    return failures


def trial(budget_seconds: float, seed: int) -> dict[str, object]:
    """The part of :func:`run` with damaged documents."""
    lot = random.Random(seed)
    everything = targets()
    strange = fuzz_documents.documents()
    begin = time.monotonic()
    counts: Counter[str] = Counter()
    failures: Counter[str] = Counter()
    while not counts or time.monotonic() - begin < budget_seconds:
        for target in everything:
            data = damaged(lot, lot.choice(target.seeds or strange))
            outcome, what = try_one(target, data)
            counts[outcome] += 1
            if what:
                failures[what] += 1
    figures: dict[str, object] = {
        "parsers": len(everything),
        "without_example": [t.name for t in everything if not t.seeds],
        "documents": counts.total(),
        "refused": counts["refused"],
        "accepted": counts["value"],
        "seconds": round(time.monotonic() - begin, 1),
    }
    if failures:
        figures["failures"] = [
            f"{what} ({n} times)" for what, n in failures.most_common(MAX_FAILURES)
        ]
    return figures


def run(budget_seconds: float, seed: int) -> dict[str, object]:
    """Long documents once, then damaged documents until the budget is spent.

    Returns:
        ``parsers``, ``without_example`` (names of those no genuine document is known for),
        ``documents`` tried, ``refused``, ``accepted``, ``seconds`` and, where there are any,
        ``failures``: parser, exception and place, with how often.
    """
    begin = time.monotonic()
    slow = long_documents(targets())
    figures = trial(max(0.0, budget_seconds - (time.monotonic() - begin)), seed)
    if slow:
        earlier = figures.get("failures", [])
        figures["failures"] = [*slow, *(earlier if isinstance(earlier, list) else [])]
    return figures
