"""What can go wrong when a document comes in from another program."""

from delian.terms.errors import InputError


class DocumentFormError(InputError):
    """A file that should hold a document cannot be read as one."""

    code = "document-form"
