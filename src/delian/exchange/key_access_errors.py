"""What can go wrong between a reader and a key-access service; safe to show to any party."""

from delian.terms.errors import InputError, RefusedError, TamperedError, UnavailableError


class KeyRequestError(InputError):
    """A request to a key-access service is not in the form that it must have."""

    code = "key-request"


class KeyProofError(RefusedError):
    """A reader has not shown who it is, or that it holds the key its token is bound to."""

    code = "key-proof"


class KeyDeniedError(RefusedError):
    """A key-access service does not give this key to this reader."""

    code = "key-denied"


class KeyClientError(RefusedError):
    """A client of the key-access service is unknown, or cannot be registered as asked."""

    code = "key-client"


class KeyAnswerError(TamperedError):
    """A key-access service answered something that cannot be right."""

    code = "key-answer"


class KeyServiceAwayError(UnavailableError):
    """A key-access service cannot be reached."""

    code = "key-service-away"
