"""What can go wrong between a table and its reader.

May touch: the tree of errors. Every leaf has a stable code that ``docs/formats`` speaks of.
"""

from delian.terms.errors import InputError, RefusedError, TamperedError


class PackageError(InputError):
    """A table cannot be shown with these terms: a cell or an item is not in the frame."""

    code = "package"


class StatementError(InputError):
    """A release statement is not well formed."""

    code = "statement"


class RepositoryError(InputError):
    """The values given cannot make a repository: a name, a key or a date is wrong."""

    code = "repository"


class ThresholdError(RefusedError):
    """Fewer signatures than a role of the repository asks for."""

    code = "repository-threshold"


class AgentCheckError(RefusedError):
    """An agent's own machine found a reason not to sign this release."""

    code = "agent-check"


class CurrencyError(TamperedError):
    """The repository's metadata does not hold: a signature, a version, a date or a digest."""

    code = "currency"


class VerifyError(TamperedError):
    """A release does not pass its checks; the report says which and why."""

    code = "verify"


class SealedReleaseError(InputError):
    """A release cannot be sealed as asked, or a file cannot be read as a sealed release."""

    code = "sealed-release"
