"""A reader's way to key-access services: only to those that the user named, proof with each call.

A file names the services that hold its keys, and a file may lie. So the client asks nobody but the
services it has an account with, over TLS, without following redirects.
"""

import base64
import http.client
import ipaddress
import json
import re
import secrets
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn
from urllib.parse import quote, urlencode, urlsplit

from delian.adapters.clock import Clock
from delian.crypto.tdf_keys import KeyAccess
from delian.exchange.key_access_errors import (
    KeyAnswerError,
    KeyClientError,
    KeyDeniedError,
    KeyServiceAwayError,
)
from delian.exchange.rewrap_reader import Asking, ReaderKey, denied
from delian.terms.errors import InputError

MAX_ANSWER_BYTES = 256 * 1024
_TOKEN, _REWRAP = "/token", "/kas.AccessService/Rewrap"
_MARGIN_SECONDS, _LONGEST_SECONDS = 30, 86_400
_TOKEN_TEXT = re.compile(r"[A-Za-z0-9._~+/=-]{1,8192}\Z")


@dataclass(frozen=True, slots=True)
class KeyAccount:
    """An account with one key-access service.

    Args:
        address: Origin of the service, ``https://host[:port]``.
        client: The reader's name there.
        secret: Its secret; "" where tokens come from another service.
        issuer: Origin of the service whose tokens this one reads; "" is itself.
    """

    address: str
    client: str
    secret: str = field(default="", repr=False)
    issuer: str = ""

    def __reduce__(self) -> NoReturn:
        raise TypeError("an account's secret does not travel")


class KeyAccessClient:
    """Asks key-access services for the shares of a file's key.

    Args:
        accounts: Whom it may ask; nobody else is ever asked.
        clock: For proofs and the age of tokens.
        tls: Whom it trusts; the system's authorities by default.
        development: May loopback be asked without TLS?
        timeout_seconds: For one answer.
    """

    def __init__(
        self,
        accounts: Sequence[KeyAccount],
        clock: Clock,
        *,
        tls: ssl.SSLContext | None = None,
        development: bool = False,
        timeout_seconds: float = 20.0,
    ) -> None:
        self._accounts = {origin(a.address): a for a in accounts}
        for address in self._accounts:
            _refuse_clear(address, development)
        self._clock, self._timeout = clock, timeout_seconds
        self._tls = tls or ssl.create_default_context()
        self._key = ReaderKey.make()
        self._tokens: dict[str, tuple[str, str, float]] = {}

    def __reduce__(self) -> NoReturn:
        raise TypeError("a reader's key does not travel")

    def unwrap(self, key: KeyAccess, policy: str) -> bytes:
        """The key share behind one key access object of a manifest.

        Args:
            key: The object, as read from the manifest.
            policy: The manifest's policy, in base64, as it stands there.

        Raises:
            KeyDeniedError: no account with that service, or it says no; the reason.
            KeyAnswerError: the service answers something that cannot be right.
            KeyServiceAwayError: it cannot be reached.
        """
        address = origin(key.url)
        account = self._accounts.get(address)
        if account is None:
            raise KeyDeniedError(
                "the file names a key service that there is no account with",
                hint="name the service and its account if you trust it",
            )
        now = self._clock.now_utc()
        scheme, token = self._token(account, now)
        asking = Asking(key, policy)
        heads = {"authorization": f"{scheme} {token}", "content-type": "application/json"}
        if scheme == "DPoP":
            url = address + _REWRAP
            heads["dpop"] = self._key.proof("POST", url, now, secrets.token_bytes, token)
        body = json.dumps({"signedRequestToken": self._key.sign_request(asking.body, now)})
        status, plain = self._post(address, _REWRAP, heads, body.encode())
        if status != 200:
            raise _refusal(status, str(plain.get("message", "")))
        return asking.open(plain)

    def _token(self, account: KeyAccount, now: datetime) -> tuple[str, str]:
        """Scheme and token for *account*; a new one where there is none that is good."""
        issuer = origin(account.issuer or account.address)
        giver = self._accounts.get(issuer)
        if giver is None or not giver.secret:
            raise KeyClientError("there is no account with the service that gives the tokens")
        scheme, token, until = self._tokens.get(issuer, ("", "", 0.0))
        if now.timestamp() < until:
            return scheme, token
        proof = self._key.proof("POST", issuer + _TOKEN, now, secrets.token_bytes)
        basic = f"{quote(giver.client, safe='')}:{quote(giver.secret, safe='')}".encode()
        heads = {
            "authorization": "Basic " + base64.b64encode(basic).decode(),
            "content-type": "application/x-www-form-urlencoded",
            "dpop": proof,
        }
        form = urlencode({"grant_type": "client_credentials"}).encode()
        status, plain = self._post(issuer, _TOKEN, heads, form)
        if status in (400, 401):
            raise KeyClientError("the key service does not take the account")
        found, kind, seconds = (plain.get(n) for n in ("access_token", "token_type", "expires_in"))
        if status != 200:
            raise KeyServiceAwayError("the key service gives no token")
        if not isinstance(found, str) or _TOKEN_TEXT.match(found) is None:
            raise KeyAnswerError("the key service's token is not one")
        if not isinstance(seconds, int) or not 0 < seconds <= _LONGEST_SECONDS:
            raise KeyAnswerError("the key service's token does not say how long it is good")
        scheme = "DPoP" if kind == "DPoP" else "Bearer"
        self._tokens[issuer] = (scheme, found, now.timestamp() + seconds - _MARGIN_SECONDS)
        return scheme, found

    def _post(
        self, address: str, path: str, heads: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, Any]]:
        """One POST; a redirect is an answer like any other."""
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
        line = (
            http.client.HTTPSConnection(host, port, timeout=self._timeout, context=self._tls)
            if parts.scheme == "https"
            else http.client.HTTPConnection(host, port, timeout=self._timeout)
        )
        try:
            line.request("POST", path, body, heads)
            answer = line.getresponse()
            data = answer.read(MAX_ANSWER_BYTES + 1)
        except (OSError, http.client.HTTPException) as error:
            raise KeyServiceAwayError("the key service cannot be reached") from error
        finally:
            line.close()
        if len(data) > MAX_ANSWER_BYTES:
            raise KeyAnswerError("the key service's answer is too large")
        try:
            plain = json.loads(data)
        except (ValueError, RecursionError):
            plain = {}
        return answer.status, plain if isinstance(plain, dict) else {}


def origin(url: str) -> str:
    """Scheme, host and port of *url*, in lower case; paths are dropped, as every client does.

    Raises:
        InputError: it is no address of a service.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise InputError("a key service's address is not https://host[:port]") from error
    if parts.scheme not in ("https", "http") or not host or parts.username is not None:
        raise InputError("a key service's address is not https://host[:port]")
    shown = f"[{host}]" if ":" in host else host
    usual = {"https": 443, "http": 80}[parts.scheme]
    return f"{parts.scheme}://{shown}" + (f":{port}" if port not in (None, usual) else "")


def _refuse_clear(address: str, development: bool) -> None:
    """Without TLS only to loopback, and only where that was asked for."""
    parts = urlsplit(address)
    if parts.scheme == "https":
        return
    try:
        near = ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        near = parts.hostname == "localhost"
    if not (development and near):
        raise InputError("a key service must be asked over https")


def _refusal(status: int, message: str) -> Exception:
    if status == 403:
        return denied(message)
    if status == 401:
        return KeyDeniedError("the key service does not take the token or its proof")
    if status >= 500:
        return KeyServiceAwayError("the key service cannot answer now")
    return KeyAnswerError("the key service does not understand the request")
