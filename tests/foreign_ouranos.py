"""An Ouranos data transaction system, as a stranger would build it from the public interface:
login, operators, parts, trades, states, footprints; one query parameter chooses the model.
"""

import asyncio
import uuid
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

API_KEY = "Sample-Key"
DOWN = "b39e6248-c888-56ca-d9d0-89de1b1adc8e"
UP = "15572d1c-ec13-0d78-7f92-dd4278871373"
OPEN_DOWN = "7000012050002"
OPEN_UP = "5180001038380"
DOWN_TRACE = "40b77952-2c89-49be-8ce9-7c64a15e0ae7"
UP_TRACE = "2fb97052-250b-44de-acbb-1ba63e28af71"


def part(trace: str, operator: str, name: str) -> dict[str, Any]:
    return {
        "traceId": trace,
        "operatorId": operator,
        "plantId": "0cc8b4be-c727-4411-b478-2c874fbc6c25",
        "partsName": name,
        "supportPartsName": "型式A",
        "terminatedFlag": False,
        "amountRequired": None,
        "amountRequiredUnit": "kilogram",
    }


def account(name: str, password: str) -> dict[str, str]:
    """An account as an operator of ours keeps it in its secret file."""
    return {"operatorAccountId": name, "accountPassword": password, "apiKey": API_KEY}


@dataclass
class OuranosPlatform:
    """The platform with one downstream and one upstream operator."""

    accounts: dict[str, tuple[str, str]] = field(
        default_factory=lambda: {"down@example.jp": ("pw-1", DOWN), "up@example.jp": ("pw-2", UP)}
    )
    parts: list[dict[str, Any]] = field(
        default_factory=lambda: [part(DOWN_TRACE, DOWN, "部品A1"), part(UP_TRACE, UP, "部品B")]
    )
    trades: dict[str, dict[str, Any]] = field(default_factory=dict)
    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/auth/login", self.login, methods=["POST"]),
                Route("/api/v1/authInfo", self.auth_info),
                Route("/api/v1/datatransport", self.transport, methods=["GET", "PUT"]),
            ]
        )

    def _error(self, status: int, code: str, message: str) -> Response:
        return JSONResponse({"code": code, "message": message, "detail": "id: -"}, status)

    def _who(self, request: Request) -> str | Response:
        if request.headers.get("apikey") != API_KEY:
            return self._error(403, "[auth] AccessDenied", "Invalid key")
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.tokens:
            return self._error(401, "[auth] Unauthorized", "Invalid or expired token")
        return self.tokens[token]

    async def login(self, request: Request) -> Response:
        body = await request.json()
        password, operator = self.accounts.get(body.get("operatorAccountId"), ("", ""))
        if request.headers.get("apikey") != API_KEY or body.get("accountPassword") != password:
            return self._error(401, "[auth] Unauthorized", "Invalid credentials")
        token = f"token-{len(self.tokens)}"
        self.tokens[token] = operator
        return JSONResponse({"accessToken": token, "refreshToken": f"r-{token}"}, 201)

    async def auth_info(self, request: Request) -> Response:
        who = self._who(request)
        if isinstance(who, Response):
            return who
        wanted = request.query_params.get("openOperatorId")
        open_ids = {DOWN: OPEN_DOWN, UP: OPEN_UP}
        for operator, number in open_ids.items():
            if number == wanted or (wanted is None and operator == who):
                attribute = {"globalOperatorId": None}
                return JSONResponse(
                    {
                        "operatorId": operator,
                        "operatorName": "A社" if operator == DOWN else "B社",
                        "operatorAddress": "東京都渋谷区",
                        "openOperatorId": number,
                        "operatorAttribute": attribute,
                    }
                )
        return self._error(404, "[auth] NotFound", "Resource Not Found")

    async def transport(self, request: Request) -> Response:
        who = self._who(request)
        if isinstance(who, Response):
            return who
        target = f"{request.method} {request.query_params.get('dataTarget')}"
        if target == "GET parts":
            return JSONResponse([p for p in self.parts if p["operatorId"] == who])
        if target == "PUT parts":
            made = dict(await request.json())
            made["traceId"] = made["traceId"] or str(uuid.uuid4())
            if made["operatorId"] != who:
                return self._error(400, "[dataspace] BadRequest", "Validation failed")
            self.parts.append(made)
            return JSONResponse(made, 201)
        if target == "GET tradeResponse":
            return JSONResponse(self._waiting(who))
        if target == "PUT tradeResponse":
            return self._response(who, request)
        if target == "PUT status":
            return self._refusal(who, await request.json())
        if target == "PUT tradeRequest":
            return self._request(who, await request.json())
        if target == "GET tradeRequest":
            mine = [t for t in self.trades.values() if t["downstreamOperatorId"] == who]
            return JSONResponse(mine)
        if target == "GET status":
            return JSONResponse(list(self.states.values()))
        if target == "GET cfp":
            return self._footprints(who, request.query_params.get("traceIds", ""))
        return self._error(400, "[dataspace] BadRequest", "Invalid request parameters")

    def _waiting(self, who: str) -> list[dict[str, Any]]:
        return [
            {
                "statusModel": self.states[trade_id],
                "tradeModel": trade,
                "partsModel": next(
                    p for p in self.parts if p["traceId"] == trade["downstreamTraceId"]
                ),
            }
            for trade_id, trade in self.trades.items()
            if trade["upstreamOperatorId"] == who
        ]

    def _response(self, who: str, request: Request) -> Response:
        trade = self.trades.get(request.query_params.get("tradeId", ""), {})
        trace = request.query_params.get("traceId")
        mine = [p for p in self.parts if p["traceId"] == trace and p["operatorId"] == who]
        if trade.get("upstreamOperatorId") != who or not mine:
            return self._error(400, "[dataspace] BadRequest", "Validation failed")
        trade["upstreamTraceId"] = trace
        return JSONResponse(trade, 201)

    def _refusal(self, who: str, body: dict[str, Any]) -> Response:
        state = self.states.get(body.get("tradeId"), {})
        word = body["requestStatus"]["cfpResponseStatus"]
        if state.get("statusId") != body.get("statusId") or len(body["replyMessage"] or "") > 100:
            return self._error(400, "[dataspace] BadRequest", "Validation failed")
        state["requestStatus"]["cfpResponseStatus"] = word
        state["replyMessage"] = body["replyMessage"]
        return JSONResponse(state, 201)

    def _request(self, who: str, body: dict[str, Any]) -> Response:
        trade, state = dict(body["tradeModel"]), dict(body["statusModel"])
        if trade["downstreamOperatorId"] != who or len(state["message"]) > 100:
            return self._error(400, "[dataspace] BadRequest", "Validation failed")
        trade["tradeId"] = state["tradeId"] = str(
            uuid.uuid5(uuid.NAMESPACE_OID, str(len(self.trades)))
        )
        state["statusId"] = str(uuid.uuid5(uuid.NAMESPACE_OID, trade["tradeId"]))
        state["requestStatus"] = {
            "cfpResponseStatus": "NOT_COMPLETED",
            "tradeTreeStatus": "UNTERMINATED",
        }
        self.trades[trade["tradeId"]], self.states[trade["tradeId"]] = trade, state
        self.asked.set()
        return JSONResponse({"tradeModel": trade, "statusModel": state}, 201)

    def ask(self, downstream: str, upstream: str, message: str) -> str:
        """Another client of the platform asks for a trade; its id."""
        body = {
            "tradeModel": {
                "tradeId": None,
                "downstreamOperatorId": downstream,
                "upstreamOperatorId": upstream,
                "downstreamTraceId": DOWN_TRACE,
                "upstreamTraceId": None,
            },
            "statusModel": {"message": message, "replyMessage": None, "requestType": "CFP"},
        }
        self._request(downstream, body)
        return list(self.trades)[-1]

    def answer(self, trade_id: str) -> None:
        """The upstream operator links its part and hands in its footprint."""
        self.trades[trade_id]["upstreamTraceId"] = UP_TRACE
        self.states[trade_id]["requestStatus"]["cfpResponseStatus"] = "COMPLETED"

    def reject(self, trade_id: str, reason: str) -> None:
        self.states[trade_id]["requestStatus"]["cfpResponseStatus"] = "REJECT"
        self.states[trade_id]["replyMessage"] = reason

    def _footprints(self, who: str, traces: str) -> Response:
        done = {
            t["downstreamTraceId"]
            for t in self.trades.values()
            if t["downstreamOperatorId"] == who and t["upstreamTraceId"]
        }
        found = [
            {
                "cfpId": None,
                "traceId": trace,
                "ghgEmission": 1.5,
                "ghgDeclaredUnit": "kgCO2e/kilogram",
                "cfpType": "preProductionResponse",
                "dqrType": "preProcessingResponse",
                "dqrValue": {"TeR": 1, "GeR": 2, "TiR": 3},
            }
            for trace in traces.split(",")
            if trace in done
        ]
        return JSONResponse(found)
