"""The term tables behind the contexts that we know by name: what each word stands for.

Facts only: names and the IRIs they stand for, in our own arrangement. A context that is not in
``CONTEXTS`` is never fetched; a message that needs it is refused with its name.
"""

from typing import Any, Final

DSP_CONTEXT: Final = "https://w3id.org/dspace/2025/1/context.jsonld"
DSP_ODRL_CONTEXT: Final = "https://w3id.org/dspace/2025/1/odrl-profile.jsonld"
ODRL_CONTEXT: Final = "http://www.w3.org/ns/odrl.jsonld"
EDC_CONTEXT: Final = "https://w3id.org/edc/dspace/v0.0.1"

DSPACE: Final = "https://w3id.org/dspace/2025/1/"
ODRL: Final = "http://www.w3.org/ns/odrl/2/"
DCAT: Final = "http://www.w3.org/ns/dcat#"
DCT: Final = "http://purl.org/dc/terms/"
EDC: Final = "https://w3id.org/edc/v0.0.1/ns/"
XSD: Final = "http://www.w3.org/2001/XMLSchema#"

PREFIXES: Final = {"dspace": DSPACE, "odrl": ODRL, "dcat": DCAT, "dct": DCT, "xsd": XSD}

# A word that no context explains keeps this in front while a message is being understood, so
# that it is seen where it stands instead of silently dropped.
UNEXPLAINED: Final = "urn:delian:unexplained:"

_MESSAGES = (
    "CatalogRequestMessage DatasetRequestMessage CatalogError ContractRequestMessage "
    "ContractOfferMessage ContractAgreementMessage ContractAgreementVerificationMessage "
    "ContractNegotiationEventMessage ContractNegotiationTerminationMessage ContractNegotiation "
    "ContractNegotiationError TransferRequestMessage TransferStartMessage "
    "TransferCompletionMessage TransferSuspensionMessage TransferTerminationMessage "
    "TransferProcess TransferError VersionsError DataAddress EndpointProperty"
)
_STATES = (
    "REQUESTED OFFERED ACCEPTED AGREED VERIFIED FINALIZED TERMINATED STARTED COMPLETED SUSPENDED"
)
_POLICY_CLASSES = (
    "Policy Rule Offer Agreement Set Asset Action Permission Prohibition Duty Constraint "
    "Operator RightOperand LeftOperand Assertion"
)
_POLICY_VALUES = (
    "use prohibit eq gt gteq lt lteq neq isA hasPart isPartOf isAllOf isAnyOf isNoneOf "
    "rightOperand or xone and andSequence"
)
# Words whose value is a node of its own, never a name alone.
_HOLDERS = (
    "hasPolicy permission prohibition obligation duty constraint offer agreement catalog "
    "dataset distribution service"
)
# Words that only the W3C context of ODRL explains; the protocol's own context knows them not.
_POLICY_OPERANDS = (
    "absolutePosition absoluteSize absoluteSpatialPosition absoluteTemporalPosition count "
    "dateTime delayPeriod deliveryChannel elapsedTime event fileFormat industry language media "
    "meteredTime payAmount percentage product purpose recipient relativePosition relativeSize "
    "resolution spatial spatialCoordinates systemDevice timeInterval unitOfCount version "
    "virtualLocation distribute read display derive reproduce inform attribute"
)


def _plain(words: str, base: str) -> dict[str, Any]:
    return {word: base + word for word in words.split()}


def _link(words: str, base: str, kind: str = "@id") -> dict[str, Any]:
    return {word: {"@id": base + word, "@type": kind} for word in words.split()}


def _many(words: str, base: str, kind: str | None = None) -> dict[str, Any]:
    typed = {} if kind is None else {"@type": kind}
    return {word: {"@id": base + word, "@container": "@set", **typed} for word in words.split()}


POLICY_TERMS: Final[dict[str, Any]] = {
    "odrl": ODRL,
    **_plain(_POLICY_CLASSES, ODRL),
    **_plain(_POLICY_VALUES, ODRL),
    **_link("profile target assigner assignee", ODRL),
    **_link("action operator leftOperand", ODRL, "@vocab"),
    **_many("hasPolicy permission prohibition obligation duty constraint", ODRL, "@id"),
}

CATALOG_WORDS: Final = (
    "catalog",
    "dataset",
    "distribution",
    "service",
    "accessService",
    "endpointURL",
)

DSP_TERMS: Final[dict[str, Any]] = {
    **PREFIXES,
    **POLICY_TERMS,
    **_plain(_MESSAGES, DSPACE),
    **_plain(_STATES, DSPACE),
    **_plain("code callbackAddress dataAddress endpoint name value timestamp", DSPACE),
    **_link("providerPid consumerPid agreementId offer agreement participantId", DSPACE),
    **_link("state eventType endpointType", DSPACE, "@vocab"),
    **_many("filter reason endpointProperties", DSPACE),
    **_plain("Catalog Dataset Distribution DataService Resource", DCAT),
    **_plain("endpointDescription", DCAT),
    **_link("accessService", DCAT),
    **_plain("endpointURL", DCAT),
    **_many("catalog dataset distribution service", DCAT, "@id"),
    **_many("keyword", DCAT),
    **_plain("title description issued modified creator identifier", DCT),
    # In a query of EDC this word is another one, so its meaning may change inside.
    "operator": {"@id": f"{ODRL}operator", "@type": "@vocab", "@protected": False},
    "format": {"@id": f"{DCT}format", "@type": "@vocab"},
}

_QUERY = {
    **_plain("sortOrder sortField offset limit", EDC),
    **_many("filterExpression", EDC),
}
_CRITERION = _plain("operandLeft operator operandRight", EDC)

EDC_TERMS: Final[dict[str, Any]] = {
    "edc": EDC,
    "QuerySpec": {"@id": f"{EDC}QuerySpec", "@context": _QUERY},
    "Criterion": {"@id": f"{EDC}Criterion", "@context": _CRITERION},
    **_plain("inForceDate id isCatalog", EDC),
}

CONTEXTS: Final[dict[str, dict[str, Any]]] = {
    DSP_CONTEXT: {"@version": 1.1, "@protected": True, **DSP_TERMS},
    DSP_ODRL_CONTEXT: {"@version": 1.1, **POLICY_TERMS},
    ODRL_CONTEXT: {"@version": 1.1, **POLICY_TERMS, **_plain(_POLICY_OPERANDS, ODRL)},
    "https://www.w3.org/ns/odrl.jsonld": {
        "@version": 1.1,
        **POLICY_TERMS,
        **_plain(_POLICY_OPERANDS, ODRL),
    },
    EDC_CONTEXT: {"@version": 1.1, **EDC_TERMS},
}

SCOPED_TYPES: Final = frozenset(
    word
    for table in CONTEXTS.values()
    for word, meaning in table.items()
    if isinstance(meaning, dict) and "@context" in meaning
)

# The words of the protocol whose value names something ("@id": anything, "@vocab": a word), and
# those whose value is a text; older connectors write the one where the other is meant.
LINKS: Final[dict[str, str]] = {
    term["@id"]: term["@type"]
    for name, term in DSP_TERMS.items()
    if isinstance(term, dict) and "@type" in term and name not in _HOLDERS.split()
}
TEXTS: Final = frozenset(
    _plain("code callbackAddress endpoint name timestamp reason", DSPACE).values()
) | {f"{DCAT}endpointURL"}

# What may stand inside a policy; anything else there would be a condition that nobody reads.
_POLICY_MEMBERS = (
    "permission prohibition obligation constraint action operator leftOperand rightOperand "
    "target assigner assignee profile and or xone andSequence"
)
POLICY_MEMBERS: Final = frozenset(
    {*_plain(_POLICY_MEMBERS, ODRL).values(), f"{DSPACE}timestamp", f"{DCT}description"}
)
POLICY_HOLDERS: Final = frozenset({f"{ODRL}hasPolicy", f"{DSPACE}offer", f"{DSPACE}agreement"})
