"""What can be wrong with an identity, a token, a credential or a message about them.

May touch: nothing but the common tree of errors.
"""

from delian.terms.errors import InputError, RefusedError, UnavailableError


class DidError(InputError):
    """A DID or its document is not in the form that did:web demands."""

    code = "did"


class DidAwayError(UnavailableError):
    """A DID document, a status list or a service of the peer cannot be fetched now."""

    code = "did-away"


class TokenError(RefusedError):
    """A self-issued token does not show who speaks."""

    code = "token-refused"


class ReplayError(TokenError):
    """A token that may be used once came a second time."""

    code = "token-replayed"


class CredentialError(RefusedError):
    """A credential or a presentation does not show what it claims."""

    code = "credential-refused"


class NotEntitledError(RefusedError):
    """The peer asks for credentials, or writes some, that it has no right to."""

    code = "not-entitled"


class DcpMessageError(InputError):
    """A message of the Decentralized Claims Protocol breaks its form."""

    code = "dcp-message"


class NotSupportedHereError(RefusedError):
    """An optional part of the protocol that this node does not offer."""

    code = "dcp-not-supported"
