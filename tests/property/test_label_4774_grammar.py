"""Random damage to labels: what our grammar accepts, a second statement of the schema accepts,
and what the reader accepts it can write again."""

import random
from datetime import UTC, datetime
from pathlib import Path

from lxml import etree

from delian.label import Originator, bundled_policy, compose, from_xml, to_xml
from delian.label.grammar4774 import findings
from delian.label.xml_guard import parse_xml
from delian.terms.errors import DelianError

SCHEMA = etree.XMLSchema(
    etree.parse(Path(__file__).parents[1] / "vectors" / "label_4774_grammar.xsd")
)
POLICY = bundled_policy()
AT = datetime(2026, 11, 21, tzinfo=UTC)
BASE = to_xml(
    compose(
        POLICY,
        "SECRET",
        "DELIAN-1",
        releasable=("JPN", "EU"),
        sensitivities=("CRYPTO",),
        originator=Originator("rfc822Name", "office@example.org"),
        created_utc=AT,
        review_utc=AT,
    ),
    POLICY,
)
TEXTS = (
    "",
    " ",
    "SECRET",
    "secret",
    "2026-11-21T00:00:00Z",
    "2026-11-21T00:00:00",
    "urn:oid:1.2.3",
)
NAMES = ("Type", "URI", "TagName", "Id", "ReviewDateTime", "IDType", "Foreign")


def damage(rng, root):
    elements = list(root.iter())
    one = rng.choice(elements)
    other = rng.choice(elements)
    kind = rng.randrange(7)
    if kind == 0 and one is not root:
        one.getparent().remove(one)
    elif kind == 1:
        one.append(etree.fromstring(etree.tostring(other)))
    elif kind == 2:
        one.text = rng.choice(TEXTS)
    elif kind == 3:
        one.set(rng.choice(NAMES), rng.choice(TEXTS))
    elif kind == 4 and one.attrib:
        del one.attrib[rng.choice(sorted(one.attrib))]
    elif kind == 5:
        one.tag = other.tag
    elif kind == 6:
        one[:] = rng.sample(list(one), len(one))


def test_what_our_grammar_accepts_the_schema_accepts_and_the_reader_writes_back():
    rng = random.Random(4774)
    accepted = refused = read = 0
    for _ in range(2_500):
        root = parse_xml(BASE)
        for _ in range(rng.choice((1, 1, 2, 3))):
            damage(rng, root)
        data = etree.tostring(root)
        if findings(data):
            refused += 1
        else:
            accepted += 1
            assert SCHEMA.validate(parse_xml(data)), data
        try:
            label = from_xml(data, POLICY)
        except DelianError:
            continue
        read += 1
        assert not findings(data)
        assert from_xml(to_xml(label, POLICY), POLICY) == label
    assert min(accepted, refused, read) > 100


def test_random_bytes_and_cut_documents_raise_only_our_errors():
    rng = random.Random(1)
    for _ in range(1_500):
        data = bytearray(BASE)
        for _ in range(rng.randrange(1, 6)):
            at = rng.randrange(len(data))
            if rng.random() < 0.3:
                del data[at : at + rng.randrange(1, 40)]
            else:
                data[at] = rng.randrange(256)
        try:
            from_xml(bytes(data), POLICY)
        except DelianError:
            continue
