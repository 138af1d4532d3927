"""What can go wrong with a standard: its tree, its marks, its sharing."""

from delian.terms.errors import InputError, RefusedError


class PortionError(InputError):
    """A document is not a sound tree of portions."""

    code = "portion"


class MarkRuleError(InputError):
    """A rule for marking in bulk cannot be read or names what is not there."""

    code = "mark-rule"


class RegisterError(InputError):
    """A register, or a file that should hold one, is malformed."""

    code = "register"


class NotSharedError(RefusedError):
    """The answer to whoever may not see something, and to whoever asks for what does not exist.

    It is one and the same: same message, no place, nothing computed from what is asked for.
    """

    code = "not-shared"

    def __init__(self) -> None:
        super().__init__(
            "nothing is shared with you under this name",
            hint="what is shared is in the list of your tranches; more may follow later",
        )
