"""What can go wrong between two data spaces: the leaves of the bridges.

May touch: the tree of errors only.
"""

from delian.terms.errors import InputError, RefusedError, UnavailableError


class CrossingError(RefusedError):
    """A mapping would lose or repeat a field of its input."""

    code = "bridge-crossing"


class ForeignFormError(InputError):
    """A foreign system's document or header is not in the form of its interface."""

    code = "bridge-form"


class NoCounterpartError(RefusedError):
    """The other data space knows no such step."""

    code = "bridge-no-counterpart"


class NotMappedError(RefusedError):
    """No valid identity record says who this is, or the records disagree."""

    code = "bridge-not-mapped"


class WeakIdentityError(RefusedError):
    """The identity record's assurance is below what is asked for."""

    code = "bridge-assurance"


class CheckDigitError(InputError):
    """An identifier is not in the form of its scheme, or its check digits do not hold."""

    code = "bridge-identifier"


class ForeignAwayError(UnavailableError):
    """A foreign system does not answer, or answers with a failure of its own."""

    code = "bridge-away"


class ForeignRefusedError(RefusedError):
    """A foreign system refused the request."""

    code = "bridge-refused"
