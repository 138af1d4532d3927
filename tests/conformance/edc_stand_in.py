"""What EDC's control plane needs beside it here: a data plane, and an ear for its events.

EDC 0.15.1's data plane is not part of the small set of jars. The control plane speaks to any data
plane over HTTP, so this stand-in takes its place: it registers, says where the data of an asset
are fetched and with which token, and serves them. It also receives what EDC tells its own
applications, among it the address of data that somebody else started for it.
"""

import contextlib
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.conformance import kit
from tests.conformance.edc_peer import Edc, EdcError, Plain

EDC = "https://w3id.org/edc/v0.0.1/ns/"
DSPACE_08 = "https://w3id.org/dspace/v0.8/"
HTTP_ENDPOINT = "https://w3id.org/idsa/v4.1/HTTP"


class StandIn:
    """The servers' state: what was served, what was told."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.address = ""
        self.flows: dict[str, str] = {}
        self.fetched: list[str] = []
        self.events: list[Plain] = []
        self.told = threading.Condition()

    def register_at(self, edc: Edc) -> None:
        """Make this the data plane of an EDC, whose control line is the last to come up."""
        body = {
            "@type": "DataPlaneInstance",
            "@id": "stand-in",
            "url": f"{self.address}/flows",
            "allowedSourceTypes": ["HttpData"],
            "allowedTransferTypes": ["HttpData-PULL"],
        }

        def is_taken() -> bool:
            with contextlib.suppress(EdcError, OSError):
                edc.call("POST", "/v1/dataplanes", body, base=edc.control)
                return True
            return False

        kit.wait_until(is_taken, "EDC takes the data plane", 60)

    def callback(self) -> Plain:
        """What makes EDC tell us of a transfer."""
        return {
            "@type": "CallbackAddress",
            "transactional": False,
            "uri": f"{self.address}/events",
            "events": ["transfer.process", "contract.negotiation"],
        }

    def event(self, kind: str, its: str, limit: float = 30, which: int = 0) -> Plain:
        """The payload of the n-th event of a kind about one process, once it has come."""

        def found() -> Plain | None:
            about = ("transferProcessId", "contractNegotiationId")
            payloads = [one["payload"] for one in self.events if one["type"] == kind]
            mine = [p for p in payloads if its in [p.get(name) for name in about]]
            return dict(mine[which]) if len(mine) > which else None

        with self.told:
            if not self.told.wait_for(lambda: found() is not None, limit):
                kinds = [one["type"] for one in self.events]
                raise TimeoutError(f"EDC did not tell of {kind}; it told of {kinds}")
            return found() or {}

    def flow(self, its: str) -> Plain:
        """Where the data of one transfer are, as a data plane tells its control plane."""
        token = f"token-of-{its}"
        with self.told:
            self.flows[its] = token
        facts = {
            "endpoint": f"{self.address}/data/{its}",
            "authorization": token,
            "authType": "bearer",
        }
        listed = [
            {"@type": "dspace:EndpointProperty", "dspace:name": EDC + name, "dspace:value": value}
            for name, value in facts.items()
        ]
        return {
            "@context": {"@vocab": EDC, "dspace": DSPACE_08},
            "@type": "DataFlowResponseMessage",
            "dataAddress": {
                "@type": "dspace:DataAddress",
                "dspace:endpointType": HTTP_ENDPOINT,
                "dspace:endpointProperties": listed,
            },
        }

    def end_flow(self, its: str) -> None:
        with self.told:
            self.flows.pop(its, None)
            self.told.notify_all()


def _body(handler: BaseHTTPRequestHandler) -> bytes:
    if handler.headers.get("Transfer-Encoding") != "chunked":
        return handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
    parts = []
    while size := int(handler.rfile.readline(), 16):
        parts.append(handler.rfile.read(size))
        handler.rfile.readline()
    handler.rfile.readline()
    return b"".join(parts)


@contextmanager
def stand_in(content: bytes) -> Iterator[StandIn]:
    """The stand-in, listening for as long as the block lasts."""
    made = StandIn(content)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body, path = json.loads(_body(self) or b"{}"), self.path.strip("/").split("/")
            if path == ["events"]:
                with made.told:
                    made.events.append(body)
                    made.told.notify_all()
                self.say(200, b"")
            elif path == ["flows", "start"]:
                self.say(200, json.dumps(made.flow(body["processId"])).encode())
            else:  # flows/<id>/terminate, flows/<id>/suspend
                made.end_flow(path[1])
                self.say(204, b"")

        def do_GET(self) -> None:
            path = self.path.strip("/").split("/")
            if path[0] != "data":
                self.say(200, b"{}")
            elif self.headers.get("Authorization", "").split(" ")[-1] != made.flows.get(path[1]):
                self.say(401, b"")
            else:
                made.fetched.append(path[1])
                self.say(200, made.content)

        def say(self, status: int, data: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def fetch(endpoint: str, authorization: str) -> tuple[int, bytes]:
    """What an application of EDC does with the address of data that it was given."""
    request = urllib.request.Request(endpoint, headers={"Authorization": authorization})
    try:
        with urllib.request.urlopen(request, timeout=20) as answered:
            return int(answered.status), answered.read()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read()
