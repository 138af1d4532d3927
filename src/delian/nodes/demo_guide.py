"""The short guide that the demonstration leaves in its folder."""

from collections.abc import Mapping
from typing import Any

_TEXT = """\
WHAT YOU JUST SAW, AND WHERE IT LIES
====================================

{nations} nations' agents, three compute hosts and a secretariat ran as separate processes on this
machine. All figures are invented. One machine gives no confidentiality: this demonstrates.

Read        edition-1/index.html    what industry gets: table first, then charts
            edition-1/demand.csv    the same for a program; demand-dictionary.csv explains columns
            edition-2/index.html    the next edition: what was carried forward, what reopened
Verify      ./start verify {release} --root {root}
            numbered checks, offline, with nothing but the files and the pinned root;
            change one byte in a file and try again
Attack      ./start attack {release} {second} --sheets {sheets}
            what any one nation could learn about another from both editions together;
            write your own: opened.json is described in docs/formats/opened.md
Look inside homes/FRA               one nation's node: its papers, its ledger, its log
            homes/alpha             one host: sealed parts only; it never held a figure
            ./start ledger check --home homes/SEC
Sheets      sheets/                 the {nations} plain sheets, here only so that you can judge

HOW CLOSE ANYBODY CAN COME
From released totals alone no nation can estimate another's figure from above closer than
{worst} % (the rule of these rounds asks for {rule} %). Using also that a chosen block passed the
rule, {with_rule} %: that margin can reach 0, and the terms' preview says so.

LIMITS
The cryptography has had no outside review. The three hosts must not collude: two together can
read everything. Not accredited for classified data. It protects against one nation, not two
together.
"""


def guide(answer: Mapping[str, Any]) -> str:
    """The guide's text for what the demonstration answered."""
    attack = answer["attack"]
    return _TEXT.format(
        nations=answer["nations"],
        release=answer["release"],
        second=answer["editions"][-1],
        root=answer["root"],
        sheets=answer["sheets"],
        worst=attack["worst_margin_percent"],
        with_rule=attack["worst_margin_with_rule_percent"],
        rule=attack["rule_percent"],
    )
