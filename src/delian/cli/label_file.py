"""Reads and writes a label in each of its three forms."""

from collections.abc import Callable
from pathlib import Path

from delian.adapters.files import read_bytes
from delian.label.bundled import bundled_policy
from delian.label.label import MAX_LABEL_BYTES, Label
from delian.label.policy import Policy
from delian.label.stanag4774 import from_xml, to_xml
from delian.label.stanag5636 import from_json, to_json

MAX_POLICY_BYTES = 4 * 1024 * 1024
WRITERS: dict[str, Callable[[Label, Policy], bytes]] = {
    "4774": to_xml,
    "5636": to_json,
    "delian": lambda label, _policy: label.to_wire(),
}


def policy_from(path: Path | None) -> Policy:
    """The policy in a file, or the fictitious one that ships with the product."""
    if path is None:
        return bundled_policy()
    return Policy.from_wire(read_bytes(path, max_bytes=MAX_POLICY_BYTES))


def label_from(path: Path, policy: Policy) -> Label:
    """The label in a file, whichever form it has."""
    data = read_bytes(path, max_bytes=MAX_LABEL_BYTES)
    if data.lstrip().startswith(b"<"):
        return from_xml(data, policy)
    if b'"delian-label"' in data:
        return Label.from_wire(data)
    return from_json(data, policy)
