"""XML from an enemy: bombs, external entities, comments in values, odd encodings."""

import pytest

from delian.label.errors import LabelFormError
from delian.label.xml_guard import MAX_XML_BYTES, MAX_XML_DEPTH, MAX_XML_ELEMENTS, parse_xml

LAUGHS = b"<!DOCTYPE l [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;'>]><l>&b;&b;</l>"


@pytest.mark.parametrize(
    "data",
    [
        LAUGHS,
        LAUGHS.decode().encode("utf-16"),
        LAUGHS.decode().encode("utf-32"),
        b"\xef\xbb\xbf" + LAUGHS,
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>',
        b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd"><a/>',
        b'<?xml version="1.0" encoding="UTF-7"?><a/>',
        b'<?xml version="1.0" encoding="UTF-16"?><a/>',
        b'<?xml version="1.0" encoding="ISO-8859-1"?><a>\xe9</a>',
        b'<?xml version="1.1"?><a/>',
        b'<?xml version="1.0"?><?xml version="1.0"?><a/>',
        b'<?xml-stylesheet href="http://127.0.0.1:9/"?><a/>',
        b"<a>SEC<!-- not -->RET</a>",
        b"<a><![CDATA[SECRET]]></a>",
        b"<a>&unknown;</a>",
        b"<a>&#0;</a>",
        b"<a>\x00</a>",
        b"<a>\xff</a>",
        b"<a></b>",
        b"<a/><b/>",
        b"<a b='1' b='2'/>",
        b"<x:a/>",
        b"",
        b" ",
        b"{}",
        b"<a>" + b" " * MAX_XML_BYTES + b"</a>",
        b"<a>" * (MAX_XML_DEPTH + 1) + b"</a>" * (MAX_XML_DEPTH + 1),
        b"<a>" * 5000 + b"</a>" * 5000,
        b"<a>" + b"<b/>" * MAX_XML_ELEMENTS + b"</a>",
    ],
)
def test_refused(data):
    with pytest.raises(LabelFormError):
        parse_xml(data)


def test_the_bounds_themselves_and_plain_references_pass():
    assert parse_xml(b"<a>" * MAX_XML_DEPTH + b"</a>" * MAX_XML_DEPTH).tag == "a"
    assert parse_xml(b"<a>" + b" " * (MAX_XML_BYTES - 7) + b"</a>").tag == "a"
    assert len(parse_xml(b"<a>" + b"<b/>" * (MAX_XML_ELEMENTS - 1) + b"</a>")) == 511
    assert parse_xml(b"\xef\xbb\xbf<?xml version='1.0' encoding='utf-8'?>\n<a/>").tag == "a"
    assert parse_xml(b"<a>&amp;&#x41;&lt;</a>").text == "&A<"
