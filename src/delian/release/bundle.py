"""The release folder: the package, the evidence and the metadata, as a mapping of names to bytes.

May touch: values. Everything that a stranger needs besides the pinned root is in the folder
(``docs/formats/release-folder.md``).
"""

from collections.abc import Iterable, Mapping

from delian.crypto.dsse import Envelope
from delian.release.errors import PackageError
from delian.release.repository import Repository
from delian.terms.encode import canonical
from delian.terms.party import Roster

STATEMENT = "statement.dsse.json"
HOSTS = "hosts.dsse.json"
TERMS = "terms.dsse.json"
ROSTER = "roster.json"
METADATA = "metadata/"
WITHDRAWALS = "withdrawals/"
EVIDENCE = (STATEMENT, HOSTS, TERMS, ROSTER)


def mandate_name(holder: str) -> str:
    """File name of a stand-in's mandate."""
    return f"mandate-{holder}.dsse.json"


def release_files(
    package: Mapping[str, bytes],
    *,
    statement: Envelope,
    hosts: Envelope,
    terms: Envelope,
    roster: Roster,
    mandates: Mapping[str, Envelope] | None = None,
) -> dict[str, bytes]:
    """Every file of the folder outside ``metadata/``: what a repository lists.

    Args:
        package: As ``package.render`` gives it.
        statement: The in-toto statement with every agent's signature.
        hosts: The table with three host signatures.
        terms: The terms, signed by the secretariat.
        roster: The roster that the terms name.
        mandates: Holder to mandate, for those that the statement lists.

    Raises:
        PackageError: a package file has the name of a piece of evidence.
    """
    evidence = {
        STATEMENT: statement.to_wire(),
        HOSTS: hosts.to_wire(),
        TERMS: terms.to_wire(),
        ROSTER: canonical(roster.to_plain()),
    }
    evidence |= {mandate_name(c): e.to_wire() for c, e in (mandates or {}).items()}
    if set(package) & set(evidence):
        raise PackageError("a package file has the name of a piece of evidence")
    return {**package, **evidence}


def release_folder(
    files: Mapping[str, bytes],
    repository: Repository,
    withdrawals: Mapping[str, bytes] | None = None,
) -> dict[str, bytes]:
    """The whole folder: *files*, the current metadata, and withdrawals if there are any."""
    return {
        **files,
        **{METADATA + name: data for name, data in repository.metadata_files().items()},
        **{WITHDRAWALS + name: data for name, data in (withdrawals or {}).items()},
    }


def join_consents(envelopes: Iterable[Envelope]) -> Envelope:
    """One statement with the signatures of all *envelopes* over the same bytes.

    Raises:
        PackageError: there is none.
        EnvelopeError: they do not carry the same statement.
    """
    found: Envelope | None = None
    for envelope in envelopes:
        found = envelope if found is None else found.added(envelope)
    if found is None:
        raise PackageError("there is no signature to join")
    return found
