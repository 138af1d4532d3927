"""MPyC, an independent engine with other shares and other circuits, opens the same tables."""

import json
import os
import random
import socket
import subprocess
import sys
from pathlib import Path

from delian.protect.record import OpeningRecord
from delian.terms.round_terms import RoundTerms, Rule
from delian.terms.table import State, Table
from tests.edition_rig import Figures, Pipeline, make_frame, make_terms

ROOT = Path(__file__).resolve().parents[3]
NATIONS = ("AAA", "BBB", "CCC", "DDD")


def free_base_port() -> int:
    """Three neighboring ports that nobody uses now."""
    while True:
        base = random.randrange(20_000, 60_000)
        try:
            sockets = [socket.create_server(("127.0.0.1", base + i)) for i in range(3)]
        except OSError:
            continue
        for one in sockets:
            one.close()
        return base


def with_mpyc(
    folder: Path,
    terms: RoundTerms,
    figures: Figures,
    old: Figures,
    records: tuple[OpeningRecord, ...],
) -> Table:
    job, answer = folder / f"{terms.round_id}.json", folder / f"{terms.round_id}.out"
    plain = {
        "terms": terms.to_plain(),
        "figures": figures,
        "old": old,
        "records": [record.to_plain() for record in records],
    }
    job.write_text(json.dumps(plain))
    command = [sys.executable, "-m", "tests.mpyc_backend", str(job), str(answer)]
    subprocess.run(
        [*command, "-M3", "-B", str(free_base_port()), "--no-log"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"},
        check=True,
        timeout=120,
        capture_output=True,
    )
    return Table.from_plain(json.loads(answer.read_text()))


def test_mpyc_opens_the_same_over_two_editions(tmp_path: Path) -> None:
    frame = make_frame(["I0"], [2027, 2028, 2029], windows=[[2027, 2028], [2029]])
    rule = Rule(count_bands=(3, 4))
    old = {"AAA": [9, 30, 8], "BBB": [9, 9, 8], "CCC": [9, 2, 8], "DDD": [9, 0, 0]}
    new = {"AAA": [19, 30, 8], "BBB": [19, 9, 8], "CCC": [19, 2, 8], "DDD": [19, 0, 9]}
    clear = Pipeline()
    first = clear.run(make_terms(frame, NATIONS, round_id="R1", rule=rule), old)
    second = clear.run(make_terms(frame, NATIONS, round_id="R2", rule=rule), new)
    assert {b.state for b in second.table.blocks} == {State.REOPENED, State.CARRIED}
    terms = make_terms(frame, NATIONS, round_id="R1", rule=rule)
    found = with_mpyc(tmp_path, terms, old, old, ())
    assert (found.blocks, found.withheld) == (first.table.blocks, first.table.withheld)
    terms = make_terms(frame, NATIONS, round_id="R2", rule=rule)
    found = with_mpyc(tmp_path, terms, new, old, (first.record,))
    assert (found.blocks, found.withheld) == (second.table.blocks, second.table.withheld)
