"""Ouranos data transactions on the wire: the platform, seen by one operator's account.

An Ouranos platform is one central service: both operators are its clients. So this bridge is a
client in both directions: as the upstream operator it reads parts, as the downstream one it asks.
"""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from delian.adapters.bridge_web import Answer, Web, object_in, objects_in, read_answer
from delian.exchange.bridge_errors import ForeignFormError, ForeignRefusedError
from delian.exchange.crossing import Json
from delian.exchange.foreign_name import ForeignName, Scheme
from delian.exchange.ouranos_trades import Trade, TradeState, read_state, read_trade, refusal_of

LOGIN_PATH = "/auth/login"
AUTH_PATH = "/api/v1/authInfo"
TRANSPORT_PATH = "/api/v1/datatransport"
SYSTEM = "the Ouranos platform"


@dataclass(frozen=True, slots=True)
class Account:
    """One operator's account on a platform. Never printed, never pickled."""

    name: str
    password: str = field(repr=False)
    api_key: str = field(repr=False)

    def __reduce__(self) -> Any:
        raise TypeError("a platform's secrets are not pickled")


@dataclass(slots=True)
class OuranosPlatform:
    """A platform, through one account; it logs in when it must.

    Args:
        web: The way out, behind the address guard.
        auth_address: Base address of the user authentication system.
        address: Base address of the data transaction system.
        account: Whose eyes.
    """

    web: Web
    auth_address: str
    address: str
    account: Account
    _token: str = field(default="", repr=False)

    async def operator(self, open_operator_id: str | None = None) -> str:
        """The operator id behind a 13-digit corporate number; without one, our own.

        Raises:
            CheckDigitError: the number's check digit does not hold.
            ForeignFormError: the platform answers for another number.
        """
        query = {"dataTarget": "operator"}
        if open_operator_id is not None:
            query["openOperatorId"] = ForeignName(Scheme.OPEN_OPERATOR, open_operator_id).value
        found = object_in(await self._read(self.auth_address + AUTH_PATH, query), SYSTEM)
        if open_operator_id is not None and found.get("openOperatorId") != open_operator_id:
            raise ForeignFormError("the platform answers for another corporate number")
        return ForeignName(Scheme.OPERATOR, str(found.get("operatorId"))).value

    async def parts(self) -> list[dict[str, Json]]:
        """The account's own parts."""
        return objects_in(await self._get({"dataTarget": "parts"}), SYSTEM)

    async def trades(self) -> list[Trade]:
        """The trades that the account asked for."""
        found = objects_in(await self._get({"dataTarget": "tradeRequest"}), SYSTEM)
        return [read_trade(item) for item in found]

    async def ask_trade(self, request: dict[str, Json]) -> Trade:
        """Put a trade request (from ``ouranos_trades.trade_request_of``).

        Raises:
            ForeignRefusedError: the platform says no.
        """
        query = {"dataTarget": "tradeRequest"}
        answer = await self._send("PUT", self.address + TRANSPORT_PATH, query, request)
        made = object_in(read_answer(answer, SYSTEM), SYSTEM)
        return read_trade(made.get("tradeModel"))

    async def states(self) -> dict[str, TradeState]:
        """The states of the account's requests, by trade."""
        query = {"dataTarget": "status", "statusTarget": "REQUEST"}
        found = objects_in(await self._get(query), SYSTEM)
        return {state.trade_id: state for state in map(read_state, found)}

    async def waiting(self) -> list[tuple[Trade, TradeState]]:
        """The requests that other operators put to the account."""
        found = objects_in(await self._get({"dataTarget": "tradeResponse"}), SYSTEM)
        return [(read_trade(i.get("tradeModel")), read_state(i.get("statusModel"))) for i in found]

    async def register(self, part: dict[str, Json]) -> str:
        """Put a part of the account's own (from ``ouranos.parts_of``); its trace.

        Raises:
            ForeignRefusedError: the platform says no.
        """
        query = {"dataTarget": "parts"}
        answer = await self._send("PUT", self.address + TRANSPORT_PATH, query, part)
        made = object_in(read_answer(answer, SYSTEM), SYSTEM)
        return ForeignName(Scheme.OPERATOR, str(made.get("traceId"))).value

    async def answer(self, trade: Trade, trace: str) -> Trade:
        """Answer a request with one of the account's own parts.

        Raises:
            ForeignRefusedError: the platform says no.
        """
        query = {"dataTarget": "tradeResponse", "tradeId": trade.trade_id, "traceId": trace}
        answer = await self._send("PUT", self.address + TRANSPORT_PATH, query, None)
        return read_trade(read_answer(answer, SYSTEM))

    async def refuse(self, state: TradeState, reason: str) -> None:
        """Refuse a request; at most 100 characters of *reason* reach the one who asked.

        Raises:
            ForeignRefusedError: the platform says no.
        """
        body = refusal_of(state, reason)
        answer = await self._send(
            "PUT", self.address + TRANSPORT_PATH, {"dataTarget": "status"}, body
        )
        read_answer(answer, SYSTEM)

    async def footprints(self, trace: str) -> list[dict[str, Json]]:
        """The carbon footprint figures of one part, as far as they were disclosed."""
        return objects_in(await self._get({"dataTarget": "cfp", "traceIds": trace}), SYSTEM)

    async def _get(self, query: dict[str, str]) -> Json:
        return await self._read(self.address + TRANSPORT_PATH, query)

    async def _read(self, url: str, query: dict[str, str]) -> Json:
        return read_answer(await self._send("GET", url, query, None), SYSTEM)

    async def _send(
        self, method: str, url: str, query: dict[str, str], body: dict[str, Json] | None
    ) -> Answer:
        if not self._token:
            await self._login()
        answer = await self._once(method, url, query, body)
        if answer.status == 401:
            await self._login()
            answer = await self._once(method, url, query, body)
        return answer

    async def _once(
        self, method: str, url: str, query: dict[str, str], body: dict[str, Json] | None
    ) -> Answer:
        headers = {"apiKey": self.account.api_key, "Authorization": f"Bearer {self._token}"}
        data = None if body is None else _to_bytes(body)
        if data is not None:
            headers["Content-Type"] = "application/json"
        return await self.web.ask(method, f"{url}?{urlencode(query)}", headers=headers, body=data)

    async def _login(self) -> None:
        answer = await self.web.ask(
            "POST",
            self.auth_address + LOGIN_PATH,
            headers={"apiKey": self.account.api_key, "Content-Type": "application/json"},
            body=_to_bytes(
                {
                    "operatorAccountId": self.account.name,
                    "accountPassword": self.account.password,
                }
            ),
        )
        token = object_in(read_answer(answer, SYSTEM), SYSTEM).get("accessToken")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise ForeignRefusedError("the platform gives no access token")
        self._token = token


def _to_bytes(body: dict[str, Json]) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode("utf-8")
