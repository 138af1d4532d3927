"""What can be wrong with a TDF file, one leaf per reason.

May touch: the tree of errors. Every refusal comes before the first plain byte, except that of a
single altered segment, which comes before any byte of that segment.
"""

from delian.terms.errors import InputError, RefusedError, TamperedError


class TdfFormError(InputError):
    """The bytes are not a TDF file that this product reads, or a plan cannot be written."""

    code = "tdf-form"


class TdfTamperedError(TamperedError):
    """A length, tag, signature or binding inside a TDF file does not hold."""

    code = "tdf-tampered"


class TdfLabelError(TamperedError):
    """The label that a TDF file must carry is missing, doubled or not bound to it."""

    code = "tdf-label"


class TdfOriginError(TamperedError):
    """A TDF file does not carry the signature of an originator that the reader pins."""

    code = "tdf-origin"


class TdfKeyError(RefusedError):
    """No key service gave a share of a TDF file's key that was needed."""

    code = "tdf-key"
