"""STANAG 4774 labels in XML: written exactly or not at all, read strictly or refused.

May touch: lxml. See ``docs/formats/label-4774.md`` for the form and an example.
"""

from typing import Any

from lxml import etree

from delian.label.errors import InexpressibleError, LabelFormError, PolicyMismatchError
from delian.label.expression import Category, categories, interpret
from delian.label.grammar4774 import NAMESPACE, ROOTS, element_findings, read_time
from delian.label.label import ROLES, Label, Originator, Succession, id_type
from delian.label.policy import Policy
from delian.label.xml_guard import parse_xml
from delian.terms.encode import utc_text

_SPACE = " \t\r\n"


def to_xml(label: Label, policy: Policy) -> bytes:
    """*label* as one XML document, without an ``Id``.

    Guarantees:
        ``from_xml`` gives the same label back; the document has no findings of the grammar
        (``tests/property/test_label_expression.py``).

    Raises:
        InexpressibleError: an audience without an exact form, or neither a review date nor a
            successor, which the standard demands.
        RefusedError: the label does not fit the policy.
    """
    if label.review_utc is None and label.succession is None:
        raise InexpressibleError(
            "the standard demands a review date or a successor",
            hint="give the label a review date",
        )
    root = etree.Element(_tag(ROOTS[ROLES.index(label.role)]), nsmap={"slab": NAMESPACE})
    if label.review_utc is not None:
        root.set("ReviewDateTime", utc_text(label.review_utc))
    _fill(root, label, policy)
    if label.succession is not None:
        handling = etree.SubElement(root, _tag("SuccessionHandling"))
        _add(handling, "SuccessionDateTime", utc_text(label.succession.when_utc))
        successor = etree.SubElement(handling, _tag("SuccessorConfidentialityLabel"))
        _fill(successor, label.succession.label, policy)
    body: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
    if from_xml(body, policy) != label:
        raise InexpressibleError("the XML would not say exactly what the label says")
    return body


def from_xml(data: bytes, policy: Policy) -> Label:
    """The label in *data*, in the spelling of *policy*.

    Raises:
        LabelFormError: breaks a rule of the grammar; names the first one and where.
        PolicyMismatchError: written under another policy.
        RefusedError: an unknown value; a missing, mixed or unknown owner.
    """
    root = parse_xml(data)
    broken = element_findings(root)
    if broken:
        first = broken[0]
        raise LabelFormError(
            f"not a STANAG 4774 label: {first.message}",
            hint=f"rule '{first.rule}', {len(broken)} broken in all",
            where=first.where,
        )
    role = ROLES[ROOTS.index(str(etree.QName(root).localname))]
    review = root.get("ReviewDateTime")
    handling = root.find(_tag("SuccessionHandling"))
    succession = None
    if handling is not None:
        when = _moment(_string(handling, "SuccessionDateTime"))
        inner = handling.find(_tag("SuccessorConfidentialityLabel"))
        succession = Succession(when, _read(inner, policy))
    label = _read(root, policy)
    return Label(
        marking=label.marking,
        context=label.context,
        originator=label.originator,
        created_utc=label.created_utc,
        review_utc=_moment(review) if review is not None else None,
        succession=succession,
        informative=label.informative,
        privacy_mark=label.privacy_mark,
        role=role,
    )


def _fill(parent: Any, label: Label, policy: Policy) -> None:
    information = etree.SubElement(parent, _tag("ConfidentialityInformation"))
    _add(information, "PolicyIdentifier", policy.name, URI=f"urn:oid:{policy.oid}")
    _add(information, "Classification", policy.level_at(label.marking.level).name)
    if label.privacy_mark is not None:
        _add(information, "PrivacyMark", label.privacy_mark)
    for tag in categories(label, policy):
        element = etree.SubElement(information, _tag("Category"))
        element.set("Type", tag.kind)
        element.set("TagName", tag.name)
        element.set("URI", f"urn:oid:{tag.oid}")
        for value in tag.values:
            _add(element, "GenericValue", value)
    if label.originator is not None:
        _add(parent, "OriginatorID", label.originator.value, IDType=label.originator.id_type)
    _add(parent, "CreationDateTime", utc_text(label.created_utc))


def _read(element: Any, policy: Policy) -> Label:
    information = element.find(_tag("ConfidentialityInformation"))
    _same_policy(information.find(_tag("PolicyIdentifier")), policy)
    meaning = interpret(
        policy,
        _token(_string(information, "Classification")),
        [_category(item) for item in information.findall(_tag("Category"))],
    )
    origin = element.find(_tag("OriginatorID"))
    mark = information.find(_tag("PrivacyMark"))
    return Label(
        marking=meaning.marking,
        context=meaning.context,
        originator=Originator(id_type(origin.get("IDType")), origin.text or "")
        if origin is not None
        else None,
        created_utc=_moment(_string(element, "CreationDateTime")),
        informative=meaning.informative,
        privacy_mark=(mark.text or "") if mark is not None else None,
    )


def _same_policy(element: Any, policy: Policy) -> None:
    uri = element.get("URI")
    named = policy.fold(_token(element.text or "")) == policy.fold(policy.name)
    if not named or uri not in (None, f"urn:oid:{policy.oid}"):
        raise PolicyMismatchError(
            "the label is written under another policy",
            hint="read it with that policy, then translate it by an equivalence in force",
        )


def _category(element: Any) -> Category:
    uri = element.get("URI")
    return Category(
        element.get("Type"),
        element.get("TagName"),
        uri.removeprefix("urn:oid:") if uri is not None else None,
        tuple(value.text or "" for value in element),
    )


def _moment(text: str) -> Any:
    moment = read_time(text)
    if moment is None:
        raise LabelFormError("a date of the label cannot be read")
    return moment


def _string(element: Any, name: str) -> str:
    found = element.find(_tag(name))
    return str(found.text or "")


def _token(text: str) -> str:
    """White space as XML schema's token type sees it."""
    for space in _SPACE:
        text = text.replace(space, " ")
    return " ".join(part for part in text.split(" ") if part)


def _add(parent: Any, name: str, text: str, **attributes: str) -> None:
    element = etree.SubElement(parent, _tag(name), attributes)
    element.text = text


def _tag(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"
