"""An OpenAPI 3.1 document of the protocol's endpoints, from the table that serves them.

It is served in development alone, at ``<root>/openapi.json``: tests make requests from it.
"""

from typing import Any

from delian.adapters.dsp_endpoints import ENDPOINTS, Endpoint
from delian.exchange.words import CONTEXT, VERSION, VERSION_PATH, WELL_KNOWN_PATH

_TEXT = {"type": "string", "minLength": 1, "maxLength": 200}
_URL = {"type": "string", "pattern": "^http://127\\.0\\.0\\.1:[1-9][0-9]{3}/[a-z]{1,10}$"}
_RULE = {
    "type": "object",
    "required": ["action"],
    "properties": {
        "action": {"enum": ["use"]},
        "constraint": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["leftOperand", "operator", "rightOperand"],
                "properties": {
                    "leftOperand": _TEXT,
                    "operator": {"enum": ["eq", "neq", "gt", "lteq", "isAnyOf"]},
                    "rightOperand": {"type": ["string", "integer", "array"]},
                },
            },
        },
    },
}
_REASONS = {"type": "array", "items": _TEXT}
_ADDRESS = {
    "type": "object",
    "required": ["@type", "endpointType"],
    "properties": {
        "@type": {"const": "DataAddress"},
        "endpointType": _TEXT,
        "endpoint": _URL,
        "endpointProperties": {"type": "array", "items": {"type": "object"}},
    },
}


def _policy(kind: str, *more: str) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["@type", "@id", "target", *more],
        "properties": {
            "@type": {"const": kind},
            "@id": _TEXT,
            "target": _TEXT,
            "assigner": _TEXT,
            "assignee": _TEXT,
            "permission": {"type": "array", "items": _RULE},
        },
    }


_PIDS = {"providerPid": _TEXT, "consumerPid": _TEXT}
_BOTH = ("providerPid", "consumerPid")
_END = {**_PIDS, "code": _TEXT, "reason": _REASONS}
# What each message holds beside context and type, and which of it must be there.
_MEMBERS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "CatalogRequestMessage": ({"filter": {"type": "array", "items": {"type": "object"}}}, ()),
    "ContractRequestMessage": (
        {**_PIDS, "offer": _policy("Offer"), "callbackAddress": _URL},
        ("consumerPid", "offer"),
    ),
    "ContractOfferMessage": (
        {**_PIDS, "offer": _policy("Offer"), "callbackAddress": _URL},
        ("providerPid", "offer"),
    ),
    "ContractAgreementMessage": (
        {**_PIDS, "agreement": _policy("Agreement", "assigner", "assignee")},
        (*_BOTH, "agreement"),
    ),
    "ContractAgreementVerificationMessage": (_PIDS, _BOTH),
    "ContractNegotiationEventMessage": (
        {**_PIDS, "eventType": {"enum": ["ACCEPTED", "FINALIZED"]}},
        (*_BOTH, "eventType"),
    ),
    "ContractNegotiationTerminationMessage": (_END, _BOTH),
    "TransferRequestMessage": (
        {
            "consumerPid": _TEXT,
            "agreementId": _TEXT,
            "format": {"enum": ["HttpData-PULL", "HttpData-PUSH", "other"]},
            "callbackAddress": _URL,
            "dataAddress": _ADDRESS,
        },
        ("consumerPid", "agreementId", "format"),
    ),
    "TransferStartMessage": ({**_PIDS, "dataAddress": _ADDRESS}, _BOTH),
    "TransferCompletionMessage": (_PIDS, _BOTH),
    "TransferSuspensionMessage": (_END, _BOTH),
    "TransferTerminationMessage": (_END, _BOTH),
}
_ERROR = {"type": "object", "required": ["@type"], "properties": {"reason": _REASONS}}


def openapi(root: str) -> dict[str, Any]:
    """The document of the connector at *root*."""
    paths: dict[str, Any] = {
        WELL_KNOWN_PATH: {"get": {"operationId": "versions", "responses": {"200": _answer("")}}}
    }
    for endpoint in ENDPOINTS:
        found = paths.setdefault(VERSION_PATH + endpoint.path, {})
        found[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Dataspace Protocol", "version": VERSION},
        "servers": [{"url": root}],
        "paths": paths,
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    success = "201" if endpoint.is_first else "200"
    refusals = {
        status: {"description": "refused", "content": {"application/json": {"schema": _ERROR}}}
        for status in ("400", "401", "404", "429")
    }
    operation: dict[str, Any] = {
        "operationId": endpoint.name,
        "responses": {success: _answer("done"), **refusals},
    }
    if "{pid}" in endpoint.path:
        operation["parameters"] = [{"name": "pid", "in": "path", "required": True, "schema": _TEXT}]
    if endpoint.name == "catalog":
        page = {"name": "page", "in": "query", "schema": {"type": "string"}}
        operation["parameters"] = [page]
    if endpoint.message is not None:
        body = {"application/json": {"schema": _message(endpoint)}}
        operation["requestBody"] = {"required": True, "content": body}
    return operation


def _message(endpoint: Endpoint) -> dict[str, Any]:
    kind = endpoint.message.type
    members, required = _MEMBERS[kind]
    if endpoint.is_first:
        required = (*required, "callbackAddress")
        other = "consumerPid" if "offers" in endpoint.path else "providerPid"
        members = {name: value for name, value in members.items() if name != other}
    context = {"type": "array", "items": {"const": CONTEXT}, "minItems": 1, "maxItems": 1}
    return {
        "type": "object",
        "required": ["@context", "@type", *required],
        "properties": {"@context": context, "@type": {"const": kind}, **members},
    }


def _answer(description: str) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object"}
    return {
        "description": description or "the versions",
        "content": {"application/json": {"schema": schema}},
    }
