"""The other stock TDF client for the conformance checks: the package otdf-python, as it comes.

Runs in an environment of its own. Each line of standard input is a job in JSON, each line of
standard output its answer; the forms are those of ``client/main.go``.
"""

import json
import logging
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

from otdf_python.config import KASInfo
from otdf_python.sdk_builder import SDKBuilder
from otdf_python.tdf import TDFReaderConfig


class Heard(logging.Handler):
    """Keeps what the client logs: it says there, and only there, why a key was not given."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line."""
        self.lines.append(record.getMessage())


def connect(job: dict[str, Any]) -> Any:
    """A session as the client's own documentation makes one."""
    builder = SDKBuilder.new_builder().set_platform_endpoint(job["platform"])
    builder = builder.client_secret(job["client"], job["secret"])
    builder = builder.use_insecure_plaintext_connection(True)
    return builder.with_kas_allowlist(job.get("allowed") or [job["platform"]]).build()


def write(job: dict[str, Any]) -> dict[str, Any]:
    """Make a file."""
    infos = [KASInfo(url=s["url"], algorithm=s["algorithm"]) for s in job["services"]]
    with connect(job) as sdk:
        config = sdk.new_tdf_config(attributes=job["attributes"], kas_info_list=infos)
        if job.get("segment_size"):
            config.default_segment_size = job["segment_size"]
        out = BytesIO()
        sdk.create_tdf(Path(job["in"]).read_bytes(), config, out)
    Path(job["out"]).write_bytes(out.getvalue())
    return {"ok": True}


def read(job: dict[str, Any]) -> dict[str, Any]:
    """Open a file."""
    with connect(job) as sdk:
        found = sdk.load_tdf(Path(job["in"]).read_bytes(), TDFReaderConfig())
    Path(job["out"]).write_bytes(found.payload)
    said = [(a.id, a.statement) for a in found.manifest.assertions or []]
    assertions = [{"id": name, "format": s["format"], "value": s["value"]} for name, s in said]
    return {"ok": True, "assertions": assertions}


def do(job: dict[str, Any], heard: Heard) -> dict[str, Any]:
    """One job; an error of the client is an answer."""
    heard.lines.clear()
    try:
        return {"write": write, "read": read}[job["do"]](job)
    except Exception as error:  # noqa: BLE001 - whatever the client raises is what it says
        said = [f"{type(error).__name__}: {error}", *heard.lines]
        return {"ok": False, "error": " | ".join(said)}


def main() -> None:
    """Until there are no more jobs."""
    heard = Heard()
    logging.getLogger().addHandler(heard)
    for line in sys.stdin:
        sys.stdout.write(json.dumps(do(json.loads(line), heard)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
