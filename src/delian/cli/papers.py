"""Reads papers that a person hands over as files."""

from pathlib import Path

from delian.adapters.files import read_bytes
from delian.crypto.dsse import Envelope
from delian.terms.encode import parse
from delian.terms.round_terms import FORMAT, RoundTerms

MAX_SHEET_BYTES = 256 * 1024 * 1024
MAX_TERMS_BYTES = 64 * 1024 * 1024


def terms_from(path: Path) -> RoundTerms:
    """The round terms in a file: signed, as they travel, or bare.

    Signatures are not checked here: a sheet is bound to the digest of its terms, and a node
    sends it only under terms whose signatures it has checked itself.
    """
    data = read_bytes(path, max_bytes=MAX_TERMS_BYTES)
    plain = parse(data, max_bytes=MAX_TERMS_BYTES)
    if not isinstance(plain, dict) or plain.get("format") != FORMAT:
        plain = parse(Envelope.from_wire(data).payload, max_bytes=MAX_TERMS_BYTES)
    return RoundTerms.from_plain(plain)
