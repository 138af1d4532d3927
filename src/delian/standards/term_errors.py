"""What can go wrong with words: glossaries, their files, searching."""

from delian.terms.errors import InputError


class TermError(InputError):
    """A glossary, or a file that should hold one, is malformed."""

    code = "terminology"


class SearchError(InputError):
    """A search asks for nothing, or for more than one question may hold."""

    code = "search"
