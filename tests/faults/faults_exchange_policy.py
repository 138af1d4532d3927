"""Mistakes in the policy profile, in trust profiles and in offers made of labels."""

from tests.faults.plant import Fault

PROFILE = "property/test_exchange_profile.py"
WORDS = "unit/exchange/test_exchange_policy_words.py"
TRUST = "unit/exchange/test_exchange_trust.py"
COMMON = "property/test_exchange_trust_laws.py"
OFFERS = "property/test_exchange_offering.py"

FAULTS = (
    Fault(
        "exchange-policy-1",
        "exchange/profile.py",
        "            if any(_weigh(rule.nodes, context, reader) != NO for",
        "            if any(_weigh(rule.nodes, context, reader) == YES for",
        "whoever withholds a claim would slip past a prohibition",
        (WORDS, PROFILE),
    ),
    Fault(
        "exchange-policy-2",
        "exchange/profile.py",
        "                if not rule.strange and _weigh(",
        "                if _weigh(",
        "a permission with a duty that nobody understands would allow",
        (WORDS, PROFILE),
    ),
    Fault(
        "exchange-policy-3",
        "exchange/profile.py",
        "        and marking.restrictive <= reader.holds\n",
        "",
        "the name of a category would be shown to whoever is not admitted to it",
        (PROFILE,),
    ),
    Fault(
        "exchange-policy-4",
        "exchange/profile_terms.py",
        "        if weights.count(YES) > 1:\n            return NO\n",
        "",
        "exactly one would mean at least one",
        (WORDS, PROFILE),
    ),
    Fault(
        "exchange-policy-5",
        "exchange/profile_terms.py",
        "            return YES if context.uses < most else NO",
        "            return YES if context.uses <= most else NO",
        "one transfer more than agreed would be served",
        (WORDS, PROFILE),
    ),
    Fault(
        "exchange-policy-6",
        "exchange/answer.py",
        "        if not self.is_visible:\n            return (NOT_OPEN,)\n",
        "",
        "a refusal would tell what kind of offer it is that one may not know of",
        (WORDS, PROFILE),
    ),
    Fault(
        "exchange-policy-7",
        "exchange/trust.py",
        "                yield Reader(policy, party, min(int(str(level)), entry.level), held)",
        "                yield Reader(policy, party, int(str(level)), held)",
        "an issuer could vouch for any level",
        (TRUST,),
    ),
    Fault(
        "exchange-policy-8",
        "exchange/trust.py",
        "        is_meant = entry.issuer == claim.issuer and entry.scope is scope",
        "        is_meant = entry.issuer == claim.issuer",
        "an issuer would be believed outside of its scope",
        (TRUST,),
    ),
    Fault(
        "exchange-policy-9",
        "exchange/trust_compare.py",
        "    level = min(left.level, right.level)",
        "    level = max(left.level, right.level)",
        "two profiles would seem to accept what one of them does not",
        (COMMON, TRUST),
    ),
    Fault(
        "exchange-policy-10",
        "exchange/offering.py",
        "        constraints += marking_constraints(effective(label, now_utc).marking)",
        "        constraints += marking_constraints(label.marking)",
        "a label that was succeeded would go on opening what its successor closes",
        (OFFERS,),
    ),
)
