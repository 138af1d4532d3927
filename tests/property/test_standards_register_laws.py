"""Differences of registers: applied to the older entries they give the newer ones."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from delian.standards.register import Event, Register, Standard
from delian.standards.register_difference import difference

TEXT = st.text(max_size=4)
NAMES = st.sampled_from("abcdef")
ENTRY = st.builds(
    Standard,
    NAMES,
    st.sampled_from(("STANAG", "EN", "civil")),
    TEXT,
    TEXT,
    TEXT,
    promulgated=st.sampled_from(("", "2020", "2020-01-02")),
    events=st.lists(
        st.builds(Event, st.sampled_from(("added", "changed", "deleted")), TEXT, TEXT), max_size=2
    ).map(tuple),
    covers=st.lists(NAMES, max_size=2).map(tuple),
)
REGISTER = st.lists(ENTRY, max_size=5, unique_by=lambda s: s.id).map(
    lambda entries: Register("R", "1", {s.id: s for s in entries})
)


@settings(max_examples=150, deadline=None)
@given(REGISTER, REGISTER)
def test_a_difference_turns_the_old_into_the_new(old, new):
    found = difference(old, new)
    made = {name: entry.to_plain() for name, entry in old.standards.items()}
    for gone in found.removed:
        del made[gone.id]
    for entry in found.changed:
        for field in entry.fields:
            assert made[entry.id][field.name] == field.old != field.new
            made[entry.id][field.name] = field.new
    made |= {entry.id: entry.to_plain() for entry in found.added}
    assert made == {name: entry.to_plain() for name, entry in new.standards.items()}


@settings(max_examples=60, deadline=None)
@given(REGISTER, st.randoms(use_true_random=False))
def test_the_order_of_entries_changes_no_byte(register, rng):
    entries = list(register.standards.values())
    rng.shuffle(entries)
    other = replace(register, standards={s.id: s for s in entries})
    empty = Register("R", "0", {})
    assert other.to_wire() == register.to_wire()
    assert difference(empty, other).to_bytes() == difference(empty, register).to_bytes()
    assert difference(empty, other).to_text() == difference(empty, register).to_text()
