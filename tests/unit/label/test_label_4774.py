"""The XML codec on a label as another product would write it, and on everything done to it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from delian.label import (
    NATO_LIKE,
    Label,
    Marking,
    Originator,
    Succession,
    bundled_policy,
    check,
    compose,
    effective,
    from_xml,
    to_xml,
)
from delian.label.errors import (
    InexpressibleError,
    LabelContextError,
    LabelFormError,
    LabelValueError,
    PolicyMismatchError,
)
from delian.label.grammar4774 import RULES, findings
from delian.label.label import review_is_due

OWN_SCHEMA = Path(__file__).parents[2] / "vectors" / "label_4774_grammar.xsd"
POLICY = bundled_policy(NATO_LIKE)
MEMBERS = POLICY.context("NATO").members
AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
EXAMPLE = """<?xml version="1.0" encoding="UTF-8"?>
<s:originatorConfidentialityLabel xmlns:s="urn:nato:stanag:4774:confidentialitymetadatalabel:1:0"
  Id="label-1" ReviewDateTime="2031-11-20T00:00:00Z">
 <s:ConfidentialityInformation>
  <s:PolicyIdentifier URI="urn:oid:1.3.26.1.3.1">NATO</s:PolicyIdentifier>
  <s:Classification> Restricted </s:Classification>
  <s:Category TagName="Context" Type="PERMISSIVE" URI="urn:oid:1.3.26.1.4.4">
   <s:GenericValue>NATO</s:GenericValue><s:GenericValue>Releasable</s:GenericValue>
  </s:Category>
  <s:Category TagName="Releasable To" Type="PERMISSIVE" URI="urn:oid:1.3.26.1.4.2">
   <s:GenericValue>NATO</s:GenericValue><s:GenericValue>JPN</s:GenericValue>
  </s:Category>
 </s:ConfidentialityInformation>
 <s:OriginatorID IDType="rfc822Name">staff@example.org</s:OriginatorID>
 <s:CreationDateTime>2026-11-20T10:00:00+01:00</s:CreationDateTime>
 <s:SuccessionHandling>
  <s:SuccessionDateTime>2028-11-20T00:00:00Z</s:SuccessionDateTime>
  <s:SuccessorConfidentialityLabel>
   <s:ConfidentialityInformation>
    <s:PolicyIdentifier>NATO</s:PolicyIdentifier><s:Classification>UNCLASSIFIED</s:Classification>
    <s:Category TagName="Context" Type="PERMISSIVE">
     <s:GenericValue>nato</s:GenericValue>
    </s:Category>
   </s:ConfidentialityInformation>
   <s:CreationDateTime>2026-11-20T09:00:00Z</s:CreationDateTime>
  </s:SuccessorConfidentialityLabel>
 </s:SuccessionHandling>
</s:originatorConfidentialityLabel>
"""
XS = b'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">%s</xs:schema>'
ONLY = (
    '<s:Category TagName="Only" Type="PERMISSIVE"><s:GenericValue>FRA</s:GenericValue></s:Category>'
    "</s:ConfidentialityInformation>"
)
MEANT = Label(
    Marking(POLICY.oid, 2, MEMBERS | {"JPN"}),
    "NATO",
    Originator("rfc822Name", "staff@example.org"),
    AT,
    datetime(2031, 11, 20, tzinfo=UTC),
    Succession(
        datetime(2028, 11, 20, tzinfo=UTC), Label(Marking(POLICY.oid, 1, MEMBERS), "NATO", None, AT)
    ),
)


def changed(old, new, count=1):
    assert EXAMPLE.count(old) >= 1, old
    return EXAMPLE.replace(old, new, count).encode()


def test_a_label_of_another_product_is_read_for_exactly_what_it_says():
    assert from_xml(EXAMPLE.encode(), POLICY) == MEANT
    assert from_xml(to_xml(MEANT, POLICY), POLICY) == MEANT


def test_the_successor_counts_from_its_date_and_a_review_date_changes_nothing():
    when = MEANT.succession.when_utc
    assert effective(MEANT, when - timedelta(microseconds=1)) == MEANT
    assert effective(MEANT, when).marking == Marking(POLICY.oid, 1, MEMBERS)
    plain = replace(MEANT, succession=None)
    assert effective(plain, plain.review_utc + timedelta(days=1)) == plain
    assert review_is_due(plain, plain.review_utc)
    assert not review_is_due(plain, plain.review_utc - timedelta(microseconds=1))


# Each mutation breaks one rule of the grammar. The last column: does our second statement of
# the schema refuse it too? The rules that only the prose states it lets through.
MUTATIONS = [
    ("root", "s:originatorConfidentialityLabel", "s:ConfidentialityLabel", 2, True),
    ("root", "label:1:0", "label:2:0", 1, True),
    ("attribute", "<s:GenericValue>NATO", '<s:GenericValue Lang="en">NATO', 1, True),
    ("attribute", 'Id="label-1"', 'Secret="no"', 1, False),
    ("attribute-missing", ' TagName="Context"', "", 1, True),
    ("attribute-missing", ' Type="PERMISSIVE"', "", 1, True),
    ("attribute-missing", ' IDType="rfc822Name"', "", 1, True),
    (
        "content",
        " <s:CreationDateTime>2026-11-20T10:00:00+01:00</s:CreationDateTime>\n",
        "",
        1,
        True,
    ),
    ("content", "<s:Classification> Restricted </s:Classification>", "", 1, True),
    ("content", "<s:PolicyIdentifier>NATO</s:PolicyIdentifier>", "", 1, True),
    ("content", "<s:SuccessionDateTime>2028-11-20T00:00:00Z</s:SuccessionDateTime>", "", 1, True),
    (
        "content",
        "<s:Classification> Restricted </s:Classification>",
        "<s:Classification>RESTRICTED</s:Classification><s:Classification>SECRET</s:Classification>",
        1,
        True,
    ),
    (
        "content",
        "</s:ConfidentialityInformation>",
        '<x:Marking xmlns:x="urn:x">SECRET</x:Marking></s:ConfidentialityInformation>',
        1,
        False,
    ),
    ("text", "<s:ConfidentialityInformation>", "<s:ConfidentialityInformation>SECRET", 1, True),
    ("text", "</s:Category>", "</s:Category>SECRET", 1, True),
    ("text", " Restricted ", " ", 1, True),
    ("text", ">NATO</s:PolicyIdentifier>", "></s:PolicyIdentifier>", 1, True),
    ("time", "2031-11-20T00:00:00Z", "2031-11-20", 1, True),
    ("time", "2031-11-20T00:00:00Z", "2031-13-20T00:00:00Z", 1, True),
    ("time", "2031-11-20T00:00:00Z", "2031-11-20T00:00:00", 1, False),
    ("time", "2026-11-20T10:00:00+01:00", "yesterday", 1, True),
    ("time", "2028-11-20T00:00:00Z", "2028-02-30T00:00:00Z", 1, True),
    ("enum", 'Type="PERMISSIVE"', 'Type="permissive"', 1, True),
    ("enum", "rfc822Name", "email", 1, True),
    ("uri", "urn:oid:1.3.26.1.4.4", "urn:uuid:1.3.26.1.4.4", 1, False),
    ("uri", "urn:oid:1.3.26.1.3.1", "urn:oid:1.03", 1, False),
    ("classification-uri", "<s:Classification>", '<s:Classification URI="urn:oid:1.2">', 1, False),
    (
        "generic",
        "<s:GenericValue>JPN</s:GenericValue>",
        "<s:IntegerValue>5</s:IntegerValue>",
        1,
        False,
    ),
    (
        "generic",
        "<s:GenericValue>JPN</s:GenericValue>",
        "<s:BitStringValue>01</s:BitStringValue>",
        1,
        False,
    ),
    ("id", 'Id="label-1"', 'Id="1:label"', 1, True),
]


@pytest.mark.parametrize(("rule", "old", "new", "count", "by_schema"), MUTATIONS)
def test_every_rule_of_the_grammar_is_held(rule, old, new, count, by_schema):
    data = changed(old, new, count)
    broken = findings(data)
    assert rule in {finding.rule for finding in broken}
    with pytest.raises(LabelFormError):
        from_xml(data, POLICY)
    report = check(data, OWN_SCHEMA.read_bytes())
    assert (report.schema.state == "invalid") == by_schema
    assert not report.conforms


def test_review_date_or_successor_must_stand():
    start, end = EXAMPLE.index(" <s:SuccessionHandling>"), EXAMPLE.index("</s:originator")
    without = EXAMPLE[:start] + EXAMPLE[end:]
    assert findings(without.encode()) == ()
    neither = without.replace(' ReviewDateTime="2031-11-20T00:00:00Z"', "").encode()
    assert [finding.rule for finding in findings(neither)] == ["review"]
    assert check(neither, OWN_SCHEMA.read_bytes()).schema.state == "valid"
    only_successor = EXAMPLE.replace(' ReviewDateTime="2031-11-20T00:00:00Z"', "").encode()
    assert findings(only_successor) == ()
    with pytest.raises(LabelFormError):
        from_xml(neither, POLICY)
    with pytest.raises(InexpressibleError):
        to_xml(replace(MEANT, review_utc=None, succession=None), POLICY)


def test_every_rule_has_a_mutation_and_all_findings_come_at_once():
    assert {rule for rule, *_ in MUTATIONS} | {"xml", "review"} == set(RULES)
    twice = EXAMPLE.replace('Type="PERMISSIVE"', 'Type="permissive"').encode()
    assert len(findings(twice)) == 3
    assert all(finding.where for finding in findings(twice))


@pytest.mark.parametrize(
    ("error", "old", "new"),
    [
        (
            LabelContextError,
            ">NATO</s:GenericValue><s:GenericValue>Rel",
            ">KFOR</s:GenericValue><s:GenericValue>Rel",
        ),
        (LabelContextError, ">Releasable<", ">UKRAINE<"),
        (LabelContextError, "<s:GenericValue>Releasable</s:GenericValue>", ""),
        (
            LabelContextError,
            "<s:GenericValue>NATO</s:GenericValue><s:GenericValue>Releasable</s:GenericValue>",
            "<s:GenericValue>NATO</s:GenericValue><s:GenericValue>UKRAINE</s:GenericValue><s:GenericValue>Releasable</s:GenericValue>",
        ),
        (
            LabelContextError,
            "<s:GenericValue>NATO</s:GenericValue><s:GenericValue>JPN</s:GenericValue>",
            "<s:GenericValue>JPN</s:GenericValue>",
        ),
        (LabelContextError, "<s:GenericValue>JPN</s:GenericValue>", ""),
        (LabelContextError, "</s:ConfidentialityInformation>", ONLY),
        (LabelValueError, "JPN", "EU"),
        (LabelValueError, 'TagName="Context"', 'TagName="Owner"'),
        (LabelValueError, "urn:oid:1.3.26.1.4.4", "urn:oid:1.3.26.1.4.2"),
        (LabelValueError, 'Type="PERMISSIVE" URI="urn:oid:1.3.26.1.4.2"', 'Type="RESTRICTIVE"'),
        (LabelValueError, 'TagName="Releasable To"', 'TagName="Context"'),
        (LabelValueError, ">Releasable<", ">Nato<"),
        (LabelValueError, " Restricted ", "Top Secret"),
        (LabelValueError, " Restricted ", "DIFFUSION RESTREINTE"),
        (PolicyMismatchError, ">NATO</s:PolicyIdentifier>", ">EU</s:PolicyIdentifier>"),
        (PolicyMismatchError, "urn:oid:1.3.26.1.3.1", "urn:oid:1.3.26.1.3.2"),
    ],
)
def test_a_label_without_one_clear_meaning_is_refused(error, old, new):
    data = changed(old, new)
    assert findings(data) == ()
    with pytest.raises(error):
        from_xml(data, POLICY)


def test_an_audience_without_an_exact_form_is_refused_on_writing():
    for audience in (frozenset(), frozenset({"FRA", "JPN"}), MEMBERS - {"FRA"} | {"JPN"}):
        label = replace(MEANT, succession=None, marking=replace(MEANT.marking, audience=audience))
        with pytest.raises(InexpressibleError):
            to_xml(label, POLICY)
    stranger = replace(MEANT.marking, audience=MEMBERS | {"INDUSTRY"})
    with pytest.raises(InexpressibleError):
        to_xml(replace(MEANT, succession=None, marking=stranger), POLICY)
    high = replace(MEANT.marking, level=5)
    with pytest.raises(InexpressibleError):
        to_xml(replace(MEANT, succession=None, marking=high), POLICY)
    with pytest.raises(LabelContextError):
        to_xml(replace(MEANT, context="KFOR"), POLICY)
    with pytest.raises(PolicyMismatchError):
        to_xml(MEANT, bundled_policy())


def test_roles_dates_and_odd_characters_survive():
    label = compose(
        POLICY,
        "SECRET",
        "NATO",
        only=("FRA", "USA"),
        originator=Originator("directoryName", "CN=Zoë & <Co>, C=FR"),
        created_utc=AT + timedelta(microseconds=120),
        review_utc=AT,
    )
    for role in ("originator", "alternative", "metadata"):
        one = replace(label, role=role, privacy_mark="A & B < C")
        data = to_xml(one, POLICY)
        assert from_xml(data, POLICY) == one
        assert check(data, OWN_SCHEMA.read_bytes()).schema.state == "valid"
        assert Label.from_wire(one.to_wire()) == one


def test_the_schema_is_run_only_where_the_user_has_it():
    data = to_xml(MEANT, POLICY)
    assert check(data).schema.state == "not run"
    assert check(data).conforms
    report = check(data, OWN_SCHEMA.read_bytes())
    assert report.schema.state == "valid"
    assert report.conforms
    assert check(b"<a", OWN_SCHEMA.read_bytes()).schema.state == "invalid"


@pytest.mark.parametrize(
    "schema",
    [
        b"not xml",
        b"<schema/>",
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
        XS % b'<xs:include schemaLocation="other.xsd"/>',
        XS % b'<xs:redefine schemaLocation="other.xsd"/>',
        XS % b'<xs:import namespace="urn:x" schemaLocation="http://127.0.0.1:9/x.xsd"/>',
        b" " * (1024 * 1024 + 1),
        b"<!DOCTYPE schema>" + OWN_SCHEMA.read_bytes().partition(b"?>")[2],
    ],
)
def test_a_schema_that_cannot_be_used_is_refused(schema):
    with pytest.raises(LabelFormError):
        check(to_xml(MEANT, POLICY), schema)
