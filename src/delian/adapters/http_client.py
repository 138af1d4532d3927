"""A node's way to the secretariat: TLS to a pinned certificate, a session by signed challenge."""

import base64
import http.client
import json
import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from delian.adapters.session import challenge_message
from delian.crypto.sign import PrivateKey
from delian.terms.encode import Digest, digest
from delian.terms.errors import (
    DelianError,
    InputError,
    NotYetError,
    RefusedError,
    TamperedError,
    UnavailableError,
)

_ERRORS: dict[int, type[DelianError]] = {
    400: InputError,
    401: RefusedError,
    403: RefusedError,
    409: TamperedError,
    425: NotYetError,
}
MAX_ANSWER_BYTES = 512 * 1024 * 1024


class OfficeAwayError(UnavailableError):
    """The secretariat cannot be reached."""

    code = "office-away"


@dataclass(frozen=True, slots=True)
class FeedItem:
    """One document of the feed."""

    seq: int
    digest: Digest
    kind: str
    body: bytes


class OfficeClient:
    """A session with the secretariat.

    Args:
        address: ``https://host:port``.
        certificate: PEM text of the one certificate that is accepted.
        origin: Party code of the secretariat.
        keyid: Who asks, for example ``FRA/agent``.
        key: The private key behind *keyid*.
        timeout_seconds: For one answer, the waiting time of the feed excluded.
    """

    def __init__(
        self,
        address: str,
        certificate: str,
        origin: str,
        keyid: str,
        key: PrivateKey,
        timeout_seconds: float = 30.0,
    ) -> None:
        parts = urlsplit(address)
        if parts.scheme != "https" or not parts.hostname or parts.port is None:
            raise InputError("the secretariat's address must be https://host:port")
        self._host, self._port = parts.hostname, parts.port
        self._origin, self._keyid, self._key = origin, keyid, key
        self._timeout = timeout_seconds
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._tls.minimum_version = ssl.TLSVersion.TLSv1_3
        self._tls.check_hostname = False  # the one accepted certificate is pinned instead
        self._tls.load_verify_locations(cadata=certificate)
        self._line: http.client.HTTPSConnection | None = None
        self._token = ""

    def close(self) -> None:
        """Hang up."""
        if self._line is not None:
            self._line.close()
            self._line = None

    def send(self, data: bytes) -> Digest:
        """Hand one file in.

        Raises:
            DelianError: the secretariat's own refusal, or OfficeAwayError.
        """
        answer = self._json("POST", "/v1/documents", data)
        return str(answer["digest"])

    def feed(self, after: int, wait_seconds: float) -> list[FeedItem]:
        """New documents after number *after*; waits up to *wait_seconds* for the first."""
        path = f"/v1/feed?after={after}&wait_ms={int(wait_seconds * 1000)}"
        answer = self._json("GET", path)
        items = [
            FeedItem(int(d["seq"]), str(d["digest"]), str(d["kind"]), base64.b64decode(d["body"]))
            for d in answer["documents"]
        ]
        for item in items:
            if digest(item.body) != item.digest:
                raise TamperedError("the feed names a digest that its document does not have")
        return items

    def blob(self, name: str) -> bytes:
        """A larger file."""
        return self._call("GET", f"/v1/blobs/{name}", b"")

    def status(self) -> dict[str, Any]:
        """What waits for whom."""
        return self._json("GET", "/v1/status")

    def order(self, order: dict[str, Any]) -> dict[str, Any]:
        """An operator's order; needs the secretariat's own key."""
        return self._json("POST", "/v1/operator", json.dumps(order).encode())

    def _json(self, method: str, path: str, body: bytes = b"") -> dict[str, Any]:
        try:
            plain = json.loads(self._call(method, path, body))
        except ValueError as error:
            raise OfficeAwayError("the secretariat's answer is not readable") from error
        if not isinstance(plain, dict):
            raise OfficeAwayError("the secretariat's answer is not readable")
        return plain

    def _call(self, method: str, path: str, body: bytes) -> bytes:
        for again in (True, False):
            if not self._token:
                self._open_session()
            status, data = self._raw(method, path, body)
            if status == 401 and again:
                self._token = ""
                continue
            if status != 200:
                raise _refusal(status, data)
            return data
        raise OfficeAwayError("the secretariat does not accept this session")

    def _open_session(self) -> None:
        status, data = self._raw("GET", "/v1/challenge", b"")
        if status != 200:
            raise _refusal(status, data)
        nonce = str(json.loads(data)["nonce"])
        signature = self._key.sign(challenge_message(self._origin, nonce, self._keyid))
        body = {
            "key": self._keyid,
            "nonce": nonce,
            "signature": base64.b64encode(signature).decode("ascii"),
        }
        status, data = self._raw("POST", "/v1/session", json.dumps(body).encode())
        if status != 200:
            raise _refusal(status, data)
        self._token = str(json.loads(data)["token"])

    def _raw(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        """One request; once more on a new line if an old one turned out to be closed.

        Orders are never sent twice: they go over a new line from the start.
        """
        if path == "/v1/operator":
            self.close()
        is_old = self._line is not None
        try:
            return self._ask(method, path, body)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            if is_old and not isinstance(error, TimeoutError):
                return self._raw(method, path, body)
            raise OfficeAwayError(
                f"the secretariat at {self._host}:{self._port} cannot be reached",
                hint="check the address, the network and the pinned certificate",
            ) from error

    def _ask(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        if self._line is None:
            self._line = http.client.HTTPSConnection(
                self._host, self._port, timeout=self._timeout + 30, context=self._tls
            )
        self._line.request(method, path, body=body or None, headers=headers)
        answer = self._line.getresponse()
        return answer.status, answer.read(MAX_ANSWER_BYTES)


def _refusal(status: int, data: bytes) -> DelianError:
    kind = _ERRORS.get(status, UnavailableError)
    try:
        plain = json.loads(data)["error"]
        error = kind(
            str(plain["message"])[:500],
            hint=str(plain.get("hint", ""))[:500],
            where=str(plain.get("where", ""))[:200],
        )
    except (ValueError, KeyError, TypeError):
        error = kind(f"the secretariat answered {status}")
    return error
