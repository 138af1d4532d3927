"""Freeze the cases of ``release_cases`` into one JSON file, and read it back.

A case names only the files that differ from the base folder; null removes one. Bytes are
compressed and in base64, so that the file stays small.
"""

import base64
import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from delian.terms.encode import parse_utc, utc_text
from tests.release_cases import CASES, base
from tests.release_world import NOW

PLACE = Path(__file__).parent / "vectors" / "release-verify.json"
SOURCE = "tests/release_cases.py; keys are SHA-256 of their names"


def pack(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data, 9)).decode("ascii")


def unpack(text: str) -> bytes:
    return zlib.decompress(base64.b64decode(text))


def folder_of(
    vectors: Mapping[str, Any], vector: Mapping[str, Any]
) -> tuple[dict[str, bytes], bytes]:
    """Folder and root of one case."""
    files: dict[str, str | None] = {**vectors["base"], **vector["files"]}
    folder = {name: unpack(text) for name, text in files.items() if text is not None}
    return folder, unpack(vector["root"] or vectors["root"])


def options_of(vector: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of the verification."""
    plain: dict[str, Any] = dict(vector["options"])
    if "now_utc" in plain:
        plain["now_utc"] = parse_utc(plain["now_utc"])
    if "state" in plain:
        plain["state"] = plain["state"].encode()
    if "withdrawals" in plain:
        plain["withdrawals"] = [unpack(text) for text in plain["withdrawals"]]
    return plain


def _frozen(options: Mapping[str, Any]) -> dict[str, Any]:
    plain = dict(options)
    if "now_utc" in plain:
        plain["now_utc"] = utc_text(plain["now_utc"])
    if "state" in plain:
        plain["state"] = plain["state"].decode()
    if "withdrawals" in plain:
        plain["withdrawals"] = [pack(data) for data in plain["withdrawals"]]
    return plain


def freeze() -> dict[str, Any]:
    """All vectors as plain values."""
    whole = base()
    cases = []
    for build in CASES:
        case = build(whole)
        changed: dict[str, str | None] = {
            name: pack(data)
            for name, data in sorted(case.folder.items())
            if whole.folder.get(name) != data
        }
        changed |= dict.fromkeys(sorted(set(whole.folder) - set(case.folder)))
        cases.append(
            {
                "id": build.__name__,
                "name": case.name,
                "first_failure": case.first_failure,
                "files": changed,
                "root": None if case.root == whole.root else pack(case.root),
                "options": _frozen(case.options),
            }
        )
    return {
        "format": "delian-release-vectors",
        "version": 1,
        "source": SOURCE,
        "encoding": "base64 of zlib",
        "now": utc_text(NOW),
        "root": pack(whole.root),
        "base": {name: pack(data) for name, data in sorted(whole.folder.items())},
        "cases": cases,
    }


if __name__ == "__main__":
    PLACE.write_text(json.dumps(freeze(), indent=1, sort_keys=True) + "\n", encoding="utf-8")
