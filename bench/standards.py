"""The room of standards: reading registers and tables, differences, cuts, redlines, search.

Each figure is the median of several passes on one thread, bytes in and bytes out, beside its goal.
Published files are measured where they are at hand (``input``: published); otherwise files of the
same form and size are made up here (generated).
"""

import json
import lzma
import random
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median

from delian.adapters.search_index import SearchIndex
from delian.label import Label, Marking, Reader, bundled_policy
from delian.standards.cut import Cut, cut
from delian.standards.harmonise import compare_all, parties, to_bytes
from delian.standards.nisp import read_lines, read_xml
from delian.standards.portion import LANGUAGES, Document, Portion
from delian.standards.redline import redline
from delian.standards.register import Register, Standard
from delian.standards.register_difference import difference
from delian.standards.spectrum import read_spectrum

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
NOW = datetime(2026, 11, 21, tzinfo=UTC)
PASSES = 5
GOALS = {
    "import_register_s": 3.0,
    "import_edition_s": 1.5,
    "difference_s": 1.0,
    "cut_redline_s": 1.0,
    "harmonise_s": 2.0,
    "search_ms": 20.0,
}
Figure = dict[str, object]


def run(only: Collection[str] | None = None) -> list[Figure]:
    """Figures ``{id, value, unit, reference, ratio, input}``; the reference is the goal.

    Args:
        only: Ids to measure, or None for all of :data:`GOALS`.
    """
    jobs: dict[str, Callable[[], tuple[float, str]]] = {
        "import_register_s": _import_register,
        "import_edition_s": _import_edition,
        "difference_s": _difference,
        "cut_redline_s": _cut_redline,
        "harmonise_s": _harmonise,
        "search_ms": _search,
    }
    return [_figure(name, *job()) for name, job in jobs.items() if only is None or name in only]


def _figure(name: str, value: float, source: str) -> Figure:
    goal = GOALS[name]
    return {
        "id": name,
        "value": round(value, 4),
        "unit": name.rpartition("_")[2],
        "reference": goal,
        "ratio": round(value / goal, 3),
        "input": source,
    }


def _seconds(job: Callable[[], object]) -> float:
    taken = []
    for _ in range(PASSES):
        start = time.perf_counter()
        job()
        taken.append(time.perf_counter() - start)
    return median(taken)


def _import_register() -> tuple[float, str]:
    path = DATA / "nisp" / "nisp_standards.jsonl"
    source = "published" if path.exists() else "generated"
    data = path.read_bytes() if path.exists() else _register_lines()
    return _seconds(lambda: read_lines(data, "15.0")), source


def _import_edition() -> tuple[float, str]:
    data, source = _edition("12.0")
    return _seconds(lambda: read_xml(data)), source


def _difference() -> tuple[float, str]:
    before, source = _edition("11.0")
    after, _ = _edition("12.0")
    old, new = read_xml(before)[0], read_xml(after)[0]
    if source == "generated":
        new = Register(new.name, "12.0", dict(list(_retitled(new))[20:]))
    return _seconds(lambda: difference(old, new).to_bytes()), source


def _cut_redline() -> tuple[float, str]:
    """Both tranches cut anew and compared, as whoever checks a tranche does it."""
    policy = bundled_policy().oid
    reader = Reader(policy, "EU", 1)
    old = _standard(10_000, 0)
    new = replace(old, root=replace(old.root, children=_edited(old.root.children)))

    def job() -> None:
        redline(cut(old, reader, NOW), cut(new, reader, NOW)).to_bytes()

    return _seconds(job), "generated"


def _harmonise() -> tuple[float, str]:
    paths = sorted((DATA / "spectrum").glob("*.tsv"))
    files = {path.stem: path.read_bytes() for path in paths} or dict(_tables())

    def job() -> None:
        among = parties(read_spectrum(files))
        common = next(party for party in among if party.code == "eu")
        to_bytes(compare_all(common, among), among)

    return _seconds(job), "published" if paths else "generated"


def _search() -> tuple[float, str]:
    """The slowest of several questions over 100,000 portions in five languages."""
    index = SearchIndex(_cuts(10, 10_000))
    questions = ("the", "word7", "word7 word9", "band the", "周波数", "周", "w", "nothing here")
    try:
        slowest = max(_seconds(partial(index.ask, text)) for text in questions)
    finally:
        index.close()
    return slowest * 1000, "generated"


def _edition(version: str) -> tuple[bytes, str]:
    path = DATA / "nisp" / "editions" / f"standards-v{version}.xml.xz"
    if path.exists():
        return lzma.decompress(path.read_bytes()), "published"
    rows = "".join(
        f'<standard id="s{n}"><document orgid="org" pubnum="EN {n} Ed 1" date="2010-01" '
        f'title="Standard number {n}"/><applicability>{"words " * 250}</applicability>'
        f'<responsibleparty rpref="org"/><status mode="mandatory"><history>'
        f'<event flag="added" date="2010-12-04" version="{version}" rfcp="1-{n}"/></history>'
        f"</status></standard>"
        for n in range(2_000)
    )
    head = f"<revhistory><revision><revnumber>{version}</revnumber></revision></revhistory>"
    return f"<standards>{head}<records>{rows}</records></standards>".encode(), "generated"


def _register_lines() -> bytes:
    lines = []
    for n in range(1_349):
        events = [
            {"flag": "added", "date": "2010-12-04", "version": f"{v}.0", "rfcp": f"{v}-{n}"}
            for v in range(3)
        ]
        lines.append(
            json.dumps(
                {
                    "nispid": f"s{n}",
                    "org": "org",
                    "pubnum": f"STANAG {n} Ed 2",
                    "title": f"Standard number {n}",
                    "date": "2010-01",
                    "status": {"mode": "mandatory", "history": events},
                }
            )
        )
    return "\n".join(lines).encode()


def _retitled(register: Register) -> Iterator[tuple[str, Standard]]:
    for place, (name, standard) in enumerate(register.standards.items()):
        title = f"{standard.title}, revised" if place % 10 == 0 else standard.title
        yield name, replace(standard, title=title)


def _standard(count: int, seed: int) -> Document:
    """Sections of ten portions in five languages; every third portion is hidden from the reader."""
    rng = random.Random(seed)
    policy = bundled_policy().oid
    shown = Label(Marking(policy, 1, frozenset({"EU", "FRA"})), "DELIAN-1", None, NOW)
    hidden = Label(Marking(policy, 1, frozenset({"FRA"})), "DELIAN-1", None, NOW)
    sections = []
    for at in range(0, count, 10):
        inside = tuple(
            Portion(
                f"p{at + n}",
                "paragraph",
                text=_text(rng, LANGUAGES[n % 5]),
                label=hidden if (at + n) % 3 == 0 else shown,
                language=LANGUAGES[n % 5],
            )
            for n in range(1, 10)
        )
        title = f"Heading the word{rng.randrange(3000)}"
        sections.append(Portion(f"p{at}", "section", title, label=shown, children=inside))
    root = Portion("root", "section", "Widgets", label=shown, children=tuple(sections))
    return Document("doc", "STANAG", f"STANAG {seed}", "Widgets", "Ed 1", "1", root, shown)


def _text(rng: random.Random, language: str) -> str:
    if language == "ja":
        return "".join(rng.choices("周波数帯域無線機標準規格試験方法装置部品", k=60)) + "周波数"
    words = [f"word{rng.randrange(3000)}" for _ in range(25)]
    return " ".join([*words, *rng.choices(("the", "band", "frequency", "fréquence"), k=4)])


def _edited(sections: tuple[Portion, ...]) -> tuple[Portion, ...]:
    """Every twentieth section with another text, every fiftieth away, one in another place."""
    kept = [s for n, s in enumerate(sections) if n % 50 != 7]
    edited = [
        replace(s, children=tuple(replace(p, text=f"{p.text} more words") for p in s.children))
        if n % 20 == 3
        else s
        for n, s in enumerate(kept)
    ]
    return (*edited[5:], *edited[:5])


def _cuts(documents: int, portions: int) -> list[Cut]:
    """Everything visible: what counts is how much the reader may see."""
    policy = bundled_policy().oid
    reader = Reader(policy, "FRA", 3)
    return [cut(_standard(portions, seed), reader, NOW) for seed in range(documents)]


def _tables() -> Iterator[tuple[str, bytes]]:
    """38 tables of 2,000 rows."""
    head = "lower_frequency\tupper_frequency\tservice\tcategory\tfootnotes\tapplications"
    for table in range(38):
        rng = random.Random(table)
        rows = [head]
        for low in range(0, 2_000_000_000, 1_000_000):
            use = rng.choice(("Defence systems", "ISM", "Land military systems", "Broadcasting"))
            rows.append(f"{low}\t{low + 1_000_000}\tFIXED\tp\tEU1\t{use}")
        yield ("eu" if table == 0 else f"n{table}"), "\n".join(rows).encode()
