"""Mistakes in the exchange room's messages, state machines, rules, catalogue and repetitions."""

from tests.faults.plant import Fault

MACHINES = "property/test_exchange_machines.py"
MESSAGES = "property/test_exchange_messages.py"
RULES = "property/test_exchange_odrl.py"
CATALOGUE = "property/test_exchange_catalogue.py"
SEQUENCES = "e2e/test_e2e_exchange_sequences.py"

FAULTS = (
    Fault(
        "exchange-core-1",
        "exchange/negotiation.py",
        "        ContractAgreement: frozenset({S.REQUESTED, S.ACCEPTED}),",
        "        ContractAgreement: frozenset({S.REQUESTED, S.OFFERED, S.ACCEPTED}),",
        "a provider could bind a consumer that has not accepted",
        (MACHINES,),
    ),
    Fault(
        "exchange-core-2",
        "exchange/negotiation.py",
        "    check_peer(n, sender)\n    ours, theirs",
        "    ours, theirs",
        "whoever learns two identifiers could act in another's negotiation",
        (MACHINES,),
    ),
    Fault(
        "exchange-core-3",
        "exchange/negotiation.py",
        "    if n.agreement.terms_digest != n.offer.terms_digest:",
        "    if n.agreement.id == n.offer.id:",
        "a consumer would verify terms that it never asked for",
        (MACHINES,),
    ),
    Fault(
        "exchange-core-4",
        "exchange/transfer.py",
        "        return starter is Role.PROVIDER or t.suspended_by is Role.CONSUMER",
        "        return True",
        "a reader could undo a withdrawal",
        (MACHINES, SEQUENCES + "::test_pull_works_once_and_only_while_it_runs"),
    ),
    Fault(
        "exchange-core-5",
        "exchange/odrl.py",
        '        if name not in _RULE_MEMBERS or (name == "duty" and not may_owe):',
        '        if name == "duty" and not may_owe:',
        "a rule that narrows itself in an unknown way would lose its narrowing",
        (RULES,),
    ),
    Fault(
        "exchange-core-6",
        "exchange/odrl.py",
        "    if isinstance(right, tuple) and condition.operator in _SET_OPERATORS:",
        "    if isinstance(right, tuple):",
        "two different ordered operands would count as the same terms",
        (RULES,),
    ),
    Fault(
        "exchange-core-7",
        "exchange/plain.py",
        "    if len(found) != len(pairs):",
        "    if len(found) > len(pairs):",
        "two readers could see two different members of the same name",
        (MESSAGES,),
    ),
    Fault(
        "exchange-core-8",
        "exchange/errors.py",
        '["there is no such thing here for you"] if hidden else _reasons(error)',
        "_reasons(error)",
        "a stranger would learn which processes exist",
        (MESSAGES,),
    ),
    Fault(
        "exchange-core-9",
        "exchange/catalogue_pages.py",
        "    while is_more and len(shown) < limit and looks < MAX_LOOKS + skip:",
        "    while is_more and len(shown) < limit:",
        "one request could walk a whole catalogue",
        (CATALOGUE,),
    ),
    Fault(
        "exchange-core-10",
        "exchange/catalogue_filter.py",
        '            case "!=":\n                return all(t not in self.values for t in texts)',
        '            case "!=":\n                return any(t not in self.values for t in texts)',
        "a dataset with one other keyword would slip through an exclusion",
        (CATALOGUE,),
    ),
    Fault(
        "exchange-core-11",
        "exchange/message_parts.py",
        "    bad = any(sign in rest for sign in ",
        "    bad = any(sign in '' for sign in ",
        "a callback address could carry a user name or a query of its own",
        (MESSAGES,),
    ),
    Fault(
        "exchange-core-12",
        "exchange/repeats.py",
        '            plain["agreement"] = [policy.target, policy.assignee, policy.terms_digest]',
        '            plain["agreement"] = [policy.target, policy.assignee]',
        "an agreement to other terms would be answered as the one already known",
        (MESSAGES,),
    ),
)
