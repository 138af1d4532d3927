"""What can go wrong in this room."""

from delian.terms.errors import InputError, RefusedError


class OpeningOrderError(RefusedError):
    """Something was to be opened before, or beyond, what the protocol allows."""

    code = "opening-order"


class RunInputError(InputError):
    """The sheets handed to a run do not fit its terms."""

    code = "run-input"
