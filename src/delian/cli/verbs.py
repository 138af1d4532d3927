"""The verbs of the command line: one line each, in the order in which a newcomer meets them.

This table is read before anything is installed (by ``start``, for its help), so it uses the
standard library only. A verb lives in the module of its name beside this file and is loaded
only when it is called.
"""

from typing import NamedTuple


class Verb(NamedTuple):
    """One command.

    Args:
        name: What the user types; ``delian.cli.<name>`` holds its ``command``.
        about: What it does, in one line.
        group: The heading under which the overview lists it.
        needs_tests: It needs the packages of ``requirements-test.lock``.
    """

    name: str
    about: str
    group: str
    needs_tests: bool = False


SEE, NATION, OPERATOR = "See it", "A nation", "An operator"
READER, DEVELOPER = "A reader", "A developer"

VERBS = (
    Verb("demo", "one whole round of an invented alliance, before your eyes", SEE),
    Verb("sheet", "make an empty requirement sheet, check a filled one", NATION),
    Verb("contribute", "show, confirm, seal and send a filled sheet", NATION),
    Verb("absent", "state that this nation takes no part in a round", NATION),
    Verb("agent", "run a nation's agent, and speak as its officer", NATION),
    Verb("init", "begin a partnership: keys, roster, homes, root", OPERATOR),
    Verb("host", "run one of the three compute hosts", OPERATOR),
    Verb("secretariat", "run the secretariat and give it orders", OPERATOR),
    Verb("courier", "papers as files, for a memory stick or a mail gateway", OPERATOR),
    Verb("status", "what waits for me, until when, and who is missing", OPERATOR),
    Verb("doctor", "clock, links, certificates, disk, keys, ledger of a node", OPERATOR),
    Verb("keys", "list, back up, restore and rotate the keys of a home", OPERATOR),
    Verb("explain", "why: a paper, its signers, its ledger entry, its outcome", OPERATOR),
    Verb("exchange", "offer, find, contract and fetch in a data space", OPERATOR),
    Verb("standards", "portions, marks, what a recipient sees, words, bands", OPERATOR),
    Verb("verify", "check a release offline, by its files and a pinned root alone", READER),
    Verb("attack", "try to undo releases; a tool that needs the true figures", READER),
    Verb("label", "what a label says, who may read under it, its wire forms", READER),
    Verb("ledger", "what happened at a node, and that nobody has changed it", READER),
    Verb("bench", "measure, each figure beside its reference in the same run", DEVELOPER),
    Verb("campaign", "run one long trial: kills, faults, attacks, fuzz", DEVELOPER, True),
    Verb("conformance", "drive our clients by a public conformance suite", DEVELOPER, True),
    Verb("test", "run the test suite", DEVELOPER, True),
    Verb("check", "lint, types, floors of the house", DEVELOPER, True),
)

_INTRODUCTION = """\
Delian tells industry what to build without anyone learning who needs it.

Every nation's confidential requirement sheet goes in, split and sealed for three hosts that
do not trust each other. A table that industry can bank on comes out, after every nation has
agreed to its exact bytes. No machine, operator, ally or reader learns a nation's figure.
"""

_FIRST_STEPS = """\
Begin with
  {program} demo                          one whole round on this machine
  {program} verify FOLDER --root FILE     check a release with nothing but its files

Every command explains itself: {program} COMMAND --help
With --json a command prints one object, also when it fails.
Exit: 0 done, 1 refused, 2 bad input, 3 a check failed, 4 not yet, 5 unavailable.
"""


def overview(program: str) -> str:
    """The help that a newcomer reads: what this is, how to begin, every verb by who uses it.

    Args:
        program: How the reader called us, ``./start`` or ``delian``.
    """
    width = max(len(verb.name) for verb in VERBS)
    groups = [_INTRODUCTION, _FIRST_STEPS.format(program=program)]
    for group in dict.fromkeys(verb.group for verb in VERBS):
        lines = [f"{v.name:<{width}}  {v.about}" for v in VERBS if v.group == group]
        groups.append("\n  ".join([group, *lines]) + "\n")
    return "\n".join(groups).rstrip()


def find(name: str) -> Verb | None:
    """The verb of this name, or None."""
    return next((verb for verb in VERBS if verb.name == name), None)
