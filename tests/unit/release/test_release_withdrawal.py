"""One officer is enough; nobody else is; junk hides nothing."""

from dataclasses import replace

import pytest

from delian.crypto.sign import PublicKey
from delian.release.withdrawal import file_name, withdraw_release, withdrawals_of
from delian.terms.errors import InputError
from tests.release_cases import base
from tests.release_world import NOW, key

R = base()
NATION = R.world.nations[1]


def resolve(keyid: str) -> PublicKey | None:
    wire = R.world.roster.key(keyid)
    return PublicKey.from_wire(wire) if wire else None


def paper(nation: str = NATION, signer: str | None = None, **changes: object) -> bytes:
    statement = replace(R.statement, **changes) if changes else R.statement  # type: ignore[arg-type]
    officer = key(signer or f"{nation}/officer")
    return withdraw_release(statement, nation, officer, "An error.", NOW).to_wire()


def test_one_valid_document_among_junk_is_found() -> None:
    found = withdrawals_of(R.statement, [b"", b"{}", paper(), paper()], resolve)
    assert [w.nation for w in found.withdrawals] == [NATION]
    assert found.strange == 2
    assert found.withdrawals[0].reason == "An error."


@pytest.mark.parametrize(
    "document",
    [
        paper(signer="stranger"),
        paper(signer=f"{NATION}/agent"),
        paper(signer=f"{R.world.nations[0]}/officer"),
        paper("SEC", "SEC/sign"),
        paper("alpha", "alpha/host-sign"),
        paper(release_id="2026-A-e7"),
        paper(round_id="2026-B"),
    ],
)
def test_nobody_else_withdraws_and_nothing_else_is_withdrawn(document: bytes) -> None:
    assert withdrawals_of(R.statement, [document], resolve).withdrawals == ()


def test_a_reason_is_needed_and_the_file_names_release_and_nation() -> None:
    with pytest.raises(InputError):
        withdraw_release(R.statement, NATION, key(f"{NATION}/officer"), " ", NOW)
    assert file_name(R.statement, NATION) == f"{R.statement.release_id}.{NATION}.dsse.json"
