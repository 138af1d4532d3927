"""Every planted fault still fits the source; ``./start campaign faults`` shows each is caught."""

import pytest

from tests.faults.plant import ROOT, Fault, occurrences
from tests.faults.register import FAULTS

ROOMS = ("shares", "protect", "approve", "label", "release", "exchange")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_the_old_text_stands_exactly_once_and_the_named_tests_exist(fault: Fault) -> None:
    assert occurrences(fault) == 1, (
        f"{fault.file} has changed: bring {fault.id} in tests/faults up to date, so that it "
        "plants the same mistake, then run ./start campaign faults"
    )
    assert fault.new != fault.old
    assert fault.why
    assert fault.tests
    for name in fault.tests:
        assert (ROOT / "tests" / name.split("::")[0]).is_file(), name


def test_ids_are_unique_and_name_their_room() -> None:
    ids = [fault.id for fault in FAULTS]
    assert len(set(ids)) == len(ids)
    for fault in FAULTS:
        room = fault.file.split("/")[0]
        assert room in ROOMS
        assert fault.id.startswith(f"{room}-")
