"""Messages of the WebSocket API (API section 13): requests read from JSON, answers and events written. Sans-I/O.

A parameter may come as a string, a number or a boolean. What a request is, and what its signature
covers, is the text of each as it was sent: so numbers keep their digits, and all parameters become
text by name, just as they come over REST.
"""

from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from ingress import errors
from ingress.form import PARAM_LIMIT, Form
from ingress.responder import Reply
from protocol.units import MAX_I64

ID_LIMIT = 36
"""Characters of a request's id, when it is a string."""
NO_ID = b"null"
_TOLD_BY_CODE = (418, 429)
"""Statuses whose errors say when to try again."""

_Id = (
    Annotated[int, msgspec.Meta(ge=-MAX_I64, le=MAX_I64)]
    | Annotated[str, msgspec.Meta(max_length=ID_LIMIT)]
    | None
)


class _Usual(msgspec.Struct):
    """A request without fractions, nulls or arrays among its parameters: nearly every one."""

    method: str
    id: _Id = None
    params: dict[str, str | int | bool] = {}


class _Unusual(msgspec.Struct):
    """Any request."""

    method: str
    id: _Id = None
    params: dict[str, msgspec.Raw] | None = None


_read_usual = msgspec.json.Decoder(_Usual).decode
_read_unusual = msgspec.json.Decoder(_Unusual).decode
_encode = msgspec.json.encode


class WrongMessage(Exception):
    """A message that is no request; `id_` is its id as JSON, when that much could be read."""

    def __init__(self, refusal: errors.Refused, id_: bytes = NO_ID) -> None:
        super().__init__(refusal.msg)
        self.refusal = refusal
        self.id = id_


@dataclass(slots=True)
class Call:
    """One request: its id as JSON, its method, and its parameters as text."""

    id: bytes
    method: str
    fields: dict[str, str]

    def returns_limits(self, *, usually: bool) -> bool:
        """Tell whether the answer shall count what was used: what the request says, or as usual."""
        told = self.fields.get("returnRateLimits")
        return usually if told is None else told == "true"

    def form(self, *, proved: bool) -> Form:
        """Return the form of REST: who asks is taken out; what the signature covers is put in order."""
        fields = self.fields
        signature = fields.pop("signature", None)
        payload = b""
        if signature is not None:
            payload = "&".join([f"{name}={fields[name]}" for name in sorted(fields)]).encode()
        fields.pop("apiKey", None)
        if fields.pop("returnRateLimits", "true") not in ("true", "false"):
            raise errors.not_valid("returnRateLimits")
        return Form(fields, signature, payload, proved)


def read_call(message: bytes | bytearray) -> Call:
    """Read a request.

    Raises: WrongMessage.
    """
    try:
        usual = _read_usual(message)
    except msgspec.ValidationError:
        return _read_any(message)
    except (msgspec.DecodeError, RecursionError):
        raise WrongMessage(_not_json()) from None
    id_, fields = _encode(usual.id), usual.params
    for name, value in fields.items():
        if type(value) is not str:
            fields[name] = _text_of(value)
    return _checked(id_, usual.method, fields)  # type: ignore[arg-type]


def _text_of(value: str | int | bool) -> str:
    """Write a scalar as it stands in JSON."""
    if value is True:
        return "true"
    return "false" if value is False else str(value)


def _read_any(message: bytes | bytearray) -> Call:
    """Read a request with unusual parameters, or say what is wrong with it."""
    try:
        call = _read_unusual(message)
        fields = {name: _text_of_raw(bytes(raw)) for name, raw in (call.params or {}).items()}
    except msgspec.ValidationError:
        raise _explained(message) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # What is passed over unread, as the names in an object are, may be no UTF-8.
        raise WrongMessage(_not_json()) from None
    # A null stands for a parameter that is not there; it is not signed either.
    told = {name: text for name, text in fields.items() if text is not None}
    return _checked(_encode(call.id), call.method, told)


def _text_of_raw(raw: bytes) -> str | None:
    """Read a value's text: of a string what it says, of anything else how it is written."""
    if raw.startswith(b'"'):
        return str(msgspec.json.decode(raw, type=str))
    return None if raw == b"null" else raw.decode()


def _checked(id_: bytes, method: str, fields: dict[str, str]) -> Call:
    if len(fields) > PARAM_LIMIT:
        told = f"Too many parameters; expected '{PARAM_LIMIT}' and received '{len(fields)}'."
        raise WrongMessage(errors.Refused(-1101, told), id_)
    return Call(id_, method, fields)


def _explained(message: bytes | bytearray) -> WrongMessage:
    """Say what is wrong with JSON that is no request."""
    try:
        told = msgspec.json.decode(message)
    except (msgspec.DecodeError, RecursionError):
        return WrongMessage(_not_json())
    if not isinstance(told, dict):
        return WrongMessage(_not_json())
    try:
        id_ = _encode(msgspec.convert(told.get("id"), _Id))
    except msgspec.ValidationError:
        return WrongMessage(errors.not_valid("id"))
    if not isinstance(told.get("method"), str):
        return WrongMessage(errors.mandatory("method"), id_)
    return WrongMessage(errors.not_valid("params"), id_)


def _not_json() -> errors.Refused:
    return errors.Refused(-1135, "Invalid JSON Request")


def answer_of(id_: bytes, reply: Reply, rate_limits: bytes | None, now_ns: int) -> bytes:
    """Write the answer of a request; `rate_limits` is JSON, None when it shall not be told."""
    body = reply.body
    if reply.status == 200:
        word = b"result"
    else:
        word = b"error"
        if reply.status in _TOLD_BY_CODE and reply.retry_after_s is not None:
            body = _with_times(body, now_ns, reply.retry_after_s)
    parts = [b'{"id":', id_, b',"status":%d,"%b":' % (reply.status, word), body]
    if rate_limits is not None:
        parts += (b',"rateLimits":', rate_limits)
    parts.append(b"}")
    return b"".join(parts)


def _with_times(body: bytes, now_ns: int, retry_after_s: int) -> bytes:
    now_ms = now_ns // 1_000_000
    told: dict[str, Any] = msgspec.json.decode(body)
    times = {"serverTime": now_ms, "retryAfter": now_ms + retry_after_s * 1000}
    return _encode({**told, "data": {**told.get("data", {}), **times}})


def event_of(subscription_id: int, event: dict[str, Any]) -> bytes:
    """Write an event of a user data subscription."""
    return _encode({"subscriptionId": subscription_id, "event": event})
