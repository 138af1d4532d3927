"""Who reads, when, under which policy: the options that commands about standards share."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from delian.adapters.files import read_bytes
from delian.cli.label_file import policy_from
from delian.label.marking import Marking, Reader
from delian.label.phrase import bilingual
from delian.label.policy import Policy
from delian.standards import portion_wire
from delian.standards.cut import Cut, cut
from delian.standards.portion import Document
from delian.terms.encode import parse_utc

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
OUT = click.Path(dir_okay=False, path_type=Path)


@dataclass(frozen=True, slots=True)
class Audience:
    """One reader at one moment, and the policy that names levels."""

    reader: Reader
    now_utc: datetime
    policy: Policy

    def cut(self, document: Document) -> Cut:
        """What this reader may see of *document*.

        Raises:
            NotSharedError: nothing.
        """
        return cut(document, self.reader, self.now_utc)

    def words(self, document: Document, marking: Marking) -> str:
        """The marking text over what is made of *document*."""
        label = replace(document.label, marking=marking, review_utc=None, succession=None)
        return bilingual(label, self.policy)


def audience_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``--as --cleared --holds --policy --at``; they arrive as ``audience``."""

    @click.option("--as", "affiliation", required=True, help="The party the reader acts for.")
    @click.option("--cleared", required=True, help="Name of the reader's classification.")
    @click.option("--holds", multiple=True, help="A category the reader is admitted to.")
    @click.option("--policy", type=FILE, help="Policy file; the shipped one otherwise.")
    @click.option("--at", help="Moment in UTC (2026-11-21T00:00:00Z); now otherwise.")
    @functools.wraps(command)
    def asked(
        *arguments: Any,
        affiliation: str,
        cleared: str,
        holds: tuple[str, ...],
        policy: Path | None,
        at: str | None,
        **others: Any,
    ) -> Any:
        rules = policy_from(policy)
        reader = Reader(rules.oid, affiliation, rules.level(cleared).rank, frozenset(holds))
        moment = datetime.now(UTC) if at is None else parse_utc(at)
        return command(*arguments, audience=Audience(reader, moment, rules), **others)

    return asked


def document_from(path: Path) -> Document:
    """The document in a file, with all its labels.

    Raises:
        InputError: it holds none.
    """
    return portion_wire.from_wire(read_bytes(path, max_bytes=portion_wire.MAX_BYTES))
