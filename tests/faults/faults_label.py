"""Mistakes in the label room."""

from tests.faults.plant import Fault

LATTICE = ("property/test_label_lattice.py",)
DECIDE = ("property/test_label_decide.py",)
EXPRESSION = ("property/test_label_expression.py",)
XML = ("unit/label/test_label_4774.py",)
GUARD = ("unit/label/test_label_xml_guard.py",)
POLICY = ("unit/label/test_label_policy.py",)
DOCUMENTS = ("unit/label/test_label_documents.py",)
EQUIVALENCE = ("property/test_label_equivalence.py",)

FAULTS = (
    Fault(
        "label-1",
        "label/marking.py",
        "        a.audience & b.audience,",
        "        (a.audience & b.audience) or (a.audience | b.audience),",
        "an empty intersection would open the whole to everybody: the trap of the standard",
        LATTICE,
    ),
    Fault(
        "label-2",
        "label/marking.py",
        "        max(a.level, b.level),",
        "        a.level,",
        "something secret joined to something open would be open",
        LATTICE,
    ),
    Fault(
        "label-3",
        "label/marking.py",
        "    if reader.level < marking.level:",
        "    if reader.level < marking.level - 1:",
        "every reader would be cleared one level higher than they are",
        LATTICE,
    ),
    Fault(
        "label-4",
        "label/marking.py",
        "    missing = sorted(marking.restrictive - reader.holds)",
        "    missing = sorted(marking.restrictive - reader.holds)"
        " if not marking.restrictive & reader.holds else []",
        "holding one of two categories would be enough",
        LATTICE,
    ),
    Fault(
        "label-5",
        "label/decide.py",
        "        levels = (2 << marking.level) - 1",
        "        levels = (1 << marking.level) - 1",
        "the fast decision would let a reader one level too low pass",
        DECIDE,
    ),
    Fault(
        "label-6",
        "label/decide.py",
        "        place = self._place.get(reader.affiliation, self._stranger)",
        "        place = self._place.get(reader.affiliation, 0)",
        "somebody whose affiliation nobody knows would read everything",
        DECIDE,
    ),
    Fault(
        "label-7",
        "label/expression.py",
        "    if not audience:\n",
        "    if audience is None:\n",
        "nobody would be written as a form that another product reads as everybody",
        (*EXPRESSION, *XML),
    ),
    Fault(
        "label-8",
        "label/expression.py",
        "        if value.members <= wanted and value.members & left:",
        "        if value.members & left:",
        "a group would be named that reaches beyond the audience",
        EXPRESSION,
    ),
    Fault(
        "label-9",
        "label/expression.py",
        '    if (len(values) == 2) != ("releasable" in found):',
        '    if len(values) == 2 and "releasable" not in found:',
        "a label that another product opens to members only would be read as released",
        XML,
    ),
    Fault(
        "label-10",
        "label/expression.py",
        '    if "releasable" in found and "only" in found:',
        '    if "releasable" in found and "only" in found and not context.members:',
        "a label that widens and narrows at once would be read in one of two ways",
        XML,
    ),
    Fault(
        "label-11",
        "label/xml_guard.py",
        '    if "<!" in body or "<?" in body:',
        '    if "<!DOCTYPE" in body or "<?" in body:',
        "a comment could split a classification in two, and a reader see its first half",
        GUARD,
    ),
    Fault(
        "label-12",
        "label/grammar4774.py",
        '    if root.get("ReviewDateTime") is None and not _child(root, "SuccessionHandling"):',
        '    if root.get("ReviewDateTime") is None and _child(root, "SuccessionHandling"):',
        "labels without review date would pass, which the standard forbids in prose only",
        XML,
    ),
    Fault(
        "label-13",
        "label/label.py",
        "    if late is None or now_utc < late.when_utc:",
        "    if late is None or label.created_utc < late.when_utc:",
        "a successor would never come into force, or too early",
        XML,
    ),
    Fault(
        "label-14",
        "label/policy.py",
        "            if values.get(value.value) != value.members:",
        "            if value.value not in values:",
        "a nation that joins later would gain everything that was released before",
        POLICY,
    ),
    Fault(
        "label-15",
        "label/equivalence.py",
        "    if not equivalence.valid_from_utc <= now_utc < equivalence.valid_until_utc:",
        "    if not equivalence.valid_from_utc <= now_utc <= equivalence.valid_until_utc:",
        "an agreement would be applied at the moment it has ended",
        EQUIVALENCE,
    ),
    Fault(
        "label-16",
        "label/stanag5636.py",
        "    if kept.succession is not None:\n",
        "    if kept.succession is not None and not drop:\n",
        "a label that opens later would travel without saying so",
        DOCUMENTS,
    ),
)
