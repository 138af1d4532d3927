"""Markings, their lattice, their wire forms and the policies behind them."""

from delian.label.bundled import DELIAN_LEAGUE, NATO_LIKE, bundled_policy
from delian.label.check4774 import Report, check
from delian.label.decide import Alphabet, permits, readable
from delian.label.equivalence import Equivalence, translate
from delian.label.expression import compose
from delian.label.label import Label, Originator, Succession, dominant, effective
from delian.label.marking import Marking, Reader, Verdict, join, leq, may_read, meet
from delian.label.phrase import bilingual, marking_text
from delian.label.policy import Policy, check_edition
from delian.label.signed import open_equivalence, open_policy, sign_equivalence, sign_policy
from delian.label.stanag4774 import from_xml, to_xml
from delian.label.stanag5636 import from_json, to_json
from delian.label.vocabulary import Phrase

__all__ = [
    "DELIAN_LEAGUE",
    "NATO_LIKE",
    "Alphabet",
    "Equivalence",
    "Label",
    "Marking",
    "Originator",
    "Phrase",
    "Policy",
    "Reader",
    "Report",
    "Succession",
    "Verdict",
    "bilingual",
    "bundled_policy",
    "check",
    "check_edition",
    "compose",
    "dominant",
    "effective",
    "from_json",
    "from_xml",
    "join",
    "leq",
    "marking_text",
    "may_read",
    "meet",
    "open_equivalence",
    "open_policy",
    "permits",
    "readable",
    "sign_equivalence",
    "sign_policy",
    "to_json",
    "to_xml",
    "translate",
]
