"""Names that other data spaces give to parties, with their forms and check digits.

May touch: values.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from delian.exchange.bridge_errors import CheckDigitError

_BASE36 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Scheme(StrEnum):
    """Where a foreign name comes from."""

    CADDE = "cadde"
    OPERATOR = "ouranos-operator"
    OPEN_OPERATOR = "ouranos-open-operator"
    LEI = "lei"
    BPN = "bpn"
    ODS = "ods"


@dataclass(frozen=True, slots=True)
class ForeignName:
    """One name in one scheme, its form and check digits verified.

    Raises:
        CheckDigitError: not a name of its scheme.
    """

    scheme: Scheme
    value: str

    def __post_init__(self) -> None:
        if not _FORMS[self.scheme](self.value):
            raise CheckDigitError(
                f"not a name of the scheme {self.scheme.value}",
                hint="compare it with the register, digit by digit",
            )


def corporate_check_digit(twelve: str) -> int:
    """The first digit of a Japanese corporate number, from the twelve that follow it.

    Source: Ordinance on the corporate number (Ministry of Finance ordinance of 2014): nine less
    the remainder by nine of the sum of the digits, weighted one and two in turn from the right.
    """
    total = sum(int(d) * (1 + i % 2) for i, d in enumerate(reversed(twelve)))
    return 9 - total % 9


def _is_corporate_number(text: str) -> bool:
    plain = len(text) == 13 and text.isascii() and text.isdecimal()
    return plain and int(text[0]) == corporate_check_digit(text[1:])


def _is_lei(text: str) -> bool:
    """ISO 17442: eighteen signs and two check digits; modulo 97 leaves one (ISO 7064)."""
    if len(text) != 20 or any(sign not in _BASE36 for sign in text) or not text[18:].isdecimal():
        return False
    return int("".join(str(_BASE36.index(sign)) for sign in text)) % 97 == 1


def _is_bpn(text: str) -> bool:
    """A legal entity's business partner number; its check signs are not published in full."""
    return len(text) == 16 and text[:4] == "BPNL" and all(sign in _BASE36 for sign in text[4:])


def _is_uuid(text: str) -> bool:
    parts = text.split("-")
    return [len(p) for p in parts] == [8, 4, 4, 4, 12] and all(
        sign in "0123456789abcdef" for sign in "".join(parts)
    )


def _is_account(text: str) -> bool:
    return 0 < len(text) <= 255 and text.isprintable() and text == text.strip()


_FORMS: Mapping[Scheme, Callable[[str], bool]] = {
    Scheme.CADDE: _is_account,
    Scheme.OPERATOR: _is_uuid,
    Scheme.OPEN_OPERATOR: _is_corporate_number,
    Scheme.LEI: _is_lei,
    Scheme.BPN: _is_bpn,
    Scheme.ODS: _is_account,
}
