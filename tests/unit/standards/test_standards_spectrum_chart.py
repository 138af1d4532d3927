"""Charts of bands: places that follow from the figures, no script, the same bytes every time."""

import pytest
from lxml import etree

from delian.standards.harmonise import Group, compare_all, parties
from delian.standards.spectrum import read_spectrum
from delian.standards.spectrum_chart import matrix, strips
from delian.standards.spectrum_errors import SpectrumError

SVG = "{http://www.w3.org/2000/svg}"
HEAD = "lower_frequency\tupper_frequency\tservice\tcategory\tfootnotes\tapplications"


def tsv(*rows):
    lines = [f"{low}\t{high}\tFIXED\tp\t\t{uses}" for low, high, uses in rows]
    return "\n".join([HEAD, *lines, ""]).encode()


def world():
    files = {
        "eu": tsv((1, 1000, "Defence systems")),
        "aa": tsv((10, 100, "Defence systems"), (50, 200, "ISM")),
        "bb": tsv((1, 1000, "Defence systems")),
        "cc": tsv((1, 950, "Defence systems")),
        "dd": tsv((2000, 3000, "Defence systems")),
        "ee": tsv((1, 2, "ISM")),
    }
    return parties(read_spectrum(files), {"eu": Group.COMMON})


def boxes(svg, name):
    found = etree.fromstring(svg).iter(f"{SVG}rect")
    return [(r.get("x"), r.get("width")) for r in found if r.get("class") == name]


def test_every_decade_is_as_wide_as_the_next_and_straight_inside():
    (one,) = [p for p in world() if p.code == "aa"]
    svg = strips([one], (1, 1000))
    assert boxes(svg, "d") == [("364", "133.3")]
    assert boxes(svg, "both") == [("497.3", "166.7")]
    assert boxes(svg, "c") == [("664", "33.3")]
    assert b">10 Hz<" in svg
    assert b">1 kHz<" in svg


def test_what_lies_outside_of_the_window_is_not_drawn_and_what_cannot_tell_is_named():
    svg = strips(world(), (1, 1000))
    assert b"not drawn: ee: untagged" in svg
    assert len(boxes(svg, "ground")) == 5
    assert len(boxes(svg, "d")) == 4
    for window in ((0, 5), (5, 5)):
        with pytest.raises(SpectrumError):
            strips(world(), window)


def test_the_matrix_shows_each_share_as_figure_and_class():
    among = world()
    (eu,) = [p for p in among if p.code == "eu"]
    svg = matrix(compare_all(eu, among))
    root = etree.fromstring(svg)
    assert [r.get("class") for r in root.iter(f"{SVG}rect") if r.get("y") == "22"] == [
        "some",
        "all",
        "most",
        "none",
    ]
    assert [t.text for t in root.iter(f"{SVG}text")][-4:] == ["9", "100", "94", "0"]


def test_pictures_are_the_same_bytes_and_carry_no_script_or_address():
    among = world()
    (eu,) = [p for p in among if p.code == "eu"]
    for one, other in (
        (strips(among, (1, 1000)), strips(reversed(among), (1, 1000))),
        (matrix(compare_all(eu, among)), matrix(compare_all(eu, among[::-1]))),
    ):
        assert one == other
        root = etree.fromstring(one)
        assert not [e for e in root.iter() if etree.QName(e).localname in ("script", "image", "a")]
        assert b"href" not in one
        assert root.get("aria-label")
