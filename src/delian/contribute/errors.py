"""What can go wrong between a sheet and its receipt, each with a stable code.

May touch: ``terms.errors``. No message holds a figure, a share or a salt.
"""

from delian.terms.errors import InputError, NotYetError, RefusedError, TamperedError


class SheetFileError(InputError):
    """The file is not a sheet that can be read at all."""

    code = "sheet-file"


class ContributionFormError(InputError):
    """The bytes are not a contribution, a manifest or another document of this room."""

    code = "contribution-form"


class NotAgreedError(RefusedError):
    """These terms do not carry the consent of every nation, so nothing may be sealed for them."""

    code = "not-agreed"


class WrongRoundError(RefusedError):
    """The document belongs to another round."""

    code = "wrong-round"


class WrongTermsError(RefusedError):
    """The document names other terms than those of this round."""

    code = "wrong-terms"


class UnknownNationError(RefusedError):
    """The terms name no such nation, or the roster gives it no key."""

    code = "unknown-nation"


class ReplayError(RefusedError):
    """This manifest has arrived before."""

    code = "replay"


class OlderNumberError(RefusedError):
    """A manifest with a higher number has arrived before."""

    code = "older-number"


class TwoManifestsError(TamperedError):
    """One nation signed two manifests with one number: keep both, they are evidence."""

    code = "two-manifests"


class LateError(RefusedError):
    """The round no longer takes sheets."""

    code = "late"


class AlteredError(TamperedError):
    """Size or digest of a sealed part is not what the nation signed."""

    code = "altered"


class CommitmentError(TamperedError):
    """A share is not the one that the nation committed to."""

    code = "commitment"


class ReceiptError(TamperedError):
    """A receipt does not speak of this manifest, or lacks a host's signature."""

    code = "receipt"


class DisputedError(RefusedError):
    """A host has signed that it cannot use a sheet: the round stops."""

    code = "disputed"


class AwaitingError(NotYetError):
    """A signature or a sheet that must come first has not come."""

    code = "awaiting"


class ClosingError(RefusedError):
    """A closing list breaks a rule of the round."""

    code = "closing"


class SecondListError(RefusedError):
    """Another list for this round has been signed or run before."""

    code = "second-list"


class LockedError(RefusedError):
    """A cell belongs to another round that has closed and has not ended."""

    code = "locked"
