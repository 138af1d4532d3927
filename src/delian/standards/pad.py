"""Sizes that tell an observer of the line no more than which step an output fits into.

May touch: bytes. The steps are agreed with the recipient beforehand; they never follow from what
a document holds beyond the output itself.
"""

from collections.abc import Sequence

from delian.terms.errors import InputError

STEPS = tuple(4096 << power for power in range(17))
_FILL = b"\n"


def pad(data: bytes, steps: Sequence[int] = STEPS) -> bytes:
    """*data* followed by empty lines up to the next of *steps* (bytes, ascending).

    Raises:
        InputError: the data are larger than the last step.
    """
    size = next((step for step in steps if step >= len(data)), None)
    if size is None:
        raise InputError(
            "the output is larger than the largest agreed step",
            hint="agree on a larger step, or share the document in parts",
        )
    return data + _FILL * (size - len(data))


def unpad(data: bytes) -> bytes:
    """What :func:`pad` was given, but for empty lines at its end."""
    return data.rstrip(_FILL) + _FILL
