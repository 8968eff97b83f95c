"""The OpenAPI document of the REST door, made of the declarations that parse the requests."""

import inspect
from collections.abc import Mapping
from typing import Any

from ingress.door import Operation
from ingress.params import Param, Request, Security

Told = dict[str, Any]
VERSION = "3.1.0"
_TIMING = (
    ("timestamp", True, "When the request was made, milliseconds (or microseconds) since 1970"),
    ("recvWindow", False, "How many milliseconds it is good for; 5000 by default, at most 60000"),
)
_FAILURES = {
    "400": "Refused: the code and text say why",
    "401": "The key is missing, unknown, or may not do this",
    "403": "Not allowed from here",
    "409": "A cancel-replace of which one half was done",
    "418": "Banned for a while",
    "429": "Too many requests or orders; see Retry-After",
    "503": "Not now: nothing was done; see Retry-After",
    "504": "No answer in time: whether it was done is unknown",
}
_GROUPS = {
    Security.NONE: "Market",
    Security.TRADE: "Trading",
    Security.USER_DATA: "Account",
    Security.USER_STREAM: "User streams",
}


def document(operations: Mapping[Request, Operation]) -> Told:
    """Describe every request."""
    paths: dict[str, Told] = {}
    for request, operation in operations.items():
        paths.setdefault(request.path, {})[request.verb.lower()] = _operation(request, operation)
    return {
        "openapi": VERSION,
        "info": {
            "title": "Openbourse REST API",
            "version": "3",
            "description": (
                "Parameters of POST, PUT and DELETE may come in the query string, in a form body, or in "
                "both. Numbers that are prices, quantities or money are decimal strings."
            ),
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in _GROUPS.values()],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "apiKey": {"type": "apiKey", "in": "header", "name": "X-MBX-APIKEY"}
            },
            "schemas": {
                "Refusal": {
                    "type": "object",
                    "required": ["code", "msg"],
                    "properties": {"code": {"type": "integer"}, "msg": {"type": "string"}},
                }
            },
        },
    }


def _operation(request: Request, operation: Operation) -> Told:
    told: Told = {
        "operationId": f"{request.verb.lower()} {request.path}".translate(_TO_NAME),
        "summary": _summary(request, operation),
        "tags": [_GROUPS[request.security]],
        "x-method": request.method,
        "x-weight": request.weight if isinstance(request.weight, int) else "by parameters",
        "parameters": [_parameter(param) for param in request.params],
        "responses": {
            "200": {"description": "Done", "content": {"application/json": {"schema": {}}}},
            **{status: _failure(text) for status, text in _FAILURES.items()},
        },
    }
    if request.permission:
        told["security"] = [{"apiKey": []}]
    if request.signed:
        told["parameters"] += _signed()
    return told


_TO_NAME = str.maketrans({" ": "_", "/": "_"})


def _summary(request: Request, operation: Operation) -> str:
    """Return what the operation says of itself, without the verb and path that it repeats."""
    first = (inspect.getdoc(operation) or "").partition("\n")[0]
    _, _, rest = first.partition(request.path)
    return rest.lstrip(": .").rstrip(".") or request.method


def _parameter(param: Param) -> Told:
    schema = dict(param.kind.schema)
    told: Told = {"name": param.name, "in": "query", "required": param.required}
    if schema.get("type") == "array":
        # One JSON text, not one parameter for each member.
        return {**told, "content": {"application/json": {"schema": schema}}}
    return {**told, "schema": schema}


def _signed() -> list[Told]:
    timing = [
        {
            "name": name,
            "in": "query",
            "required": required,
            "description": text,
            "schema": {"type": "number"},
        }
        for name, required, text in _TIMING
    ]
    seal = {
        "name": "signature",
        "in": "query",
        "required": True,
        "description": "HMAC-SHA256, RSA or Ed25519 over query string and body as sent",
        "schema": {"type": "string"},
    }
    return [*timing, seal]


def _failure(text: str) -> Told:
    schema = {"$ref": "#/components/schemas/Refusal"}
    return {"description": text, "content": {"application/json": {"schema": schema}}}
