"""What clients ask of a stream connection: its address, and the requests on it (API section 11). Pure.

The texts of refusals are those of the dialect, word for word, positions included: clients match
them. A request either is a `Request` or the text that refuses it.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from broadcaster.encode import MICROSECOND, MILLISECOND
from runtime.listen_keys import is_listen_key

METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
_METHOD = re.compile(r'"method"\s*:\s*(?:"(?P<name>(?:[^"\\]|\\.)*)"|(?P<other>[^\s,}\]]*))')
_ID_LIMIT = 36
_BOOLEAN = "Invalid value type: expected Boolean"
_UNITS = {
    "MILLISECOND": MILLISECOND,
    "millisecond": MILLISECOND,
    "MICROSECOND": MICROSECOND,
    "microsecond": MICROSECOND,
}

Id = int | str | None


@dataclass(frozen=True)
class Opening:
    """What the address of a connection asks for."""

    names: tuple[str, ...]
    combined: bool
    unit_ns: int


@dataclass(frozen=True)
class Request:
    """One request; `names` for the first two methods, `combined` for SET_PROPERTY."""

    method: str
    id: Id
    names: tuple[str, ...] = ()
    combined: bool = False


class WrongAddress(ValueError):
    """An address that cannot be served; the message is the body of the HTTP answer."""


def opening_of(target: str) -> Opening:
    """Read the target of the HTTP request.

    `/stream…` is combined, everything else raw, `/stream/ws/…` too. Parts of the path that cannot
    be a stream are accepted and mean nothing: clients number their connections there.

    Raises: WrongAddress for a time unit that does not exist.
    """
    path, _, query = target.partition("?")
    # A plus sign stays one: it is part of the names of candles in other time zones.
    asked = dict(pair.partition("=")[::2] for pair in query.split("&"))
    unit = unquote(asked.get("timeUnit", "MILLISECOND"))
    if unit not in _UNITS:
        raise WrongAddress(
            '{"code":-1194,"msg":"Invalid value for time unit; expected either MICROSECOND or MILLISECOND."}'
        )
    parts = [unquote(part) for part in path.split("/") if part]
    wrapped = parts[:1] == ["stream"] and parts[1:2] != ["ws"]
    listed = unquote(asked.get("streams", "")).split("/") if wrapped else []
    names = [name for name in (*listed, *parts) if is_stream(name)]
    return Opening(tuple(dict.fromkeys(names)), wrapped, _UNITS[unit])


def is_stream(name: str) -> bool:
    """Tell whether a part of an address names a stream."""
    return "@" in name or name.startswith("!") or is_listen_key(name)


def request_of(text: str) -> Request | str:
    """Read one request; the text of the refusal when it is none."""
    try:
        asked = json.loads(text)
    except json.JSONDecodeError as error:
        return _refusal(
            3, f"Invalid JSON: expected value at line {error.lineno} column {error.colno}"
        )
    except (ValueError, RecursionError):
        return _refusal(3, "Invalid JSON: expected value at line 1 column 1")
    method = asked.get("method") if isinstance(asked, dict) else None
    if not isinstance(asked, dict) or "method" not in asked:
        return _invalid(f"missing field `method` at {_place(text, len(text))}")
    if method not in METHODS:
        return _unknown_method(text, method)
    if "id" in asked and not _is_id(asked["id"]):
        return _invalid("request ID must be an unsigned integer")
    params = asked.get("params") or []
    if not isinstance(params, list):
        return _invalid("params must be an array")
    return _READERS[method](method, asked.get("id"), params)


def result(request: Request, value: object) -> str:
    """Write the answer to a request that was done."""
    return json.dumps({"result": value, "id": request.id}, separators=(",", ":"))


def too_many_streams(limit: int) -> str:
    """Write the refusal of a subscription beyond the limit."""
    return _invalid(f"too many streams: a connection can listen to {limit} at most")


def _names(method: str, id_: Id, params: Sequence[object]) -> Request | str:
    names = tuple(name for name in params if isinstance(name, str))
    if len(names) < len(params):
        return _invalid("stream names must be strings")
    return Request(method, id_, names=names)


def _nothing(method: str, id_: Id, params: Sequence[object]) -> Request | str:
    return _invalid("too many parameters") if params else Request(method, id_)


def _get_property(method: str, id_: Id, params: Sequence[object]) -> Request | str:
    if len(params) > 1:
        return _invalid("too many parameters")
    return _wrong_property(id_, params) or Request(method, id_)


def _set_property(method: str, id_: Id, params: Sequence[object]) -> Request | str:
    if len(params) > 2:
        return _invalid("too many parameters")
    if wrong := _wrong_property(id_, params):
        return wrong
    value = params[1] if len(params) == 2 else None
    if not isinstance(value, bool):
        return _refusal(1, _BOOLEAN)
    return Request(method, id_, combined=value)


def _wrong_property(id_: Id, params: Sequence[object]) -> str | None:
    if not params or not isinstance(params[0], str):
        return _invalid("property name must be a string")
    if params[0] != "combined":
        return json.dumps({"code": 0, "msg": "Unknown property", "id": id_}, separators=(",", ":"))
    return None


_READERS = {
    "SUBSCRIBE": _names,
    "UNSUBSCRIBE": _names,
    "LIST_SUBSCRIPTIONS": _nothing,
    "SET_PROPERTY": _set_property,
    "GET_PROPERTY": _get_property,
}


def _is_id(value: object) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, int):
        return -(1 << 63) <= value < 1 << 63
    return value is None or (isinstance(value, str) and len(value) <= _ID_LIMIT)


def _unknown_method(text: str, method: object) -> str:
    found = _METHOD.search(text)
    name = method if isinstance(method, str) else json.dumps(method)
    expected = ", ".join(f"`{known}`" for known in METHODS)
    place = _place(text, found.end() if found else len(text))
    return _invalid(f"unknown variant `{name}`, expected one of {expected} at {place}")


def _place(text: str, end: int) -> str:
    line_start = text.rfind("\n", 0, end) + 1
    return f"line {text.count(chr(10), 0, end) + 1} column {end - line_start}"


def _invalid(what: str) -> str:
    return _refusal(2, f"Invalid request: {what}")


def _refusal(code: int, msg: str) -> str:
    return json.dumps({"code": code, "msg": msg}, separators=(",", ":"))
